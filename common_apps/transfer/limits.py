"""How large bundles may be on this site."""

from __future__ import annotations

from django.conf import settings

from common_apps.transfer.bundle.limits import MIB, Limits


def site_limits() -> Limits:
    """The format's limits, with what the settings say otherwise."""
    return Limits(
        log_records=settings.LOG_BUNDLE_RECORDS,
        log_plaintext=settings.LOG_BUNDLE_MIB * MIB,
        state_plaintext=settings.STATE_BUNDLE_MIB * MIB,
    )
