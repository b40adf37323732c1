"""Addresses of auth/, relative to /api/v1/."""

from __future__ import annotations

from django.urls import path

from common_apps.accounts.api.key_views import ApiKeysView, ApiKeyView, RotateApiKeyView
from common_apps.accounts.api.views import MeView, RefreshView, RevokeView, TokenView

urlpatterns = [
    path("auth/token/", TokenView.as_view(), name="token"),
    path("auth/token/refresh/", RefreshView.as_view(), name="token-refresh"),
    path("auth/token/revoke/", RevokeView.as_view(), name="token-revoke"),
    path("auth/me/", MeView.as_view(), name="me"),
    path("auth/api-keys/", ApiKeysView.as_view(), name="api-keys"),
    path("auth/api-keys/<uuid:key_id>/", ApiKeyView.as_view(), name="api-key"),
    path("auth/api-keys/<uuid:key_id>/rotate/", RotateApiKeyView.as_view(), name="api-key-rotate"),
]
