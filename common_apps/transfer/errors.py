"""What keeps transfer from working: faults of this site's own, each with its cure. A faulty bundle is bundle.errors'
matter.
"""

from __future__ import annotations

from common_apps.core.errors import DomainError


class TransferNotReadyError(DomainError):
    """A folder or a key that transfer stands on is missing or can't be used; nothing was changed."""

    def __init__(self, detail: str) -> None:
        super().__init__("service_unavailable", detail)


class TransferBusyError(DomainError):
    """Somebody else is at it, and the caller did not want to wait."""

    def __init__(self, what: str) -> None:
        super().__init__("conflict", f"{what} is running already; it takes whatever waits with it.")


class TransferStuckError(TransferBusyError):
    """Somebody else is at it, and has been for longer than one waits. ``holder``: the process, where it is known."""

    def __init__(self, what: str, *, seconds: int, holder: int | None) -> None:
        who = f"process {holder}" if holder else "a process of this site"
        DomainError.__init__(
            self,
            "conflict",
            f"{what} has been running in {who} for longer than {seconds} s (LOCK_WAIT_SECONDS). If that process hangs, "
            "end it: whoever comes next takes up its work.",
        )


class UnknownStreamError(DomainError):
    """No such stream leaves this site."""

    def __init__(self, stream: str, known: list[str]) -> None:
        super().__init__("not_found", f"This site does not send {stream!r}; it sends {', '.join(sorted(known))}.")
