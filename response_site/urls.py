"""Addresses of the response site."""

from __future__ import annotations

from common_apps.operations.urls import urlpatterns as shared_urlpatterns

urlpatterns = [
    *shared_urlpatterns,
]
