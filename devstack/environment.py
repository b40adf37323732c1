"""The environment that a site of this stack runs in, as docs/settings names its variables."""

import os
import secrets
from pathlib import Path

from common_apps.transfer.bundle.streams import Site
from devstack.postgres import Cluster
from devstack.valkey import Valkey

SITES: tuple[Site, ...] = ("request", "response")
ROLE = "airferry"
FOLDERS = {"DATA_DIR": "data", "EXPORT_DIR": "exports", "IMPORT_DIR": "imports", "KEY_DIR": "keys"}


def new_secrets() -> dict[str, str]:
    """SECRET_KEY and JWT_SECRET_KEY, 384 random bits each."""
    return {"SECRET_KEY": secrets.token_urlsafe(48), "JWT_SECRET_KEY": secrets.token_urlsafe(48)}


def make_folders(home: Path) -> dict[str, str]:
    """The site's folders under `home`, made when absent, by the variable that names each."""
    for folder in FOLDERS.values():
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / FOLDERS["KEY_DIR"]).chmod(0o700)
    return {variable: str(home / folder) for variable, folder in FOLDERS.items()}


def service_urls(cluster: Cluster, valkey: Valkey, *, password: str, database: str) -> dict[str, str]:
    """DATABASE_URL, REDIS_URL (broker and limits) and CACHE_URL (a second database of the same server)."""
    return {
        "DATABASE_URL": cluster.url(ROLE, password, database),
        "REDIS_URL": valkey.url(0),
        "CACHE_URL": valkey.url(1),
    }


def without_ours(environ: dict[str, str] | os._Environ[str]) -> dict[str, str]:
    """`environ` less every variable that sets something of a site: the developer's own must not leak in."""
    ours = {
        *FOLDERS, "DATABASE_URL", "REDIS_URL", "CACHE_URL", "SECRET_KEY", "JWT_SECRET_KEY", "ALLOWED_HOSTS",
        "LOG_LEVEL", "WORKER_COUNT", "SEARCH_ENGINE", "SEARCH_DIR", "MEDIA_ROOTS", "HTTPS_ONLY",
        "DJANGO_SETTINGS_MODULE", "AIRFERRY_ENV_FILE",
    }  # fmt: skip
    return {
        name: value for name, value in environ.items() if name not in ours and name.removesuffix("_FILE") not in ours
    }
