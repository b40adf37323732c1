"""ElasticsearchEngine: every index name is an alias of one generation, swapped in one step."""

from __future__ import annotations

import random
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from elasticsearch import (
    ApiError,
    ConnectionTimeout,
    Elasticsearch,
    NotFoundError,
    SerializationError,
    TransportError,
)
from elasticsearch.dsl import Search
from elasticsearch.helpers import BulkIndexError, streaming_bulk

from common_apps.queries.language.normalized import NormalizedRequest
from response_site.search.elasticsearch_engine.bodies import public_response, search_body
from response_site.search.elasticsearch_engine.failures import (
    BUSY_STATUSES,
    failure_of,
    is_busy,
    query_timeout,
)
from response_site.search.engine import (
    EngineFailure,
    EngineHealth,
    EngineUnavailable,
    IndexMissingError,
    IndexWriteError,
    Mapping,
    SearchResponse,
    index_missing,
    is_index_name,
    require_index_name,
)
from response_site.search.mapping import flatten
from response_site.search.safe_text import replace_unsafe

_BATCH = 100
_ATTEMPTS = 4
# The client waits this much longer than it lets Elasticsearch search, so that Elasticsearch's own answer wins.
_GRACE_SECONDS = 2.0
_ADMIN_TIMEOUT_SECONDS = 60.0
_HEALTH_TIMEOUT_SECONDS = 3.0


class ElasticsearchEngine:
    """A cluster by its address. Searching needs read and view_index_metadata (elasticsearch_role.json), loading
    a user that may manage the indexes. Threads may share an instance; a forked process makes its own."""

    def __init__(self, url: str, *, username: str | None = None, password: str | None = None) -> None:
        self._client = Elasticsearch(
            url,
            basic_auth=(username, password or "") if username else None,
            # Retrying is decided here, item by item; a search that timed out must not be started again by itself.
            retry_on_timeout=False,
            max_retries=0,
            request_timeout=_ADMIN_TIMEOUT_SECONDS,
        )

    def msearch(
        self, requests: Sequence[NormalizedRequest], *, timeout_seconds: float, preference: str | None = None
    ) -> list[SearchResponse | EngineFailure]:
        """Answer each request in its place, 100 at a time."""
        # A pattern or a list would be searched as one: such a name is no index of ours.
        sound = [request for request in requests if is_index_name(request.index)]
        found: list[SearchResponse | EngineFailure] = []
        for start in range(0, len(sound), _BATCH):
            found += self._batch(sound[start : start + _BATCH], timeout_seconds, preference)
        answers = iter(found)
        return [next(answers) if is_index_name(request.index) else index_missing(request.index) for request in requests]

    def search(
        self, request: NormalizedRequest, *, timeout_seconds: float, preference: str | None = None
    ) -> SearchResponse | EngineFailure:
        """Answer one request."""
        return self.msearch([request], timeout_seconds=timeout_seconds, preference=preference)[0]

    def fields(self, index: str) -> dict[str, str]:
        """Every full field name and its type, from the mapping that the cluster holds."""
        with _told(index):
            answer = self._client.indices.get_mapping(index=index).body
        ((_, found),) = answer.items()
        return {name: field.type for name, field in flatten(found["mappings"]).items()}

    def create_index(self, index: str, mapping: Mapping) -> None:
        """Make an empty index, in place of one of that name."""
        self.publish_generation(index, self.begin_generation(index, mapping))

    def begin_generation(self, index: str, mapping: Mapping) -> str:
        """Make an empty generation that no alias names yet."""
        require_index_name(index)
        flatten(mapping)
        generation = f"{index}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        with _told(index):
            try:
                self._client.indices.create(
                    index=generation,
                    settings={"number_of_shards": 1},
                    mappings={**mapping, "dynamic": "strict"},
                )
            except ApiError as error:
                if error.meta.status != 400:
                    raise
                raise IndexWriteError(f'The index "{index}" can\'t be made: {error}') from error
        return generation

    def publish_generation(self, index: str, generation: str) -> None:
        """Move the alias and drop what it named, and what dead loads left, in one step of the cluster.

        A younger generation that no alias names is being loaded by somebody else.
        """
        ours = re.compile(re.escape(index) + r"-[0-9]{14}-[0-9a-f]{6}")
        with _told(index):
            held = self._client.indices.get_alias(index=f"{index}-*").body
            replaced = [
                name
                for name, facts in held.items()
                if ours.fullmatch(name) and name != generation and (index in facts["aliases"] or name < generation)
            ]
            actions: list[dict[str, Any]] = [{"remove_index": {"index": name}} for name in replaced]
            actions.append({"add": {"index": generation, "alias": index}})
            self._client.indices.update_aliases(actions=actions)

    def bulk(self, index: str, documents: Iterable[tuple[str, dict[str, Any]]]) -> int:
        """Index documents, 500 at a time."""
        with _told(index):
            if not self._client.indices.exists(index=index):
                raise IndexMissingError(index)
            actions = (
                {"_op_type": "index", "_id": replace_unsafe(document_id), "_source": replace_unsafe(source)}
                for document_id, source in documents
            )
            taken = 0
            try:
                for _ok, _item in streaming_bulk(self._client, actions, index=index, max_retries=3):
                    taken += 1
            except BulkIndexError as error:
                item = next(iter(error.errors[0].values()))
                reason = item.get("error", {}).get("reason", "refused")
                raise IndexWriteError(f'Document "{item.get("_id")}": {reason}') from error
            except SerializationError as error:
                raise IndexWriteError(f"A document is no JSON: {error.message}") from error
        return taken

    def refresh(self, index: str) -> None:
        """Make what was indexed visible."""
        with _told(index):
            self._client.indices.refresh(index=index)

    def delete_index(self, index: str) -> None:
        """Remove the generations behind a name, or one generation."""
        if not is_index_name(index):
            return
        with _told(index), suppress(NotFoundError):
            # An alias can't be deleted: what it stands for can.
            if names := list(self._client.indices.get(index=index).body):
                self._client.indices.delete(index=names)

    def count(self, index: str) -> int:
        """How many documents a search can see."""
        with _told(index):
            return int(Search(using=self._client, index=index).count())

    def health(self, index: str | None = None) -> EngineHealth:
        """Whether the index answers a search; the cluster itself is not asked: a reader may not."""
        client = self._client.options(request_timeout=_HEALTH_TIMEOUT_SECONDS)
        try:
            with _told(index or "*"):
                documents = int(Search(using=client, index=index or "*").count())
        except (EngineUnavailable, IndexMissingError, ApiError) as error:
            return EngineHealth(ok=False, detail=str(error))
        return EngineHealth(ok=True, detail="answers", documents=documents)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _batch(
        self, requests: Sequence[NormalizedRequest], timeout_seconds: float, preference: str | None
    ) -> list[SearchResponse | EngineFailure]:
        try:
            items = self._send(requests, timeout_seconds, preference)
        except ConnectionTimeout as error:
            if not self.health(requests[0].index).ok:
                raise EngineUnavailable("Elasticsearch does not answer in time.") from error
            if len(requests) == 1:
                return [query_timeout()]
            # It lives: one of them is too slow, and must not take the others with it.
            return [self._batch([request], timeout_seconds, preference)[0] for request in requests]
        answers: list[SearchResponse | EngineFailure] = []
        for request, item in zip(requests, items, strict=True):
            failure = failure_of(item, request)
            answers.append(failure if failure is not None else public_response(item, request.index))
        return answers

    def _send(
        self, requests: Sequence[NormalizedRequest], timeout_seconds: float, preference: str | None
    ) -> list[dict[str, Any]]:
        """msearch's items in the order of ``requests``; those that met a busy cluster are asked again."""
        client = self._client.options(request_timeout=timeout_seconds + _GRACE_SECONDS)
        items: list[dict[str, Any]] = [{} for _ in requests]
        open_places = list(range(len(requests)))
        for attempt in range(1, _ATTEMPTS + 1):
            searches: list[dict[str, Any]] = []
            for place in open_places:
                searches.append(_header(requests[place], preference))
                searches.append(search_body(requests[place], timeout_seconds=timeout_seconds))
            last = attempt == _ATTEMPTS
            with _told("*", timeouts=False):
                try:
                    found = client.msearch(searches=searches).body["responses"]
                except ApiError as error:
                    if error.meta.status not in BUSY_STATUSES or last:
                        raise
                    _back_off(attempt)
                    continue
            for place, item in zip(open_places, found, strict=True):
                items[place] = item
            open_places = [place for place in open_places if is_busy(items[place])]
            if not open_places or last:
                break
            _back_off(attempt)
        return items


def _header(request: NormalizedRequest, preference: str | None) -> dict[str, Any]:
    header: dict[str, Any] = {"index": request.index}
    if preference is not None:
        # A leading underscore would be one of Elasticsearch's own preferences.
        header["preference"] = f"asker-{preference}"
    return header


def _back_off(attempt: int) -> None:
    time.sleep(0.1 * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, hides nothing


@contextmanager
def _told(index: str, *, timeouts: bool = True) -> Iterator[None]:
    """Turn the client's errors into ours; ``timeouts`` of the client only if asked, a search judges its own."""
    try:
        yield
    except NotFoundError as error:
        raise IndexMissingError(index) from error
    except ApiError as error:
        if error.meta.status in (401, 403):
            raise EngineUnavailable("Elasticsearch refuses our credentials; see ELASTICSEARCH_USERNAME.") from error
        raise EngineUnavailable(f"Elasticsearch: {error.meta.status} {error.message}") from error
    except ConnectionTimeout as error:
        if not timeouts:
            raise
        raise EngineUnavailable("Elasticsearch does not answer in time.") from error
    except TransportError as error:
        raise EngineUnavailable("Elasticsearch can't be reached; see ELASTICSEARCH_URL.") from error
