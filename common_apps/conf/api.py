"""The REST API: JSON alone, problem details, cursor pages, the schema."""

from __future__ import annotations

from typing import Any


def api(site: str, env: dict[str, Any]) -> dict[str, Any]:
    """Django REST framework and drf-spectacular."""
    return {
        "REST_FRAMEWORK": {
            "DEFAULT_AUTHENTICATION_CLASSES": [
                "common_apps.accounts.api.authentication.TokenAuthentication",
                "common_apps.accounts.api.authentication.ApiKeyAuthentication",
            ],
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
            "DEFAULT_RENDERER_CLASSES": ["common_apps.core.api.renderers.JsonRenderer"],
            "DEFAULT_PARSER_CLASSES": ["common_apps.core.api.parsers.StrictJsonParser"],
            "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
            "DEFAULT_PAGINATION_CLASS": "common_apps.core.api.paging.CursorPages",
            "PAGE_SIZE": 50,
            "EXCEPTION_HANDLER": "common_apps.core.api.problems.problem_response",
            "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
            "UNAUTHENTICATED_USER": None,
            "DATETIME_FORMAT": "iso-8601",
        },
        "SPECTACULAR_SETTINGS": {
            "TITLE": f"Airferry, {site} site",
            "VERSION": "1",
            "DESCRIPTION": (
                "Ask for a token at `auth/token/`, press Authorize, paste `access`. Errors are problem details "
                "(RFC 9457) with a stable `code`. Times are UTC. Lists are pages: follow `next`."
            ),
            "SCHEMA_PATH_PREFIX": "/api/v1/",
            "SERVE_INCLUDE_SCHEMA": False,
            "SERVE_PUBLIC": True,
            "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
            "SERVE_AUTHENTICATION": [],
            # The sidecar carries Swagger UI: nothing comes from outside.
            "SWAGGER_UI_DIST": "SIDECAR",
            "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
            # No badge of an outside validator.
            "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
            "COMPONENT_SPLIT_REQUEST": True,
            "POSTPROCESSING_HOOKS": [
                "drf_spectacular.hooks.postprocess_schema_enums",
                "common_apps.core.api.schema.add_common_problems",
            ],
        },
    }
