"""Which streams leave this site."""

from __future__ import annotations

from common_apps.transfer.bundle.streams import HOLDINGS, STREAMS
from common_apps.transfer.registry import log_senders, state_senders


def sent_streams() -> list[str]:
    """The streams that leave this site, holdings last: they tell of what the others have just sent."""
    here = [stream for stream in STREAMS if stream in log_senders or stream in state_senders]
    return sorted(here, key=lambda stream: stream == HOLDINGS)
