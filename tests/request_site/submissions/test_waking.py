"""Who wakes the exporter, and what happens when nobody can."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import kombu
import pytest
from rest_framework.test import APIClient

from common_apps.accounts.models import User
from common_apps.core import clock
from request_site.submissions import tasks
from request_site.submissions.models import Request
from tests.request_site.submissions.asking import post, submit_as


def test_submit_is_taken_when_the_broker_is_down(
    client: APIClient,
    body: dict[str, Any],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    told = []
    publish = tasks.export_due.apply_async

    def publish_nowhere(**options: Any) -> Any:
        told.append(options)
        down = kombu.Connection("redis://127.0.0.1:1/0", transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS)
        with down:
            return publish(connection=down, **options)

    monkeypatch.setattr(tasks.export_due, "apply_async", publish_nowhere)
    monkeypatch.setattr(tasks._Spoken, "at", float("-inf"))
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        assert post(client, body).status_code == 201
        assert post(client, body).status_code == 201
    assert len(callbacks) == 2
    assert len(told) == 1, "once a second"
    assert Request.objects.count() == 2


def test_requests_are_exported_when_the_oldest_has_waited_long_enough(
    user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[str] = []
    monkeypatch.setattr(tasks, "export", lambda streams: exported.extend(streams))
    assert tasks.export_due() is False
    submit_as(user)
    assert tasks.export_due() is False
    submit_as(user, created_at=clock.now() - timedelta(seconds=settings.EXPORT_WAIT_SECONDS))
    assert tasks.export_due() is True
    assert exported == ["requests"]
