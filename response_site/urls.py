"""Addresses of the response site."""

from __future__ import annotations

from django.urls import include, path

from common_apps.core import error_pages
from common_apps.operations.urls import urlpatterns as shared_urlpatterns

handler400 = error_pages.bad_request
handler404 = error_pages.page_not_found
handler500 = error_pages.server_error

urlpatterns = [
    *shared_urlpatterns,
    path("api/v1/", include("common_apps.accounts.api.urls")),
    path("api/v1/", include("common_apps.transfer.api.urls")),
    path("api/v1/", include("common_apps.operations.api.urls")),
]
