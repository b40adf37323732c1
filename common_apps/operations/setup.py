"""The steps of ``setup`` that every site has."""

from __future__ import annotations

from django.conf import settings

from common_apps.core import clock


def make_folders() -> str:
    """DATA_DIR, EXPORT_DIR and IMPORT_DIR, for this site's account alone."""
    made = []
    for name in ("DATA_DIR", "EXPORT_DIR", "IMPORT_DIR"):
        folder = getattr(settings, name)
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=0o700)
            made.append(name)
    return f"made {', '.join(made)}" if made else "there already"


def make_keys() -> str:
    """The key folder with a signing and a box key, unless it has them."""
    from common_apps.transfer.keys import KeyFolder

    folder = KeyFolder(settings.KEY_DIR)
    if folder.has_own_keys():
        return "there already"
    folder.generate(site=settings.SITE, created_at=clock.now())
    return f"generated in {settings.KEY_DIR}"
