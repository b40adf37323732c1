"""Addresses below /api/v1/."""

from __future__ import annotations

from django.urls import path

from common_apps.transfer.api.media import MediaSyncView, MediaView
from common_apps.transfer.api.views import BatchesView, ExportView, ImportView, QuarantineView

urlpatterns = [
    path("admin/media/", MediaView.as_view(), name="transfer-media"),
    path("admin/media/sync/", MediaSyncView.as_view(), name="transfer-media-sync"),
    path("admin/exports/<slug:stream>/", ExportView.as_view(), name="transfer-export"),
    path("admin/imports/", ImportView.as_view(), name="transfer-import"),
    path("admin/batches/", BatchesView.as_view(), name="transfer-batches"),
    path("admin/quarantine/", QuarantineView.as_view(), name="transfer-quarantine"),
]
