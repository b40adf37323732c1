"""Narrowing the lists of bundles by where each is at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from common_apps.transfer.choices import WAITING, ExportStatus, ImportStatus

_LIVE = Q(status=ExportStatus.COMPLETED, superseded_at=None, ended_at=None)
_SETTLED_THERE = Q(confirmed_at=None, held_at=None)


class _AtFilter(admin.SimpleListFilter):
    title = "where it is at"
    parameter_name = "at"
    places: dict[str, tuple[str, Q]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The words."""
        return [(name, word) for name, (word, _) in self.places.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that are there; all for a word that is none."""
        chosen = self.places.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen[1])


class ExportAtFilter(_AtFilter):
    """Of bundles that this site wrote."""

    places = {
        "waits": ("waits to be carried", _LIVE & _SETTLED_THERE & Q(carried_at=None)),
        "under-way": ("on its way", _LIVE & _SETTLED_THERE & Q(carried_at__isnull=False)),
        "applied": ("applied there", _LIVE & Q(confirmed_at__isnull=False, held_at=None)),
        "held": ("held or refused there", _LIVE & Q(held_at__isnull=False)),
        "discarded": ("discarded there", Q(ended_at__isnull=False)),
        "replaced": ("replaced", Q(superseded_at__isnull=False)),
        "failed": ("failed", Q(status=ExportStatus.FAILED)),
    }


class ImportAtFilter(_AtFilter):
    """Of bundles that this site met."""

    places = {
        "applied": ("applied", Q(status=ImportStatus.COMPLETED)),
        "conflicts": ("applied, but for conflicts", Q(status=ImportStatus.COMPLETED, code__isnull=False)),
        "quarantine": ("in quarantine", Q(status=ImportStatus.FAILED, discarded_at=None)),
        "held": ("held", Q(status=ImportStatus.FAILED, held_at__isnull=False, discarded_at=None)),
        "refused": ("refused", Q(status=ImportStatus.FAILED, held_at=None)),
        "discarded": ("discarded", Q(discarded_at__isnull=False) | Q(metadata__has_key="discarded")),
        "waits": ("waits", Q(status__in=WAITING)),
        "dropped": ("dropped", Q(status=ImportStatus.DROPPED)),
    }
