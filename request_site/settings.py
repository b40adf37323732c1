"""The request site: what people see. No search engine, no beat; users are a replica."""

from common_apps.conf import shared_settings
from common_apps.conf.application import APPS

_shared, _env = shared_settings("request")
globals().update(_shared)

INSTALLED_APPS = [*APPS, "request_site.replica", "request_site.submissions"]
SITE_PURPOSE = "Questions to Elasticsearch are asked here. No wire leads to the engine: a person carries them."

# Batches have a status, too: the schema needs a name for each.
SPECTACULAR_SETTINGS = {
    **_shared["SPECTACULAR_SETTINGS"],
    "ENUM_NAME_OVERRIDES": {"RequestStatusEnum": "request_site.submissions.choices.RequestStatus"},
}
