"""Loads documents into the search engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from response_site.search.dataset import DatasetDescription, DatasetError
from response_site.search.documents import DocumentError, field_values, unknown_keys
from response_site.search.engine import EngineUnavailable, IndexWriteError, SearchEngine
from response_site.search.jsonl import read_documents
from response_site.search.mapping import Field, flatten

_PROGRESS_EVERY = 1000


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did. ``fields``: full name -> Elasticsearch type."""

    index: str
    documents: int
    fields: dict[str, str]
    seconds: float


def load_dataset(
    *,
    engine: SearchEngine,
    name: str,
    file: Path,
    dataset: DatasetDescription,
    progress: Callable[[int], None] = lambda documents: None,
) -> LoadReport:
    """Load JSON lines as the index ``name``, in place of what it held; a document's id is its line's number.

    The index changes in one step at the end: after any error, and a crash, it is what it was. ``progress`` is
    called with the number of documents read so far. Raises DatasetError (a bad line, a bad file, a bad mapping) and
    EngineUnavailable.
    """
    began = time.monotonic()
    try:
        fields = flatten(dataset.mapping)
        generation = engine.begin_generation(name, dataset.mapping)
        try:
            documents = engine.bulk(generation, _checked(file, fields, progress))
            engine.refresh(generation)
            engine.publish_generation(name, generation)
        except BaseException:
            # What stopped the load may also stop this; the next load removes what is left behind.
            with suppress(EngineUnavailable):
                engine.delete_index(generation)
            raise
    except IndexWriteError as error:
        raise DatasetError(f"{file}: {error}") from error
    progress(documents)
    return LoadReport(name, documents, engine.fields(name), time.monotonic() - began)


def _checked(
    file: Path, fields: dict[str, Field], progress: Callable[[int], None]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Documents that fit the mapping, or DatasetError with the number of the first line that doesn't."""
    for line, document in read_documents(file):
        unknown = unknown_keys(fields.values(), document)
        if unknown:
            raise DatasetError(f'{file}, line {line}: the mapping has no field "{unknown[0]}"')
        try:
            field_values(fields.values(), document)
        except DocumentError as error:
            raise DatasetError(f"{file}, line {line}: {error}") from error
        if line % _PROGRESS_EVERY == 0:
            progress(line)
        yield str(line), document
