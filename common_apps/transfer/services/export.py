"""Writing bundles for the other site."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from common_apps.audit.actors import Actor
from common_apps.core import clock
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.errors import UnknownStreamError
from common_apps.transfer.folders import site_folders
from common_apps.transfer.limits import site_limits
from common_apps.transfer.locks import hold
from common_apps.transfer.registry import log_senders, sent_streams, state_senders
from common_apps.transfer.services.days import count_day
from common_apps.transfer.services.export_log import export_log
from common_apps.transfer.services.export_state import export_state
from common_apps.transfer.services.export_steps import ExportOutcome, ExportRun
from common_apps.transfer.services.files import tidy_exports
from common_apps.transfer.services.peer import writer_keys
from common_apps.transfer.services.recovery import recover_exports
from common_apps.transfer.services.settling import forget_lost_held


def export_stream(
    *, stream: str, actor: Actor, full: bool = False, limits: Limits | None = None, wait: bool = True
) -> list[ExportOutcome]:
    """Writes what the stream has to say: a log's bundles until nothing waits, or a state's new version when
    something is new.

    ``full`` writes a state's snapshot whether or not anything is new. First of all it settles what a dead exporter
    left. Must not be called inside a transaction: T1 has to be durable before the file. Raises UnknownStreamError,
    TransferNotReadyError (folders, keys), TransferBusyError when somebody else exports the stream and ``wait`` is
    false, BundleError or OSError when a file can't be written (its rows are pending again).
    """
    if stream not in log_senders and stream not in state_senders:
        raise UnknownStreamError(stream, sent_streams())
    folders = site_folders()
    folders.require_exports()
    folders.make_private()
    with hold(folders.export_lock(stream), what=f"the export of {stream}", wait=wait):
        run = ExportRun(
            stream=stream,
            actor=actor,
            folders=folders,
            keys=writer_keys(),
            limits=limits or site_limits(),
            day=count_day(),
        )
        outcomes = recover_exports(run=run)
        if stream == HOLDINGS:
            forget_lost_held(folders)
        if stream in log_senders:
            outcomes += export_log(run=run, sender=log_senders[stream])
        else:
            outcomes += export_state(run=run, sender=state_senders[stream], full=full)
        tidy_exports(stream=stream, folders=folders)
    return outcomes


def export_all(
    *, actor: Actor, full: bool = False, limits: Limits | None = None, wait: bool = True
) -> list[ExportOutcome]:
    """Every stream of this site, holdings last. Raises as ``export_stream``."""
    outcomes = []
    for stream in sent_streams():
        outcomes += export_stream(stream=stream, actor=actor, full=full, limits=limits, wait=wait)
    return outcomes


def is_export_due(stream: str) -> bool:
    """Whether the automatic export should run: 500 rows of a log wait, or the oldest has waited EXPORT_WAIT_SECONDS.

    A state is always looked at: whether it says anything new only its content tells.
    """
    sender = log_senders.get(stream)
    if sender is None:
        return stream in state_senders
    waiting = sender.waiting()
    if waiting.count >= site_limits().log_records:
        return True
    patience = timedelta(seconds=settings.EXPORT_WAIT_SECONDS)
    return waiting.count > 0 and waiting.oldest_at is not None and clock.now() - waiting.oldest_at >= patience
