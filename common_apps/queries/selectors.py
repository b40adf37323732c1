"""Reads the catalogue: what a profile may ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.db import connection

from common_apps.accounts.models import ProfileType
from common_apps.core.errors import DomainError
from common_apps.core.strict_json import dumps_canonical
from common_apps.queries.models import Dataset, Index


class IndexNotAllowedError(DomainError):
    """The index is unknown, or the profile may not ask it: the answer is the same, so that nobody learns which."""

    def __init__(self) -> None:
        super().__init__(
            "index_not_allowed",
            "This index is not one that your profile may ask, by its exact name; GET indices/ lists those that it may.",
        )


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An index as requests are validated against it; ``fields``: full name -> Elasticsearch type."""

    name: str
    title: str
    fields: Mapping[str, str]
    profile_types: frozenset[str]
    every_profile_type: bool

    def allows(self, profile_type: str) -> bool:
        """Whether users of the profile may ask it."""
        return self.every_profile_type or profile_type in self.profile_types


@dataclass(frozen=True, slots=True)
class Permitted:
    """What one profile may ask: its indices by name, and how many hits at once (``max_size``)."""

    indices: Mapping[str, IndexEntry]
    max_size: int

    def fields_of(self, index: object) -> Mapping[str, str]:
        """The index's fields; IndexNotAllowedError for one that is unknown or not allowed, however spelled."""
        entry = self.indices.get(index) if isinstance(index, str) else None
        if entry is None:
            raise IndexNotAllowedError
        return entry.fields


_READ_STATE = """
    SELECT (SELECT string_agg(revision::text, ',' ORDER BY name) FROM indices),
           (SELECT max_size FROM profile_types WHERE name = %s)
"""


class _Kept:
    """The catalogue as this process read it last, after the revisions that it had then; replaced in one assignment."""

    catalogue: tuple[str | None, tuple[IndexEntry, ...]] = (None, ())


def permitted(profile_type: str | None) -> Permitted:
    """What the profile may ask, as last carried or published: one small query; the catalogue is read when it changed.

    A profile that has not come yet may ask nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(_READ_STATE, [profile_type])
        revisions, max_size = cursor.fetchone()
    kept, entries = _Kept.catalogue
    if revisions != kept:
        # Read after the revisions: at worst it is newer than they say, and is read once more.
        entries = tuple(_read_entries())
        _Kept.catalogue = (revisions, entries)
    if profile_type is None or max_size is None:
        return Permitted(MappingProxyType({}), 0)
    return Permitted({entry.name: entry for entry in entries if entry.allows(profile_type)}, max_size)


def fields_of(index: object, profile_type: str) -> Mapping[str, str]:
    """Fields (full name -> type) of an index that the profile may ask, else IndexNotAllowedError."""
    return permitted(profile_type).fields_of(index)


def indices_by_profile_type() -> dict[str, list[str]]:
    """Name of each profile type -> sorted names of the indices that it may ask."""
    entries = list(_read_entries())
    return {
        profile: sorted(entry.name for entry in entries if entry.allows(profile))
        for profile in ProfileType.objects.values_list("name", flat=True)
    }


def catalogue_lines() -> Iterator[bytes]:
    """The catalogue as wire records: canonical JSON lines, sorted by id, a dataset before an index of its name."""
    every = sorted(ProfileType.objects.values_list("name", flat=True))
    lines: list[dict[str, Any]] = [
        {
            "type": "index",
            "id": entry.name,
            "title": entry.title,
            "fields": [{"name": name, "type": kind} for name, kind in entry.fields.items()],
            "profile_types": every if entry.every_profile_type else sorted(entry.profile_types),
        }
        for entry in _read_entries()
    ]
    lines += [
        {
            "type": "dataset",
            "id": dataset.name,
            "index": dataset.index,
            "chips": dataset.chips,
            "metric": dataset.metric or None,
        }
        for dataset in Dataset.objects.all()
    ]
    return map(dumps_canonical, sorted(lines, key=lambda line: (line["id"], line["type"])))


def _read_entries() -> Iterator[IndexEntry]:
    for index in Index.objects.order_by("name"):
        yield IndexEntry(
            name=index.name,
            title=index.title,
            fields=MappingProxyType({field["name"]: field["type"] for field in index.fields}),
            profile_types=frozenset(index.profile_types),
            every_profile_type=index.every_profile_type,
        )
