"""Shared by every part of the suite. Free of Django, so that tests/plain runs without it."""

import os

from hypothesis import HealthCheck, settings

# Slow shared machines: no deadline an example, fewer examples; HYPOTHESIS_PROFILE=thorough for a long look
settings.register_profile("suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

if os.environ.get("DJANGO_SETTINGS_MODULE"):
    pytest_plugins = ["tests.flush"]
