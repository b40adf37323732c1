"""What can go wrong with the stack, told to a person."""


class DevstackError(Exception):
    """The stack can't be started, or doesn't behave; the text says what, where and what to do."""


class PortInUseError(DevstackError):
    """Another program listens on a port that this stack needs."""


class NamespaceUnavailableError(DevstackError):
    """This host or container doesn't let us make network namespaces."""
