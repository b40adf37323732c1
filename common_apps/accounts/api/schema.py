"""How OpenAPI names our two ways to authenticate; drf-spectacular finds these classes by being imported."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenScheme(OpenApiAuthenticationExtension):
    """Bearer <jwt>."""

    target_class = "common_apps.accounts.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """RFC 6750."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """X-API-Key."""

    target_class = "common_apps.accounts.api.authentication.ApiKeyAuthentication"
    name = "api_key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The header that holds prefix.secret."""
        return {"type": "apiKey", "in": "header", "name": "X-API-Key"}
