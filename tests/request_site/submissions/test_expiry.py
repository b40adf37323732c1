"""What is kept for a while only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from common_apps.core import clock
from common_apps.operations import registry
from request_site.submissions.models import IdempotencyKey, Request
from tests.request_site.submissions.asking import submit_as

pytestmark = pytest.mark.django_db


def test_idempotency_keys_go_and_their_requests_stay_when_a_week_has_passed(user: Any) -> None:
    for key, days in (("old", 8), ("young", 6)):
        IdempotencyKey.objects.create(
            user_id=user.pk,
            key=key,
            body_hash="0" * 64,
            request=submit_as(user),
            created_at=clock.now() - timedelta(days=days),
        )
    assert registry.cleanup_steps["idempotency keys"].run() == 1
    assert [each.key for each in IdempotencyKey.objects.all()] == ["young"]
    assert Request.objects.count() == 2


def test_watcher_cleans_this_site_since_nothing_beats_here() -> None:
    assert "cleanup" in registry.sweeps
