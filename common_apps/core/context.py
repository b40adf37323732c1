"""What every page may show."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """The site's name and its peer's, for titles and headings."""
    return {"site": settings.SITE, "peer": settings.PEER}
