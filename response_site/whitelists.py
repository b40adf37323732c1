"""Which indices each profile may ask: joins the catalogue to the profile types, which know nothing of each other."""

from __future__ import annotations

from collections import defaultdict

from common_apps.queries.models import Index


def indices_by_profile() -> dict[str, list[str]]:
    """{profile type's name: [names of the indices that list it]}."""
    allowed: defaultdict[str, list[str]] = defaultdict(list)
    for index, profiles in Index.objects.values_list("name", "profile_types"):
        for profile in profiles:
            allowed[profile].append(index)
    return dict(allowed)
