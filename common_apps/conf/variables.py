"""Every environment variable that a site reads: one row each. docs/settings.md is printed from this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "secret", "path", "whole", "switch", "list"]


class Required:
    """Marks a variable that has no default: the site refuses to start without it."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its kind, its default in human units, what it means, and which sites read it."""

    name: str
    kind: Kind
    default: Any
    help: str
    sites: tuple[str, ...] = ("request", "response")


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "SECRET_KEY",
        "secret",
        Required,
        "Django's key for sessions and CSRF: at least 50 random characters. It never signs tokens.",
    ),
    Variable(
        "JWT_SECRET_KEY",
        "secret",
        Required,
        "Signs this site's access and refresh tokens (HS256): at least 32 bytes, another one on each site.",
    ),
    Variable(
        "DATABASE_URL",
        "secret",
        Required,
        "PostgreSQL 15 or newer: `postgres://user:password@host:5432/name` (a socket folder percent-encoded).",
    ),
    Variable(
        "REDIS_URL",
        "secret",
        Required,
        "Redis 7 or Valkey for the broker and the limits, `maxmemory-policy noeviction`: `redis://:password@host:6379/0`.",
    ),
    Variable(
        "CACHE_URL",
        "secret",
        Required,
        "Redis 7 or Valkey for the cache, `allkeys-lfu`: `redis://:password@host:6379/1`.",
    ),
    Variable(
        "DATA_DIR",
        "path",
        Required,
        "The site's own files: archive, quarantine, private copies. Never scanned, never carried.",
    ),
    Variable(
        "EXPORT_DIR",
        "path",
        Required,
        "Where bundles for the other site are written, a folder for each stream.",
    ),
    Variable("IMPORT_DIR", "path", Required, "Where bundles of the other site arrive."),
    Variable("KEY_DIR", "path", Required, "The key folder (0700, files 0400)."),
    Variable(
        "MEDIA_ROOTS",
        "list",
        (),
        "Folders under which a stick may be mounted, comma separated. Nothing outside is read or written.",
    ),
    Variable("ALLOWED_HOSTS", "list", (), "Host names that the site answers to, comma separated."),
    Variable(
        "CSRF_TRUSTED_ORIGINS",
        "list",
        (),
        "Origins of forms behind a proxy that changes the host: `https://name`.",
    ),
    Variable(
        "TRUSTED_PROXIES",
        "list",
        (),
        "Addresses or networks of the proxies whose X-Forwarded-For is believed.",
    ),
    Variable(
        "HTTPS_ONLY",
        "switch",
        True,
        "Secure cookies, HSTS and the redirect to HTTPS. Off only on a developer's machine.",
    ),
    Variable("JWT_EXPIRY_MINUTES", "whole", 60, "How long an access token is good, minutes."),
    Variable("JWT_REFRESH_DAYS", "whole", 7, "How long a refresh token is good, days."),
    Variable(
        "LOGIN_ATTEMPTS",
        "whole",
        10,
        "Wrong passwords for one user name from one address before it is locked out for 15 minutes.",
    ),
    Variable(
        "WORKER_COUNT",
        "whole",
        4,
        "Queries drains that may run side by side (4 to 8 on the recommended hardware).",
        ("response",),
    ),
    Variable("QUERY_TIMEOUT", "whole", 30, "Seconds that one search may take.", ("response",)),
    Variable(
        "CACHE_TTL",
        "whole",
        300,
        "Seconds that an ordinary answer stays in the cache (hot: three times as long; aggregations: six times).",
        ("response",),
    ),
    Variable("SEARCH_ENGINE", "text", "tantivy", "`tantivy` (embedded) or `elasticsearch`.", ("response",)),
    Variable(
        "SEARCH_DIR",
        "path",
        None,
        "Where the embedded engine keeps its indices; default `DATA_DIR/search`.",
        ("response",),
    ),
    Variable(
        "ELASTICSEARCH_URL",
        "text",
        "",
        "Elasticsearch 8, when SEARCH_ENGINE is `elasticsearch`: `https://host:9200`.",
        ("response",),
    ),
    Variable(
        "ELASTICSEARCH_USERNAME",
        "text",
        "",
        "A user whose role only reads (response_site/search/elasticsearch_role.json).",
        ("response",),
    ),
    Variable("ELASTICSEARCH_PASSWORD", "secret", "", "That user's password.", ("response",)),
    Variable(
        "EXPORT_WAIT_SECONDS",
        "whole",
        60,
        "The automatic export waits until 500 rows wait, or the oldest has waited this long.",
    ),
    Variable(
        "LOCK_WAIT_SECONDS",
        "whole",
        120,
        "So long an import waits for a running export, and either for another one; then it says who holds it up.",
    ),
    Variable(
        "LOG_BUNDLE_RECORDS",
        "whole",
        500,
        "The most records in one bundle of a log stream. The other site must allow as many.",
    ),
    Variable(
        "LOG_BUNDLE_MIB",
        "whole",
        64,
        "The most payload in one bundle of a log stream, MiB uncompressed. The other site must allow as much.",
    ),
    Variable(
        "STATE_BUNDLE_MIB",
        "whole",
        2048,
        "The most payload in one bundle of a state stream, MiB uncompressed. The other site must allow as much.",
    ),
    Variable(
        "RESCAN_SECONDS",
        "whole",
        30,
        "How often the watcher looks through IMPORT_DIR, whatever the file events said.",
    ),
    Variable(
        "METRICS_ALLOWED",
        "list",
        ("127.0.0.1", "::1"),
        "Addresses or networks that may read /metrics and /health/detailed without a token.",
    ),
    Variable("LOG_LEVEL", "text", "INFO", "DEBUG, INFO, WARNING or ERROR."),
)
