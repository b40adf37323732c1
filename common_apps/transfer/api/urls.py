"""Addresses below /api/v1/."""

from __future__ import annotations

from django.urls import path

from common_apps.transfer.api.keys import ConfirmKeyView, KeysView, RevokeKeyView, RotateKeyView
from common_apps.transfer.api.media import MediaSyncView, MediaView
from common_apps.transfer.api.quarantine import (
    CarryView,
    DiscardView,
    ImportAgainView,
    QuarantinedView,
    QuarantineView,
    ReleaseView,
)
from common_apps.transfer.api.views import BatchesView, ExportView, ImportView

urlpatterns = [
    path("admin/keys/", KeysView.as_view(), name="transfer-keys"),
    path("admin/keys/rotate/", RotateKeyView.as_view(), name="transfer-keys-rotate"),
    path("admin/keys/confirm/", ConfirmKeyView.as_view(), name="transfer-keys-confirm"),
    path("admin/keys/revoke/", RevokeKeyView.as_view(), name="transfer-keys-revoke"),
    path("admin/media/", MediaView.as_view(), name="transfer-media"),
    path("admin/media/sync/", MediaSyncView.as_view(), name="transfer-media-sync"),
    path("admin/exports/<slug:stream>/", ExportView.as_view(), name="transfer-export"),
    path("admin/imports/", ImportView.as_view(), name="transfer-import"),
    path("admin/batches/", BatchesView.as_view(), name="transfer-batches"),
    path("admin/carry/", CarryView.as_view(), name="transfer-carry"),
    path("admin/quarantine/", QuarantineView.as_view(), name="transfer-quarantine"),
    path("admin/quarantine/<uuid:row_id>/", QuarantinedView.as_view(), name="transfer-quarantined"),
    path("admin/quarantine/<uuid:row_id>/release/", ReleaseView.as_view(), name="transfer-release"),
    path("admin/quarantine/<uuid:row_id>/discard/", DiscardView.as_view(), name="transfer-discard"),
    path("admin/quarantine/<uuid:row_id>/import-again/", ImportAgainView.as_view(), name="transfer-import-again"),
]
