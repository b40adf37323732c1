"""Addresses that both sites have, besides /api/v1/."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from common_apps.operations import views

urlpatterns = [
    path("", views.home, name="home"),
    path("health", views.live),
    path("health/ready", views.ready),
    path("health/detailed", views.DetailedView.as_view()),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", views.ApiDocsView.as_view(), name="api-docs"),
]
