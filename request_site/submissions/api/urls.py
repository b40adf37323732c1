"""Addresses below /api/v1/."""

from __future__ import annotations

from django.urls import path

from request_site.submissions.api import progress, results, views

urlpatterns = [
    path("requests/", views.RequestsView.as_view(), name="requests"),
    path("requests/bulk/", views.BulkView.as_view()),
    path("requests/validate/", views.ValidateView.as_view()),
    path("requests/<uuid:request_id>/", views.RequestView.as_view(), name="request"),
    path("requests/<uuid:request_id>/result/", results.ResultView.as_view()),
    path("requests/<uuid:request_id>/timeline/", progress.TimelineView.as_view()),
    path("requests/<uuid:request_id>/cancel/", progress.CancelView.as_view()),
    path("requests/<uuid:request_id>/retry/", progress.RetryView.as_view()),
]
