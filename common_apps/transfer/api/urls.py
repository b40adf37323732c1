"""Addresses below /api/v1/."""

from __future__ import annotations

from django.urls import path

from common_apps.transfer.api.keys import ConfirmKeyView, KeysView, RevokeKeyView, RotateKeyView
from common_apps.transfer.api.views import BatchesView, ExportView, ImportView, QuarantineView

urlpatterns = [
    path("admin/keys/", KeysView.as_view(), name="transfer-keys"),
    path("admin/keys/rotate/", RotateKeyView.as_view(), name="transfer-keys-rotate"),
    path("admin/keys/confirm/", ConfirmKeyView.as_view(), name="transfer-keys-confirm"),
    path("admin/keys/revoke/", RevokeKeyView.as_view(), name="transfer-keys-revoke"),
    path("admin/exports/<slug:stream>/", ExportView.as_view(), name="transfer-export"),
    path("admin/imports/", ImportView.as_view(), name="transfer-import"),
    path("admin/batches/", BatchesView.as_view(), name="transfer-batches"),
    path("admin/quarantine/", QuarantineView.as_view(), name="transfer-quarantine"),
]
