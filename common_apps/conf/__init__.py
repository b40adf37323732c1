"""Settings shared by both sites, one small file a concern."""

from __future__ import annotations

from typing import Any


def shared_settings(site: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(settings, environment) of a site: ``request`` or ``response``."""
    from common_apps.conf.api import api
    from common_apps.conf.application import application
    from common_apps.conf.environment import read_environment
    from common_apps.conf.logs import logs
    from common_apps.conf.security import security
    from common_apps.conf.storage import storage
    from common_apps.conf.work import work

    env = read_environment(site)
    settings: dict[str, Any] = {}
    for concern in (application, storage, work, security, api, logs):
        settings.update(concern(site, env))
    return settings, env
