"""PostgreSQL, the cache, and the folders."""

from __future__ import annotations

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


def storage(site: str, env: dict[str, Any]) -> dict[str, Any]:
    """Where the site keeps what it knows."""
    database = environ.Env.db_url_config(env["DATABASE_URL"])
    if database["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            "DATABASE_URL: Airferry runs on PostgreSQL 15 or newer alone; write postgres://user:password@host/name"
        )
    database.update(
        ATOMIC_REQUESTS=False,
        CONN_MAX_AGE=60,
        CONN_HEALTH_CHECKS=True,
        # PgBouncer in transaction mode can't keep a server-side cursor.
        DISABLE_SERVER_SIDE_CURSORS=True,
        OPTIONS={"connect_timeout": 5, **database.get("OPTIONS", {})},
    )
    return {
        "DATABASES": {"default": database},
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": env["CACHE_URL"],
                "KEY_PREFIX": f"airferry:{site}",
                "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 5},
            },
            # Limits must not be evicted: they live beside the broker.
            "limits": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": env["REDIS_URL"],
                "KEY_PREFIX": f"airferry:{site}:limits",
                "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 5},
            },
        },
        "DATA_DIR": env["DATA_DIR"],
        "EXPORT_DIR": env["EXPORT_DIR"],
        "IMPORT_DIR": env["IMPORT_DIR"],
        "KEY_DIR": env["KEY_DIR"],
        "MEDIA_ROOTS": env["MEDIA_ROOTS"],
        "EXPORT_WAIT_SECONDS": env["EXPORT_WAIT_SECONDS"],
        "LOCK_WAIT_SECONDS": env["LOCK_WAIT_SECONDS"],
        "RESCAN_SECONDS": env["RESCAN_SECONDS"],
        "LOG_BUNDLE_RECORDS": env["LOG_BUNDLE_RECORDS"],
        "LOG_BUNDLE_MIB": env["LOG_BUNDLE_MIB"],
        "STATE_BUNDLE_MIB": env["STATE_BUNDLE_MIB"],
    }
