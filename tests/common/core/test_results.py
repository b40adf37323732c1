"""Enqueueing while Redis is away."""

import time

import kombu.exceptions
import pytest
from celery import Celery, current_app
from django.conf import settings

from common_apps.core.outages import OUTAGES
from common_apps.core.results import QuietRedisBackend

NOWHERE = "redis://127.0.0.1:1/0"


def test_publisher_hears_at_once_when_redis_is_down() -> None:
    app = Celery(set_as_current=False)
    app.config_from_object(settings, namespace="CELERY")
    app.conf.update(broker_url=NOWHERE, result_backend=settings.CELERY_RESULT_BACKEND.partition("+")[0] + f"+{NOWHERE}")
    began = time.monotonic()
    with pytest.raises(kombu.exceptions.OperationalError) as caught:
        app.send_task("transfer.import_scan")
    assert isinstance(caught.value, OUTAGES)
    assert time.monotonic() - began < 5


def test_backend_of_the_site_is_the_quiet_one_when_it_starts() -> None:
    assert isinstance(current_app.backend, QuietRedisBackend)
