"""The response site: master of users and settings, owner of the search engine."""

from common_apps.conf import shared_settings
from common_apps.conf.application import APPS

_shared, _env = shared_settings("response")
globals().update(_shared)

INSTALLED_APPS = [*APPS, "django_celery_beat", "response_site", "response_site.search", "response_site.execution"]

CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

WORKER_COUNT = _env["WORKER_COUNT"]
QUERY_TIMEOUT = _env["QUERY_TIMEOUT"]
CACHE_TTL = _env["CACHE_TTL"]
SEARCH_ENGINE = _env["SEARCH_ENGINE"]
SEARCH_DIR = _env["SEARCH_DIR"] or _env["DATA_DIR"] / "search"
ELASTICSEARCH_URL = _env["ELASTICSEARCH_URL"]
ELASTICSEARCH_USERNAME = _env["ELASTICSEARCH_USERNAME"]
ELASTICSEARCH_PASSWORD = _env["ELASTICSEARCH_PASSWORD"]
SITE_PURPOSE = "Questions that a person carried here are answered from Elasticsearch. Users and settings are made here."
