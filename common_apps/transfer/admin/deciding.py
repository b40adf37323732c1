"""Releasing, discarding and importing again: each asked for on a page that says what will happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from common_apps.core.errors import DomainError
from common_apps.transfer.admin.asking import acting, confirmation
from common_apps.transfer.keys import KeyFolderError
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services.previewing import preview_quarantined
from common_apps.transfer.services.quarantine import MOST_REASON, check_discard, check_import_again, check_release
from common_apps.transfer.tasks import give_up, judge_again, release

# A greater one is only read through when somebody asks for it.
READ_AT_ONCE = 16 * 1024 * 1024
_MOST_ROWS = 200
_HEADER = ("batch_id", "stream", "mode", "seq", "created_at", "record_count", "source", "destination", "schema")


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that can be done with a row."""

    title: str
    button: str
    steps: tuple[str, ...]
    check: Callable[[ImportBatch], None]
    task: Any
    asks_reason: bool = False


VERBS = {
    "release": Verb(
        title="Release from quarantine?",
        button="Release",
        steps=(
            "The bundle is checked again from its quarantined bytes: hash, signature, header, key, every record.",
            "If nothing is wrong with it any more it is applied, as a whole. That can't be undone.",
            "Users that a released users bundle lacks are deactivated, however many they are.",
            "If something is still wrong, it stays held, with its new reason.",
            "With the next trip the other site hears of it.",
        ),
        check=check_release,
        task=release,
    ),
    "discard": Verb(
        title="Discard from quarantine?",
        button="Discard",
        steps=(
            "The file is removed from the quarantine. That can't be undone.",
            "A held bundle is remembered for ever, so that the same bytes are never applied; with the next trip the "
            "other site hears that it was discarded. Of a log it ends there: requests fail with the code, answers come "
            "anew as failures. A state stays refused until the other site writes a newer one.",
            "A file that was only refused is forgotten; should the same bytes come again, they are judged anew.",
        ),
        check=check_discard,
        task=give_up,
        asks_reason=True,
    ),
    "import_again": Verb(
        title="Import again?",
        button="Import again",
        steps=(
            "The file is judged from the beginning, as if it had just come, with the keys and limits of now.",
            "If nothing is wrong with it, it is applied. That can't be undone.",
            "From the quarantine it is judged by its bytes alone: its old name and sidecar don't matter any more.",
        ),
        check=check_import_again,
        task=judge_again,
    ),
}


def decide(owner: Any, request: HttpRequest, chosen: QuerySet[ImportBatch], name: str) -> HttpResponse | None:
    """The page first; once it is confirmed, a task for each row with which that can be done."""
    verb = VERBS[name]
    fit, unfit = _sort(verb, list(chosen[:_MOST_ROWS]))
    reason = request.POST.get("reason", "").strip()
    fault = ""
    if request.POST.get("confirmed") == name and fit:
        if not verb.asks_reason or 1 <= len(reason) <= MOST_REASON:
            for row in fit:
                told = {"reason": reason} if verb.asks_reason else {}
                verb.task.delay(row_id=str(row.pk), actor=acting(request), **told)
            messages.success(request, f"{verb.button}: asked for {len(fit)}. Load the page anew to see the outcome.")
            return None
        fault = f"Say why, in 1 to {MOST_REASON} characters."
    preview = shown_preview(fit[0]) if len(fit) == 1 and name != "discard" else {}
    return confirmation(
        owner,
        request,
        title=verb.title,
        steps=list(verb.steps),
        rows=fit,
        unfit=unfit,
        nothing=not fit,
        button=verb.button,
        fault=fault,
        asks_reason=verb.asks_reason,
        most_reason=MOST_REASON,
        hidden=[
            ("action", name),
            ("confirmed", name),
            *((ACTION_CHECKBOX_NAME, str(row.pk)) for row in fit),
        ],
        **preview,
    )


def shown_preview(row: ImportBatch, *, always: bool = False) -> dict[str, Any]:
    """What a template shows of a quarantined row's preview; nothing of one that is not there or, unasked, is great."""
    if row.status != "failed" or row.discarded_at is not None:
        return {}
    if (row.file_size_bytes or 0) > READ_AT_ONCE and not always:
        return {}
    try:
        preview = preview_quarantined(UUID(str(row.pk)))
    except (DomainError, KeyFolderError) as error:
        return {"preview_fault": getattr(error, "detail", str(error))}
    except OSError as error:
        return {"preview_fault": f"Its file can't be read: {error.strerror}."}
    header = preview.header or {}
    return {"preview": preview, "header_lines": [(name, header[name]) for name in _HEADER if name in header]}


def possible(owner: Any, request: HttpRequest, row: ImportBatch) -> list[tuple[str, str]]:
    """(action, button) of what this person can do with the row now."""
    allowed = owner.get_actions(request)
    return [(name, verb.button) for name, verb in VERBS.items() if name in allowed and not _refusal(verb, row)]


def _sort(verb: Verb, rows: list[ImportBatch]) -> tuple[list[ImportBatch], list[tuple[ImportBatch, str]]]:
    found = [(row, _refusal(verb, row)) for row in rows]
    return [row for row, why in found if not why], [(row, why) for row, why in found if why]


def _refusal(verb: Verb, row: ImportBatch) -> str:
    try:
        verb.check(row)
    except DomainError as error:
        return error.detail
    return ""
