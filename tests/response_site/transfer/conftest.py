"""The fixtures of tests/common/transfer, for what only this site does."""

from tests.common.transfer.conftest import folders, peer, received, receiver, sender, sent, tables

__all__ = ["folders", "peer", "received", "receiver", "sender", "sent", "tables"]
