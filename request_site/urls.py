"""Addresses of the request site."""

from __future__ import annotations

from django.urls import include, path

from common_apps.operations.urls import urlpatterns as shared_urlpatterns

urlpatterns = [
    *shared_urlpatterns,
    path("api/v1/", include("common_apps.accounts.api.urls")),
    path("api/v1/", include("common_apps.transfer.api.urls")),
    path("api/v1/", include("request_site.replica.api.urls")),
    path("api/v1/", include("common_apps.queries.api.urls")),
    path("api/v1/", include("request_site.submissions.api.urls")),
]
