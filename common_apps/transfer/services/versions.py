"""Which versions of a state can be believed.

The format allows 1 .. 2^52, and a version is always one above the greatest that was heard of. Whoever names 2^52, with
a stolen key or out of malice, would leave no version above it: nobody could tell anything any more, even after the key
was replaced. No clock counts 2^51 milliseconds (that is the year 73326), and no site writes 2^20 bundles unheard.
"""

from __future__ import annotations

from common_apps.transfer.bundle.header import MAX_SEQ

FARTHEST = MAX_SEQ // 2
FARTHEST_STEP = 2**20


def is_believable(version: int, *, known: int) -> bool:
    """Whether a site whose greatest known version is ``known`` can have written ``version``."""
    return version <= max(FARTHEST, known + FARTHEST_STEP)
