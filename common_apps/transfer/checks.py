"""System checks: what transfer stands on, each fault with its code and cure.

They are tagged ``transfer`` and warn only, so that migrate, setup and keys generate run on a machine that has
nothing yet; export and import refuse with the same words when they need what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from common_apps.core import failpoints
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS, MIB
from common_apps.transfer.keys import KeyFolder, KeyFolderError

_FOLDERS = (
    ("EXPORT_DIR", "transfer.W003"),
    ("IMPORT_DIR", "transfer.W004"),
    ("DATA_DIR", "transfer.W005"),
)


@checks.register("transfer")
def check_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E001: keys are damaged or loosely readable. W001: there are none. W002: the other site is not trusted yet."""
    folder = KeyFolder(Path(settings.KEY_DIR))
    try:
        if not folder.has_own_keys():
            return [
                checks.Warning(
                    f"KEY_DIR ({settings.KEY_DIR}) holds no keys of this site.",
                    hint="Make them with: keys generate",
                    id="transfer.W001",
                )
            ]
        trusted = settings.PEER in folder.peers()
    except KeyFolderError as error:
        return [checks.Error(error.detail, hint=error.cure, id="transfer.E001")]
    if trusted:
        return []
    return [
        checks.Warning(
            f"The keys of the {settings.PEER} site are not trusted yet: nothing can be exported or imported.",
            hint=f"There: keys export-public. Here: keys trust {settings.PEER}.pub.json, after comparing the words.",
            id="transfer.W002",
        )
    ]


@checks.register("transfer")
def check_limits(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E002: a limit so low that what may stand on a line fits no bundle, and would wait for ever."""
    line = DEFAULT_LIMITS.line // MIB + 1
    return [
        checks.Error(f"{name} is {getattr(settings, name)}.", hint=f"Set it to {least} or more.", id="transfer.E002")
        for name, least in (("LOG_BUNDLE_RECORDS", 1), ("LOG_BUNDLE_MIB", line), ("STATE_BUNDLE_MIB", line))
        if getattr(settings, name) < least
    ]


@checks.register("transfer")
def check_folders(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W003 to W005: a folder is not there."""
    return [
        checks.Warning(
            f"{name} ({getattr(settings, name)}) is not there.",
            hint="Mount it, or make it with the command setup.",
            id=code,
        )
        for name, code in _FOLDERS
        if not Path(getattr(settings, name)).is_dir()
    ]


@checks.register("transfer", deploy=True)
def check_failpoints(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E003: this process is armed to die, or to meet a broken disk, in the middle of its work."""
    armed = failpoints.armed()
    if not armed:
        return []
    return [
        checks.Error(
            f"{failpoints.VARIABLE} arms {', '.join(armed)}: the site's processes will break off their work there.",
            hint="It is for tests alone: take it out of the environment.",
            id="transfer.E003",
        )
    ]
