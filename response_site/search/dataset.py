"""What a dataset is besides its documents: the index they go to, its mapping, and what filter chips mean over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from response_site.search.engine import IndexWriteError
from response_site.search.mapping import flatten

SAMPLE_FOLDER = Path(__file__).parent / "sample"


class DatasetError(Exception):
    """A dataset that can't be loaded; the text says which file, which line and what is wrong with it."""


class DatasetDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A description file: one JSON object.

    ``chips``: chip -> the full names of its fields. ``metric``: the number field that totals sum, or null.
    """

    index: str
    title: str
    mapping: dict[str, Any]
    chips: dict[str, list[str]] = {}
    metric: str | None = None


def read_description(path: Path) -> DatasetDescription:
    """The description in a file, checked against its own mapping. Raises DatasetError."""
    try:
        description = msgspec.json.decode(path.read_bytes(), type=DatasetDescription)
        fields = flatten(description.mapping)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, IndexWriteError) as error:
        raise DatasetError(f"{path}: {error}") from error
    named = {field for chip in description.chips.values() for field in chip}
    if description.metric is not None:
        named.add(description.metric)
    unknown = sorted(named - fields.keys())
    if unknown:
        raise DatasetError(f"{path}: chips or metric name fields that the mapping lacks: {', '.join(unknown)}")
    return description


def sample_file(name: str) -> Path | None:
    """The documents of the sample of that name that is shipped with the project, if there is one."""
    path = SAMPLE_FOLDER / f"{name}.jsonl.zst"
    return path if name.isidentifier() and path.is_file() else None


def description_beside(file: Path) -> Path:
    """Where the description of a file of documents is looked for: ``contracts.jsonl.zst`` -> ``contracts.json``."""
    return file.with_name(file.name.split(".", 1)[0] + ".json")
