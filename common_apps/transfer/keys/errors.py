"""What can be wrong with the key folder. Each error says what and where, and what to do."""


class KeyFolderError(Exception):
    """`detail` is the fault and `cure` what a person does about it; neither holds key material."""

    def __init__(self, detail: str, cure: str) -> None:
        super().__init__(f"{detail} {cure}")
        self.detail = detail
        self.cure = cure


class KeysMissingError(KeyFolderError):
    """This site has no keys yet, or knows none of the peer's."""


class KeysExistError(KeyFolderError):
    """Keys are there already and are not overwritten."""


class KeyFileError(KeyFolderError):
    """A file or folder can be read by others, or is not what the format asks for."""


class TrustError(KeyFolderError):
    """A public file that must not be trusted as it is."""
