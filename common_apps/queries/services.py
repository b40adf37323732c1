"""Writes the catalogue. On the response site people and `load_dataset` do, on the request site the stream alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from common_apps.audit.actors import SYSTEM, Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.ids import new_id
from common_apps.queries.models import Dataset, Index
from common_apps.transfer.bundle import records


def publish_index(
    *,
    name: str,
    title: str,
    fields: Mapping[str, str],
    profile_types: Sequence[str] | None,
    actor: Actor = SYSTEM,
) -> Index:
    """Enters the index, or makes the entry equal to this.

    ``fields``: full name -> Elasticsearch type. ``profile_types``: names of the profiles that may ask it; None: every
    profile that there is or will be.
    """
    content = {
        "title": title,
        "fields": [{"name": field, "type": kind} for field, kind in fields.items()],
        "profile_types": sorted(set(profile_types or ())),
        "every_profile_type": profile_types is None,
    }
    with transaction.atomic():
        index = Index.objects.select_for_update().filter(name=name).first()
        if index is not None and all(getattr(index, key) == value for key, value in content.items()):
            return index
        now = clock.now()
        index, _ = Index.objects.update_or_create(
            name=name,
            defaults={**content, "revision": new_id(), "updated_at": now},
            create_defaults={**content, "revision": new_id(), "created_at": now, "updated_at": now},
        )
        record(
            action="index.published",
            actor=actor,
            resource_type="index",
            resource_id=name,
            data={"profile_types": None if profile_types is None else content["profile_types"], "fields": len(fields)},
        )
    return index


def publish_dataset(
    *, name: str, index: str, chips: Mapping[str, Any], metric: str | None, actor: Actor = SYSTEM
) -> Dataset:
    """Enters the dataset, or makes the entry equal to this. ``chips``: chip -> fields; ``metric``: what totals sum."""
    content = {"index": index, "chips": dict(chips), "metric": metric or ""}
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().filter(name=name).first()
        if dataset is not None and all(getattr(dataset, key) == value for key, value in content.items()):
            return dataset
        now = clock.now()
        dataset, _ = Dataset.objects.update_or_create(
            name=name,
            defaults={**content, "updated_at": now},
            create_defaults={**content, "created_at": now, "updated_at": now},
        )
        record(action="dataset.published", actor=actor, resource_type="dataset", resource_id=name, data=content)
    return dataset


def replace_catalogue(*, entries: Iterable[records.Index | records.Dataset], at: datetime) -> int:
    """Makes the catalogue equal to what was carried; how many rows were entered, changed or removed.

    Called inside the import's transaction.
    """
    indices = {entry.id: entry for entry in entries if isinstance(entry, records.Index)}
    datasets = {entry.id: entry for entry in entries if isinstance(entry, records.Dataset)}
    changed = Index.objects.exclude(name__in=indices).delete()[0]
    changed += Dataset.objects.exclude(name__in=datasets).delete()[0]
    return changed + _replace_indices(indices, at) + _replace_datasets(datasets, at)


def _replace_indices(wanted: Mapping[str, records.Index], at: datetime) -> int:
    known = {index.name: index for index in Index.objects.all()}
    changed = []
    for name, entry in wanted.items():
        index = known.get(name) or Index(name=name, created_at=at)
        content = {
            "title": entry.title,
            "fields": [{"name": field.name, "type": field.type} for field in entry.fields],
            "profile_types": entry.profile_types,
        }
        if name in known and all(getattr(index, key) == value for key, value in content.items()):
            continue
        for key, value in content.items():
            setattr(index, key, value)
        index.every_profile_type, index.revision, index.updated_at = False, new_id(), at
        changed.append(index)
    Index.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["title", "fields", "profile_types", "every_profile_type", "revision", "updated_at"],
    )
    return len(changed)


def _replace_datasets(wanted: Mapping[str, records.Dataset], at: datetime) -> int:
    known = {dataset.name: dataset for dataset in Dataset.objects.all()}
    changed = []
    for name, entry in wanted.items():
        dataset = known.get(name) or Dataset(name=name, created_at=at)
        content = {"index": entry.index, "chips": entry.chips, "metric": entry.metric or ""}
        if name in known and all(getattr(dataset, key) == value for key, value in content.items()):
            continue
        for key, value in content.items():
            setattr(dataset, key, value)
        dataset.updated_at = at
        changed.append(dataset)
    Dataset.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["index", "chips", "metric", "updated_at"],
    )
    return len(changed)
