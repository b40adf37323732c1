"""Where the response site has users/ and profile-types/: here they say why not. Relative to /api/v1/."""

from __future__ import annotations

from django.urls import re_path

from request_site.replica.api.views import ReadOnlyView

urlpatterns = [re_path(r"^(?:users|profile-types)/(?P<rest>.*)$", ReadOnlyView.as_view(), name="replica-read-only")]
