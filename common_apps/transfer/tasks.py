"""Transfer's work on the queue of the host that has the folders. Each is safe when run twice at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from celery import shared_task

from common_apps.audit.actors import SYSTEM, Actor
from common_apps.core.errors import DomainError
from common_apps.transfer.errors import TransferBusyError, TransferNotReadyError, UnknownStreamError
from common_apps.transfer.media.errors import StickError
from common_apps.transfer.services import Apart, ImportOutcome, export_stream, media, scan_imports, sent_streams
from common_apps.transfer.services.media_report import describe_fault
from common_apps.transfer.services.quarantine import discard, import_again, release_held

log = structlog.get_logger("transfer.tasks")


@shared_task(name="transfer.export", acks_late=True)
def export(streams: list[str] | None = None, full: bool = False, actor: dict[str, Any] | None = None) -> dict[str, Any]:
    """The streams, or all: {outcome: done, busy or not_ready, bundles: how many}. ``actor``: the fields of audit's
    Actor, by default the site. A stream that this site doesn't send is logged and left out: schedules are typed by
    people.

    Busy means that another exporter holds the stream's lock: it goes on until nothing waits, and the next sweep
    catches the rest.
    """
    who = Actor(**actor) if actor else SYSTEM
    written, outcome = 0, "done"
    apart = Apart()
    for each in sent_streams() if streams is None else streams:
        with apart.keep(each):
            try:
                written += len(export_stream(stream=each, actor=who, full=full, wait=False))
            except UnknownStreamError as error:
                log.warning("not a stream of this site", stream=each, detail=error.detail)
            except TransferBusyError as error:
                log.info("export is busy", stream=each, detail=error.detail)
                outcome = "busy"
            except TransferNotReadyError as error:
                log.warning("export is not possible yet", stream=each, detail=error.detail)
                return {"outcome": "not_ready", "bundles": written}
    apart.raise_first()
    return {"outcome": outcome, "bundles": written}


@shared_task(name="transfer.import_scan", acks_late=True)
def import_scan(actor: dict[str, Any] | None = None) -> dict[str, Any]:
    """Scans IMPORT_DIR: {outcome: done, busy or not_ready, files: how many, refused: how many are alarming}.

    Busy means that another importer has not let go of its lock for long; the next scan takes what is left.
    """
    try:
        outcomes = scan_imports(actor=Actor(**actor) if actor else SYSTEM)
    except TransferBusyError as error:
        log.warning("import is busy", detail=error.detail)
        return {"outcome": "busy", "files": 0, "refused": 0}
    except TransferNotReadyError as error:
        log.warning("import is not possible yet", detail=error.detail)
        return {"outcome": "not_ready", "files": 0, "refused": 0}
    return {
        "outcome": "done",
        "files": len(outcomes),
        "refused": sum(each.is_alarming for each in outcomes),
    }


@shared_task(name="transfer.release", acks_late=True)
def release(row_id: str, actor: dict[str, Any] | None = None) -> dict[str, Any]:
    """Releases a held bundle: {outcome, code, detail}."""
    return _decide(lambda who: release_held(row_id=UUID(row_id), actor=who), actor)


@shared_task(name="transfer.import_again", acks_late=True)
def judge_again(row_id: str, actor: dict[str, Any] | None = None) -> dict[str, Any]:
    """Judges a refused, waiting or dropped file anew: {outcome, code, detail}."""
    return _decide(lambda who: import_again(row_id=UUID(row_id), actor=who), actor)


@shared_task(name="transfer.discard", acks_late=True)
def give_up(row_id: str, reason: str, actor: dict[str, Any] | None = None) -> dict[str, Any]:
    """Discards what lies in quarantine: {outcome: discarded, code, detail}."""
    return _decide(lambda who: discard(row_id=UUID(row_id), actor=who, reason=reason), actor)


def _decide(work: Callable[[Actor], ImportOutcome | None], actor: dict[str, Any] | None) -> dict[str, Any]:
    """What can't be done is an outcome, too: the row was settled since it was asked for, by somebody else or by a task
    that was run twice.
    """
    try:
        found = work(Actor(**actor) if actor else SYSTEM)
    except DomainError as error:
        log.warning("quarantine: not done", code=error.code, detail=error.detail)
        return {"outcome": "refused", "code": error.code, "detail": error.detail}
    if found is None:
        return {"outcome": "discarded", "code": None, "detail": ""}
    return {"outcome": found.outcome, "code": found.code, "detail": found.detail}


@shared_task(name="transfer.sync_media", acks_late=True)
def sync_media(
    path: str | None = None, wait_s: float = 0, ours: bool = False, actor: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One carry with the stick at ``path``: {outcome: fine, attention, failed, busy or not_ready, fault: {code,
    detail, cure} or null}. The whole report is in the row of carries.
    """
    try:
        report = media.sync_media(
            path=Path(path) if path else None, actor=Actor(**actor) if actor else SYSTEM, wait_s=wait_s, ours=ours
        )
    except StickError as error:
        log.warning("stick can't be used", code=error.code, detail=error.detail)
        return {"outcome": "failed", "fault": describe_fault(error)}
    except TransferBusyError as error:
        log.info("a carry is running already", detail=error.detail)
        return {"outcome": "busy", "fault": None}
    except TransferNotReadyError as error:
        log.warning("a carry is not possible yet", detail=error.detail)
        return {"outcome": "not_ready", "fault": None}
    fault = describe_fault(report.fault) if report.fault else None
    return {"outcome": ("fine", "attention", "failed")[report.exit_code], "fault": fault}
