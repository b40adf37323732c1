"""Writing bundles for the other site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.conf import settings

from common_apps.audit.actors import Actor
from common_apps.core import clock
from common_apps.core.errors import DomainError
from common_apps.core.outages import OUTAGES
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.choices import ExportStatus
from common_apps.transfer.errors import TransferBusyError, UnknownStreamError
from common_apps.transfer.folders import Folders, site_folders
from common_apps.transfer.limits import site_limits
from common_apps.transfer.locks import hold
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.registry import log_senders, sent_streams, state_senders
from common_apps.transfer.selectors import unfinished_exports
from common_apps.transfer.services.days import count_day
from common_apps.transfer.services.export_log import export_log
from common_apps.transfer.services.export_state import export_state
from common_apps.transfer.services.export_steps import ExportOutcome, ExportRun
from common_apps.transfer.services.files import tidy_exports, untidy_exports
from common_apps.transfer.services.known import forget_lost_held
from common_apps.transfer.services.peer import writer_keys
from common_apps.transfer.services.recovery import recover_exports, remove_strays

log = structlog.get_logger("transfer.export")

_AFTER_FAILURE = timedelta(seconds=60)


class Apart:
    """Keeps what one stream's export raises from the others: it is logged, and raised once all have been tried.

    What keeps every stream from being exported (the database, a missing folder or key) is raised at once.
    """

    def __init__(self) -> None:
        self._first: Exception | None = None

    @contextmanager
    def keep(self, stream: str) -> Iterator[None]:
        """For the export of one stream."""
        try:
            yield
        except TransferBusyError as error:
            # An exporter that hangs holds its own stream alone.
            self._keep(stream, error)
        except OUTAGES + (DomainError,):  # noqa: RUF005 - mypy knows the type of a sum
            raise
        except Exception as error:
            self._keep(stream, error)

    def _keep(self, stream: str, error: Exception) -> None:
        # Of a full disk or a record that can't be written the words are enough; anything else is a bug.
        bug = None if isinstance(error, OSError | BundleError | DomainError) else error
        log.error("stream not exported", stream=stream, reason=str(error), exc_info=bug)
        self._first = self._first or error

    def raise_first(self) -> None:
        """Raises what was met first, if anything was."""
        if self._first is not None:
            raise self._first


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
    return _export_stream(stream, actor, full=full, limits=limits, wait=wait, day=count_day(), done=[])


def _export_stream(
    stream: str,
    actor: Actor,
    *,
    full: bool,
    limits: Limits | None,
    wait: bool,
    day: int,
    done: list[ExportOutcome],
) -> list[ExportOutcome]:
    if stream not in log_senders and stream not in state_senders:
        raise UnknownStreamError(stream, sent_streams())
    folders = site_folders()
    folders.require_exports()
    folders.make_private()
    with hold(folders.export_lock(stream), what=f"the export of {stream}", wait=wait):
        run, before = _begin(stream, actor, folders, limits, day, done), len(done)
        remove_strays(run)
        # One question for two: only the holder of the lock makes a bundle unfinished, or untidy.
        unsettled = (unfinished_exports(stream) | untidy_exports(stream, folders)).exists()
        if unsettled:
            recover_exports(run=run)
        if stream == HOLDINGS:
            forget_lost_held(folders)
        if stream in log_senders:
            export_log(run=run, sender=log_senders[stream])
        else:
            export_state(run=run, sender=state_senders[stream], full=full)
        if unsettled or len(done) > before:
            tidy_exports(stream=stream, folders=folders)
    return done


def settle_dead_exporter(*, stream: str, actor: Actor) -> None:
    """What an exporter that died has left of the stream is finished, or given back. The caller holds the stream's lock.

    Raises TransferNotReadyError, OSError.
    """
    if unfinished_exports(stream).exists():
        recover_exports(run=_begin(stream, actor, site_folders(), None, count_day(), []))


def _begin(
    stream: str, actor: Actor, folders: Folders, limits: Limits | None, day: int, done: list[ExportOutcome]
) -> ExportRun:
    return ExportRun(
        stream=stream,
        actor=actor,
        folders=folders,
        keys=writer_keys(),
        limits=limits or site_limits(),
        day=day,
        done=done,
    )


def export_all(
    *,
    actor: Actor,
    streams: Sequence[str] | None = None,
    full: bool = False,
    limits: Limits | None = None,
    wait: bool = True,
    done: list[ExportOutcome] | None = None,
) -> list[ExportOutcome]:
    """The streams in this order, by default all of this site, holdings last. One that can't be exported doesn't keep
    the next from it. Raises as ``export_stream``, once all were tried. ``done``: a list that gets each bundle as soon
    as it is written, for whoever wants to know them also when something raises.
    """
    done = [] if done is None else done
    apart = Apart()
    day = count_day()
    for stream in sent_streams() if streams is None else streams:
        with apart.keep(stream):
            _export_stream(stream, actor, full=full, limits=limits, wait=wait, day=day, done=done)
    apart.raise_first()
    return done


def is_export_due(stream: str) -> bool:
    """Whether the automatic export should run: 500 rows of a log wait, or the oldest has waited EXPORT_WAIT_SECONDS, or
    an exporter has died with rows in its hand (or is still at it, and will be found busy). After a failure it waits a
    minute: every attempt leaves a row for ever, and a full disk may last for days.

    A state is always looked at: whether it says anything new only its content tells.
    """
    sender = log_senders.get(stream)
    if _has_just_failed(stream):
        return False
    if sender is None:
        return stream in state_senders
    if unfinished_exports(stream).exists():
        return True
    waiting = sender.waiting()
    if waiting.count >= site_limits().log_records:
        return True
    if waiting.count == 0 or waiting.oldest_at is None:
        return False
    # Rows from the future: the clock was put back, and nobody knows how long they have waited.
    waited = clock.now() - waiting.oldest_at
    return not timedelta(0) <= waited < timedelta(seconds=settings.EXPORT_WAIT_SECONDS)


def _has_just_failed(stream: str) -> bool:
    # Rows that stand for what was forgotten have no file, and were no attempt.
    own = ExportBatch.objects.filter(batch_type=stream).exclude(filename="")
    newest = own.order_by("-created_at", "-id").first()
    if newest is None or newest.status != ExportStatus.FAILED:
        return False
    # A clock that was put back must not make it wait for longer.
    return abs(clock.now() - newest.created_at) < _AFTER_FAILURE
