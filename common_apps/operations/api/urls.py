"""Addresses below /api/v1/."""

from __future__ import annotations

from django.urls import path

from common_apps.operations.api.views import AcknowledgeView, AlertsView

urlpatterns = [
    path("admin/alerts/", AlertsView.as_view(), name="alerts"),
    path("admin/alerts/<uuid:alert_id>/acknowledge/", AcknowledgeView.as_view(), name="alert-acknowledge"),
]
