"""The response site's Celery application: workers import it as response_site.celery:app."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "response_site.settings")

app = Celery("response_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
