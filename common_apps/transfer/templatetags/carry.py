"""The carry at a glance, on every page of the admin."""

from __future__ import annotations

from typing import Any

from django import template

from common_apps.transfer.services.overview import read_overview

register = template.Library()


@register.inclusion_tag("admin/transfer/banner.html", takes_context=True)
def carry_banner(context: dict[str, Any]) -> dict[str, Any]:
    """What has not come, what the other site holds and what waits to go; nothing for who may not see bundles."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not user.is_active or not user.has_perm("transfer.view_importbatch"):
        return {"overview": None}
    return {"overview": read_overview()}
