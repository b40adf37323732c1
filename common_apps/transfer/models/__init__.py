"""Batches written and met, what is applied of each state, and what the other site says it holds."""

from common_apps.transfer.models.carry import Carry
from common_apps.transfer.models.day import DayCounter
from common_apps.transfer.models.export_batch import ExportBatch
from common_apps.transfer.models.import_batch import ImportBatch
from common_apps.transfer.models.key import LeavingKey
from common_apps.transfer.models.state import AppliedState, HeardState, Peer

__all__ = ["AppliedState", "Carry", "DayCounter", "ExportBatch", "HeardState", "ImportBatch", "LeavingKey", "Peer"]
