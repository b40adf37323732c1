"""users/ and profile-types/ on the request site: every write is refused, with the reason and the way."""

from __future__ import annotations

from typing import NoReturn

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from common_apps.accounts.mastership import ReplicaReadOnlyError


@extend_schema(exclude=True)
class ReadOnlyView(APIView):
    """Answers 403 ``replica_read_only``, whatever is asked of a user or a profile type."""

    permission_classes = [IsAuthenticated]

    def post(self, request: Request, **address: str) -> NoReturn:
        """Nothing is created here."""
        raise ReplicaReadOnlyError

    put = patch = delete = post
