"""Who asks: a bearer token of this site, or an API key."""

from __future__ import annotations

from rest_framework_simplejwt.authentication import JWTAuthentication


class TokenAuthentication(JWTAuthentication):
    """`Authorization: Bearer <jwt>`."""
