"""The normal form means what the user wrote: Elasticsearch answers both alike."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from elasticsearch import ApiError, Elasticsearch, helpers

from common_apps.queries.language import compile_request
from tests.plain.language.generator import generate_requests
from tests.plain.language.vocabulary import FIELDS

pytestmark = pytest.mark.elasticsearch
SAMPLE = Path(__file__).parents[2] / "response_site" / "search" / "sample"


@pytest.fixture(scope="module")
def contracts(elasticsearch_url: str) -> Iterator[tuple[Elasticsearch, str]]:
    """The sample in an index of one segment, and its name."""
    name = f"meaning-{uuid.uuid4().hex}"
    mapping = json.loads((SAMPLE / "contracts.json").read_text())["mapping"]
    lines = (
        zstandard.ZstdDecompressor().stream_reader((SAMPLE / "contracts.jsonl.zst").read_bytes()).read().splitlines()
    )
    with Elasticsearch(elasticsearch_url, request_timeout=120) as client:
        client.indices.create(index=name, mappings=mapping, settings={"number_of_shards": 1, "number_of_replicas": 0})
        documents = (
            {"_index": name, "_id": str(line), "_source": json.loads(text)} for line, text in enumerate(lines, 1)
        )
        helpers.bulk(client, documents, refresh=True)
        client.indices.forcemerge(index=name, max_num_segments=1)
        yield client, name
        client.indices.delete(index=name)


def answer(client: Elasticsearch, index: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.search(index=index, body=body).body
    hits = response["hits"]
    return {
        "total": hits["total"],
        "ids": sorted(hit["_id"] for hit in hits["hits"]),
        "aggregations": json.loads(json.dumps(response.get("aggregations")).replace(index, "contracts")),
    }


@pytest.mark.parametrize("seed", range(4))
def test_normal_form_is_answered_as_the_users_own_spelling_is(seed: int, contracts: tuple[Elasticsearch, str]) -> None:
    client, index = contracts
    compared = 0
    for query_type, params in generate_requests(seed, 100):
        normal = compile_request(query_type=query_type, query_params=params, fields=FIELDS)
        ours = answer(client, index, normal.body())
        written = {key: value for key, value in params.items() if key != "index"}
        try:
            theirs = answer(client, index, written | {"track_total_hits": True})
        except ApiError as refused:
            # The language takes some that Elasticsearch itself does not: a range's dates in two shapes, or bounds
            # that are not in the aggregation's own format.
            assert "failed to parse date field" in str(refused)
            continue
        assert ours == theirs, (query_type, params, normal)
        compared += 1
    assert compared > 90
