"""What apps register with operations from their AppConfig.ready: health checks, sweeps, steps of the set-up and of the
daily cleanup.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """A health check: ``probe`` returns what it saw, or raises; ``needed``: without it the site can't work."""

    name: str
    probe: Callable[[], dict[str, object]]
    needed: bool


@dataclass(frozen=True, slots=True)
class Sweep:
    """Work that the watcher does when it is due, whatever no event told: ``run`` does nothing when nothing is to do."""

    name: str
    every_seconds: int
    run: Callable[[], None]


@dataclass(frozen=True, slots=True)
class SetupStep:
    """A step of ``setup``, in the order of ``place``; ``run`` is idempotent and returns what it did, in words."""

    place: int
    name: str
    run: Callable[[], str]


@dataclass(frozen=True, slots=True)
class CleanupStep:
    """A step of the daily cleanup, in the order of ``place``; ``run`` returns how many things went."""

    place: int
    name: str
    run: Callable[[], int]


checks: dict[str, Check] = {}
sweeps: dict[str, Sweep] = {}
setup_steps: dict[str, SetupStep] = {}
cleanup_steps: dict[str, CleanupStep] = {}
restore_steps: dict[str, Callable[[], int]] = {}


def register_check(name: str, probe: Callable[[], dict[str, object]], *, needed: bool) -> None:
    """Adds a health check."""
    checks[name] = Check(name, probe, needed)


def register_sweep(name: str, run: Callable[[], None], *, every_seconds: int) -> None:
    """Adds a sweep."""
    sweeps[name] = Sweep(name, every_seconds, run)


def register_setup_step(name: str, run: Callable[[], str], *, place: int) -> None:
    """Adds a step to ``setup``: 10 is after the migrations and folders, keys are 20, rows from 30 on."""
    setup_steps[name] = SetupStep(place, name, run)


def register_cleanup_step(name: str, run: Callable[[], int], *, place: int) -> None:
    """Adds a step to the daily cleanup: files are 10, rows from 20 on."""
    cleanup_steps[name] = CleanupStep(place, name, run)


def register_restore_step(name: str, run: Callable[[], int]) -> None:
    """Adds what is done once a backup was put back, in the caller's transaction; ``run`` returns how many rows changed.
    ``name`` is a word with underscores: it stands in the alert's facts.
    """
    restore_steps[name] = run
