"""Whether the other site can read and believe what was written for it."""

from __future__ import annotations

from common_apps.transfer.bundle.header import Hello
from common_apps.transfer.models import ExportBatch


def is_readable_by(hello: Hello, batch: ExportBatch) -> bool:
    """Its box key is one that the peer announces, its signer one that the peer trusts, its schema one that the peer
    reads.
    """
    return (
        any(key.box_key == batch.box_key for key in hello.box_keys())
        and batch.signer in hello.trusts
        and batch.schema <= hello.max_schema
    )
