"""Batches and what both sites hold, in the admin: a module for each thing that is shown."""

from common_apps.transfer.admin.carries import CarryAdmin
from common_apps.transfer.admin.days import DayCounterAdmin
from common_apps.transfer.admin.exports import ExportBatchAdmin
from common_apps.transfer.admin.imports import ImportBatchAdmin
from common_apps.transfer.admin.keys import KeysAdmin
from common_apps.transfer.admin.peers import PeerAdmin
from common_apps.transfer.admin.states import AppliedStateAdmin, HeardStateAdmin

__all__ = [
    "AppliedStateAdmin",
    "CarryAdmin",
    "DayCounterAdmin",
    "ExportBatchAdmin",
    "HeardStateAdmin",
    "ImportBatchAdmin",
    "KeysAdmin",
    "PeerAdmin",
]
