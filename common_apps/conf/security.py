"""Who gets in and what a browser may do. Defaults are closed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from csp.constants import NONE, SELF


def security(site: str, env: dict[str, Any]) -> dict[str, Any]:
    """Keys, cookies, headers, passwords, tokens, lock-out after guessing."""
    https = env["HTTPS_ONLY"]
    return {
        "DEBUG": False,
        "SECRET_KEY": env["SECRET_KEY"],
        "ALLOWED_HOSTS": env["ALLOWED_HOSTS"],
        "CSRF_TRUSTED_ORIGINS": env["CSRF_TRUSTED_ORIGINS"],
        "TRUSTED_PROXIES": env["TRUSTED_PROXIES"],
        "METRICS_ALLOWED": env["METRICS_ALLOWED"],
        # Both sites may share a host name, where cookies of one would be sent to the other.
        "SESSION_COOKIE_NAME": f"airferry_{site}_session",
        "CSRF_COOKIE_NAME": f"airferry_{site}_csrf",
        "LANGUAGE_COOKIE_NAME": f"airferry_{site}_language",
        "SESSION_COOKIE_SECURE": https,
        "CSRF_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Strict",
        "CSRF_COOKIE_SAMESITE": "Strict",
        "SESSION_COOKIE_AGE": 8 * 3600,
        "SECURE_SSL_REDIRECT": https,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https") if env["TRUSTED_PROXIES"] else None,
        "SECURE_HSTS_SECONDS": 365 * 24 * 3600 if https else 0,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": https,
        "SECURE_HSTS_PRELOAD": https,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        # A probe inside the network asks over plain HTTP.
        "SECURE_REDIRECT_EXEMPT": [r"^health(/ready)?$", r"^metrics$"],
        "X_FRAME_OPTIONS": "DENY",
        "CONTENT_SECURITY_POLICY": {
            "DIRECTIVES": {
                "default-src": [NONE],
                "script-src": [SELF],
                "style-src": [SELF],
                "img-src": [SELF, "data:"],
                "font-src": [SELF],
                "connect-src": [SELF],
                "form-action": [SELF],
                "base-uri": [NONE],
                "frame-ancestors": [NONE],
                "object-src": [NONE],
            }
        },
        "AUTH_USER_MODEL": "accounts.User",
        "AUTHENTICATION_BACKENDS": [
            "axes.backends.AxesStandaloneBackend",
            "common_apps.accounts.backends.AccountsBackend",
        ],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
            {
                "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
                "OPTIONS": {"min_length": 12},
            },
            {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
            {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
        ],
        "LOGIN_URL": "admin:login",
        "AXES_FAILURE_LIMIT": env["LOGIN_ATTEMPTS"],
        "AXES_COOLOFF_TIME": timedelta(minutes=15),
        "AXES_LOCKOUT_PARAMETERS": [["username", "ip_address"]],
        "AXES_RESET_ON_SUCCESS": True,
        "AXES_CLIENT_IP_CALLABLE": "common_apps.core.addresses.client_address",
        "AXES_LOCKOUT_CALLABLE": "common_apps.accounts.lockout.locked_out_response",
        # Who came in stands in the audit log.
        "AXES_DISABLE_ACCESS_LOG": True,
        "AXES_VERBOSE": False,
        # common_apps.accounts has pages of its own for this, which operators can't change anything on.
        "AXES_ENABLE_ADMIN": False,
        # Beside the broker, where nothing is evicted.
        "RATELIMIT_USE_CACHE": "limits",
        "SIMPLE_JWT": {
            "ALGORITHM": "HS256",
            "SIGNING_KEY": env["JWT_SECRET_KEY"],
            "AUDIENCE": f"airferry-{site}",
            "ISSUER": f"airferry-{site}",
            "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env["JWT_EXPIRY_MINUTES"]),
            "REFRESH_TOKEN_LIFETIME": timedelta(days=env["JWT_REFRESH_DAYS"]),
            "ROTATE_REFRESH_TOKENS": True,
            "BLACKLIST_AFTER_ROTATION": True,
            "UPDATE_LAST_LOGIN": False,
            "USER_ID_FIELD": "id",
            "USER_ID_CLAIM": "sub",
        },
    }
