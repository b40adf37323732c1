"""The view that everyone who asks meets: submitting, reading, looking up what can be asked."""

from __future__ import annotations

from typing import cast

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from common_apps.accounts.api.permissions import HasScope, RoleAllows
from common_apps.accounts.models import User


class AskerView(APIView):
    """For whoever may submit requests; keys need ``requests:read``, and ``requests:write`` to submit."""

    permission_classes = [IsAuthenticated, RoleAllows, HasScope]
    required_permission = "submissions.submit_request"
    read_scope = "requests:read"
    write_scope = "requests:write"

    @staticmethod
    def asker(request: Request) -> User:
        """Who asks: the permissions have let nobody else in."""
        return cast(User, request.user)
