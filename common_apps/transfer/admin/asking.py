"""What the admin's buttons share: a page that says what will happen, and who asks."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from common_apps.audit.actors import actor_of


def acting(request: HttpRequest) -> dict[str, Any]:
    """The fields of audit's Actor, as a task is told them."""
    actor = actor_of(request)
    return asdict(actor) | {"user_id": str(actor.user_id) if actor.user_id else None}


def short(at: datetime | None) -> str:
    """A hop's time for a narrow column, which must not break it: month, day, hour and minute, UTC."""
    return f"{at:%m}\N{NON-BREAKING HYPHEN}{at:%d}\N{NO-BREAK SPACE}{at:%H:%M}" if at else "-"


def confirmation(owner: Any, request: HttpRequest, *, title: str, steps: list[str], **more: Any) -> HttpResponse:
    """The page; its button posts to the same address. ``steps``: what will happen, a sentence each."""
    context = {**owner.admin_site.each_context(request), "title": title, "opts": owner.opts, "steps": steps, **more}
    return TemplateResponse(request, "admin/transfer/confirm.html", context)
