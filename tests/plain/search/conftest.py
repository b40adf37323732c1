"""The sample, loaded once into an embedded engine, and read a second way for expectations of our own."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import zstandard

from common_apps.queries.language.compiler import compile_request
from response_site.search.dataset import description_beside, read_description, sample_file
from response_site.search.engine import EngineFailure
from response_site.search.services import load_dataset
from response_site.search.tantivy_engine import TantivyEngine

Document = dict[str, Any]
Answer = dict[str, Any]
Ask = Callable[..., Any]

SAMPLE = Path(__file__).parents[3] / "response_site" / "search" / "sample" / "contracts.jsonl.zst"

# The standard analyzer said a second way: runs of letters, digits and _, joined by . ' : between letters and by . , ; '
# between digits.
_TOKEN = re.compile(r"\w+(?:(?:(?<=[^\W\d_])[.'\u2019:·](?=[^\W\d_])|(?<=\d)[.,;'\u2019](?=\d))\w+)*")


@cache
def tokens(text: str) -> tuple[str, ...]:
    """The words of a text, lower-cased, by this suite's own rule."""
    return tuple(word for word in _TOKEN.findall(text.lower()) if word.strip("_"))


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    """The sample's documents in their order; the id of documents[0] is "1"."""
    with SAMPLE.open("rb") as packed:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), encoding="utf-8", newline="\n")
        return [json.loads(line) for line in text]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TantivyEngine]:
    """An embedded engine that holds the sample as `contracts`."""
    engine = TantivyEngine(tmp_path_factory.mktemp("search"))
    file = sample_file("contracts")
    assert file is not None
    load_dataset(engine=engine, name="contracts", file=file, dataset=read_description(description_beside(file)))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def ask(engine: TantivyEngine) -> Ask:
    """ask(query, **template): the answer to a request as a user writes it; `type` names its query_type."""
    fields = engine.fields("contracts")

    def ask(query: Document | None = None, **template: Any) -> Answer:
        params: Document = {"index": "contracts", **template}
        if "from_" in params:
            params["from"] = params.pop("from_")
        if query is not None:
            params["query"] = query
        query_type = "aggregation" if "aggs" in params else "bool"
        if query_type == "bool" and (query is None or "bool" not in query):
            params["query"] = {"bool": {"must": [query or {"match_all": {}}]}}
        request = compile_request(query_type=query_type, query_params=params, fields=fields)
        answer = engine.search(request, timeout_seconds=60)
        assert not isinstance(answer, EngineFailure), answer
        return answer

    return ask


@pytest.fixture(scope="session")
def found_ids(ask: Ask) -> Callable[..., set[str]]:
    """found_ids(query): the ids of every document that matches, page by page."""

    def found_ids(query: Document) -> set[str]:
        ids: set[str] = set()
        total = 1
        while len(ids) < total:
            page = ask(query, size=1000, from_=len(ids), sort=["contract_number", "amount"], _source=False)
            total = page["hits"]["total"]["value"]
            before = len(ids)
            ids |= {hit["_id"] for hit in page["hits"]["hits"]}
            assert len(ids) > before or not total, "paging went wrong"
        return ids

    return found_ids
