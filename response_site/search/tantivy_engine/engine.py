"""TantivyEngine: the embedded engine, in process, over folders that several processes share."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tantivy

from common_apps.queries.language.normalized import NormalizedRequest
from response_site.search.documents import DocumentError
from response_site.search.engine import (
    ENGINE_ERROR,
    EngineFailure,
    EngineHealth,
    EngineUnavailable,
    IndexMissingError,
    IndexWriteError,
    Mapping,
    QueryFailedError,
    SearchResponse,
    index_missing,
)
from response_site.search.mapping import flatten
from response_site.search.safe_text import replace_unsafe
from response_site.search.tantivy_engine.aggregations.kinds import KINDS
from response_site.search.tantivy_engine.aggregations.run import Run
from response_site.search.tantivy_engine.clauses import translate
from response_site.search.tantivy_engine.generations import OpenGenerations, is_panic
from response_site.search.tantivy_engine.hits import Hits
from response_site.search.tantivy_engine.schema import ID, build_document, build_schema
from response_site.search.tantivy_engine.snapshot import Snapshot
from response_site.search.tantivy_engine.store import GenerationStore

logger = logging.getLogger(__name__)

# One thread keeps the documents in the order they came; half of this is what one segment may take in memory.
_WRITER_BYTES = 64_000_000
_ONE_SHARD = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}


class TantivyEngine:
    """Indexes under one folder. Threads may share an instance; a forked process makes its own."""

    def __init__(self, root: Path) -> None:
        self._store = GenerationStore(root)
        self._open = OpenGenerations(self._store)
        self._writing = threading.Lock()

    def msearch(
        self, requests: Sequence[NormalizedRequest], *, timeout_seconds: float, preference: str | None = None
    ) -> list[SearchResponse | EngineFailure]:
        """Answer each request in its place. There is one copy of the data: ``preference`` changes nothing."""
        return [self.search(request, timeout_seconds=timeout_seconds) for request in requests]

    def search(
        self, request: NormalizedRequest, *, timeout_seconds: float, preference: str | None = None
    ) -> SearchResponse | EngineFailure:
        """Answer one request. Raises EngineUnavailable when the folder can't be read."""
        try:
            return self._answer(request, time.monotonic() + timeout_seconds)
        except IndexMissingError as error:
            return index_missing(error.index)
        except QueryFailedError as error:
            return error.failure
        except EngineUnavailable:
            raise
        except Exception:
            logger.exception("search_failed index=%s", request.index)
        except BaseException as error:
            if not is_panic(error):
                raise
            logger.exception("search_panicked index=%s", request.index)
        return EngineFailure(ENGINE_ERROR, "The search engine could not run this query.", retryable=False)

    def fields(self, index: str) -> dict[str, str]:
        """Every full field name and its Elasticsearch type."""
        mapping = self._store.mapping(self._store.resolve(index))
        return {name: field.type for name, field in flatten(mapping).items()}

    def create_index(self, index: str, mapping: Mapping) -> None:
        """Make an empty index, in place of one of that name."""
        self.publish_generation(index, self.begin_generation(index, mapping))

    def begin_generation(self, index: str, mapping: Mapping) -> str:
        """Make an empty generation beside the one that is searched."""
        schema = build_schema(mapping)
        generation = self._store.begin(index, mapping)
        tantivy.Index(schema.tantivy, path=str(self._store.folder(generation)))
        return generation

    def publish_generation(self, index: str, generation: str) -> None:
        """Let ``index`` mean ``generation`` from now on, in every process."""
        self._store.publish(index, generation)

    def bulk(self, index: str, documents: Iterable[tuple[str, dict[str, Any]]]) -> int:
        """Index documents and commit them."""
        with self._writing:
            generation = self._open.current(self._store.resolve(index))
            try:
                writer = generation.index.writer(_WRITER_BYTES, 1)
            except ValueError as error:
                raise EngineUnavailable(f'"{index}" is being written by another process: {error}') from error
            try:
                taken = _write(writer, generation.snapshot, documents)
                writer.commit()
            except BaseException:
                writer.rollback()
                raise
            finally:
                writer.wait_merging_threads()
        return taken

    def refresh(self, index: str) -> None:
        """Nothing to do but to see that the index is there: `bulk` commits, and searches look for commits."""
        self._store.resolve(index)

    def delete_index(self, index: str) -> None:
        """Remove the index with its files."""
        self._store.delete(index)

    def count(self, index: str) -> int:
        """How many documents a search can see."""
        return self._open.current(self._store.resolve(index)).snapshot.count

    def health(self, index: str | None = None) -> EngineHealth:
        """Whether the index, or every index, can be opened."""
        try:
            names = [index] if index is not None else self._store.names()
            documents = sum(self.count(name) for name in names)
        except (EngineUnavailable, IndexMissingError) as error:
            return EngineHealth(ok=False, detail=str(error))
        return EngineHealth(ok=True, detail=f"{len(names)} index(es) open", documents=documents)

    def close(self) -> None:
        """Let go of all files."""
        self._open.close()

    def _answer(self, request: NormalizedRequest, deadline: float) -> SearchResponse:
        began = time.monotonic()
        snapshot = self._open.current(self._store.resolve(request.index)).snapshot
        hits = Hits(snapshot, translate(snapshot, request.query), request.index)
        response: SearchResponse = {"took": 0, "timed_out": False, "_shards": dict(_ONE_SHARD)}
        aggregations = None
        if request.aggs:
            run = Run(snapshot, KINDS, _rows_of(snapshot), hits.top, deadline)
            aggregations = run.aggregate(request.aggs, hits.rows)
        response["hits"] = hits.page(size=request.size, from_=request.from_, sort=request.sort, source=request.source)
        if aggregations is not None:
            response["aggregations"] = aggregations
        response["took"] = round((time.monotonic() - began) * 1000)
        return response


def _rows_of(snapshot: Snapshot) -> Any:
    """The rows of a clause, found once a search however many buckets ask for them."""
    known: dict[str, frozenset[int]] = {}

    def rows_of(clause: dict[str, Any]) -> frozenset[int]:
        key = json.dumps(clause, sort_keys=True)
        if key not in known:
            known[key] = frozenset(row for row, _ in snapshot.rows(translate(snapshot, clause)))
        return known[key]

    return rows_of


def _write(writer: tantivy.IndexWriter, snapshot: Snapshot, documents: Iterable[tuple[str, dict[str, Any]]]) -> int:
    row = snapshot.next_row()
    fresh = snapshot.count == 0
    written: set[str] = set()
    for taken, (document_id, source) in enumerate(documents):
        clean_id = replace_unsafe(document_id)
        if not fresh or clean_id in written:
            writer.delete_documents_by_term(ID, clean_id)
        written.add(clean_id)
        try:
            writer.add_document(build_document(snapshot.schema, row + taken, clean_id, replace_unsafe(source)))
        except DocumentError as error:
            raise IndexWriteError(f'Document "{clean_id}": {error}') from error
    return len(written)
