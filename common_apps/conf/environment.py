"""Reads the variables of variables.py from the environment, a secret's `*_FILE`, or the site's env file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from common_apps.conf.variables import VARIABLES, Required, Variable

ROOT = Path(__file__).resolve().parents[2]


def read_environment(site: str) -> dict[str, Any]:
    """The site's variables by name, typed and with defaults.

    The process environment wins over the file, which is the one that ``AIRFERRY_ENV_FILE`` names, else
    ``$AIRFERRY_HOME/<site>/site.env`` where it exists. A secret may be given as ``NAME_FILE``, a path.
    Raises ImproperlyConfigured, naming every variable that is missing or wrong, so that one start tells all.
    """
    env = environ.FileAwareEnv()
    env_file = os.environ.get("AIRFERRY_ENV_FILE")
    home = Path(os.environ.get("AIRFERRY_HOME", ROOT / ".airferry"))
    path = Path(env_file) if env_file else home / site / "site.env"
    if env_file and not path.is_file():
        raise ImproperlyConfigured(f"AIRFERRY_ENV_FILE names {path}, which is not there")
    if path.is_file():
        env.read_env(str(path))
    values: dict[str, Any] = {}
    faults: list[str] = []
    for variable in VARIABLES:
        if site not in variable.sites:
            continue
        try:
            values[variable.name] = _read(env, variable)
        except (ImproperlyConfigured, ValueError, OSError) as error:
            faults.append(f"{variable.name}: {error}. {variable.help}")
    if faults:
        where = path if path.is_file() else "the environment"
        raise ImproperlyConfigured(f"settings of the {site} site ({where}):\n  " + "\n  ".join(faults))
    return values


def _read(env: environ.Env, variable: Variable) -> Any:
    name, default = variable.name, variable.default
    if default is Required:
        raw = env.str(name, "")
        if not raw:
            raise ImproperlyConfigured("is not set")
        return Path(raw) if variable.kind == "path" else raw
    if variable.kind == "whole":
        return env.int(name, default)
    if variable.kind == "switch":
        return env.bool(name, default)
    if variable.kind == "list":
        return [item.strip() for item in env.list(name, default=list(default)) if item.strip()]
    raw = env.str(name, default if default is not None else "")
    if variable.kind == "path":
        return Path(raw) if raw else None
    return raw
