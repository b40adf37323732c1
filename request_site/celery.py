"""The request site's Celery application: workers import it as request_site.celery:app."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "request_site.settings")

app = Celery("request_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
