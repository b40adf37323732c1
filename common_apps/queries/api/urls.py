"""Addresses below /api/v1/."""

from __future__ import annotations

from django.urls import path

from common_apps.queries.api import views

urlpatterns = [
    path("query-types/", views.QueryTypesView.as_view()),
    path("indices/", views.IndicesView.as_view()),
    path("indices/<str:name>/", views.IndexView.as_view()),
]
