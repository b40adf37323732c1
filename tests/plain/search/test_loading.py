"""Loading a dataset: the sample's facts, strictness, and that nothing changes before the end."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from response_site.search.dataset import DatasetDescription, DatasetError, read_description, sample_file
from response_site.search.engine import SearchEngine
from response_site.search.services import load_dataset
from response_site.search.tantivy_engine import TantivyEngine
from tests.plain.search.conftest import SAMPLE, Ask, Document

MAPPING = {"properties": {"name": {"type": "keyword"}, "size": {"type": "integer"}, "on": {"type": "date"}}}
DATASET = DatasetDescription(index="things", title="Things", mapping=MAPPING)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[TantivyEngine]:
    engine = TantivyEngine(tmp_path / "search")
    yield engine
    engine.close()


def load(engine: SearchEngine, file: Path, lines: list[Any]) -> Any:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    file.write_bytes(text.encode())
    return load_dataset(engine=engine, name="things", file=file, dataset=DATASET)


def test_sample_has_its_published_facts_when_loaded(ask: Ask, documents: list[Document]) -> None:
    kinds = {
        "total": {"sum": {"field": "amount"}},
        "contractors": {"cardinality": {"field": "contractor"}},
        "organizations": {"cardinality": {"field": "organization"}},
        "areas": {"cardinality": {"field": "area"}},
        "numbers": {"cardinality": {"field": "contract_number"}},
        "categories": {"cardinality": {"field": "business_category"}},
        "first": {"min": {"field": "award_date"}},
        "last": {"max": {"field": "award_date"}},
    }
    answer = ask(None, aggs=kinds, size=0)
    found = answer["aggregations"]
    assert answer["hits"]["total"]["value"] == len(documents) == 9855
    assert round(found["total"]["value"], 2) == 547603497105.14
    names = ("contractors", "organizations", "areas", "numbers", "categories")
    assert [found[name]["value"] for name in names] == [2409, 203, 1299, 9698, 1]
    assert found["first"]["value_as_string"][:10] == "2022-07-01"
    assert found["last"]["value_as_string"][:10] == "2025-05-30"
    office = ask({"term": {"organization": "Bulacan 1st District Engineering Office"}}, size=0)
    assert office["hits"]["total"]["value"] == 450
    assert ask({"term": {"contractor": "QM BUILDERS"}}, size=0)["hits"]["total"]["value"] == 88


def test_sample_description_agrees_with_the_index_when_loaded() -> None:
    description = read_description(SAMPLE.with_name("contracts.json"))
    assert (description.index, description.metric) == ("contracts", "amount")
    assert description.chips["keywords"] == ["title", "notice_title"]
    assert sample_file("contracts") == SAMPLE
    assert sample_file("../contracts") is None


def test_load_reports_what_it_did_when_it_ends(empty: TantivyEngine, tmp_path: Path) -> None:
    steps: list[int] = []
    file = tmp_path / "things.jsonl"
    file.write_text("".join(json.dumps({"name": str(n)}) + "\n" for n in range(2500)))
    report = load_dataset(engine=empty, name="things", file=file, dataset=DATASET, progress=steps.append)
    assert (report.index, report.documents) == ("things", 2500)
    assert report.fields == {"name": "keyword", "size": "integer", "on": "date"}
    assert steps == [1000, 2000, 2500]
    assert empty.count("things") == 2500


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_load_reads_each_packing_when_named_so(empty: TantivyEngine, tmp_path: Path, suffix: str) -> None:
    raw = b'{"name": "a"}\n{"name": "b"}'  # the last line's end is optional
    packed = {
        ".jsonl": raw,
        ".jsonl.gz": gzip.compress(raw),
        ".jsonl.zst": zstandard.compress(raw[:20]) + zstandard.compress(raw[20:]),
    }[suffix]
    file = tmp_path / f"things{suffix}"
    file.write_bytes(packed)
    assert load_dataset(engine=empty, name="things", file=file, dataset=DATASET).documents == 2


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "line 3: not JSON"),
        ("", "line 3: empty"),
        ("[1]", "line 3: a document is a JSON object"),
        ('{"name": NaN}', "line 3"),
        ('{"name": "a", "name": "b"}', "stands twice"),
        ('{"name": "\\ud800"}', "line 3"),
        ({"name": 5}, 'line 3: "name" takes text, not 5'),
        ({"size": "5"}, 'line 3: "size" takes a number'),
        ({"size": 5.5}, 'line 3: "size" takes a whole number'),
        ({"size": True}, "line 3"),
        ({"size": 2**31}, "line 3"),
        ({"on": "31.12.2024"}, 'line 3: "on" takes a date'),
        ({"on": "2024-02-30"}, "line 3"),
        ({"nam": "a"}, 'line 3: the mapping has no field "nam"'),
        ({"name": {"first": "a"}}, "line 3"),
    ],
)
def test_load_changes_nothing_when_a_line_is_bad(empty: TantivyEngine, tmp_path: Path, bad: Any, words: str) -> None:
    load(empty, tmp_path / "good.jsonl", [{"name": "old"}])
    with pytest.raises(DatasetError) as caught:
        load(empty, tmp_path / "bad.jsonl", [{"name": "new"}, {"name": "new"}, bad, {"name": "new"}])
    assert words in str(caught.value)
    assert "bad.jsonl" in str(caught.value)
    assert empty.count("things") == 1
    assert len(list((tmp_path / "search" / "generations").iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.jsonl", None, "No such file"),
        ("empty.jsonl", b"", "holds no documents"),
        ("cut.jsonl.zst", zstandard.compress(b'{"name": "a"}\n' * 5000)[:-9], "damaged or incomplete"),
        ("cut.jsonl.gz", gzip.compress(b'{"name": "a"}\n' * 5000)[:-9], "damaged or incomplete"),
        ("no.jsonl.zst", b'{"name": "a"}\n', "damaged or incomplete"),
        ("no.jsonl.gz", b'{"name": "a"}\n', "Not a gzipped file"),
    ],
)
def test_load_names_the_file_when_it_is_unreadable(
    empty: TantivyEngine, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DatasetError, match=words) as caught:
        load_dataset(engine=empty, name="things", file=file, dataset=DATASET)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("{", "truncated"),
        ({"index": "x", "title": "X"}, "mapping"),
        ({"index": "x", "title": "X", "mapping": {"properties": {"a": {"type": "geo_point"}}}}, "geo_point"),
        ({"index": "x", "title": "X", "mapping": {"properties": {}}}, "no fields"),
        ({"index": "x", "title": "X", "mapping": MAPPING, "metric": "price"}, "price"),
        ({"index": "x", "title": "X", "mapping": MAPPING, "chips": {"a": ["b"]}}, "lacks: b"),
        ({"index": "x", "title": "X", "mapping": MAPPING, "extra": 1}, "extra"),
    ],
)
def test_description_is_refused_when_it_contradicts_itself(tmp_path: Path, description: Any, words: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(description if isinstance(description, str) else json.dumps(description))
    with pytest.raises(DatasetError, match=words):
        read_description(file)


def test_index_is_the_old_one_when_a_load_was_killed(empty: TantivyEngine, tmp_path: Path) -> None:
    load(empty, tmp_path / "old.jsonl", [{"name": "old"}])
    file = tmp_path / "new.jsonl"
    file.write_text('{"name": "new"}\n' * 3000)
    dying = f"""
import os
from pathlib import Path
from response_site.search.dataset import DatasetDescription
from response_site.search.services import load_dataset
from response_site.search.tantivy_engine import TantivyEngine
load_dataset(
    engine=TantivyEngine(Path({str(tmp_path / "search")!r})), name="things", file=Path({str(file)!r}),
    dataset=DatasetDescription(index="things", title="", mapping={MAPPING!r}),
    progress=lambda documents: os._exit(9) if documents == 2000 else None,
)
"""
    assert subprocess.run([sys.executable, "-c", dying], check=False).returncode == 9
    assert empty.count("things") == 1
    assert load(empty, tmp_path / "next.jsonl", [{"name": "a"}, {"name": "b"}]).documents == 2
    assert empty.count("things") == 2


def test_other_process_sees_the_new_documents_when_a_load_ends(empty: TantivyEngine, tmp_path: Path) -> None:
    load(empty, tmp_path / "old.jsonl", [{"name": "old"}])
    asking = f"""
from pathlib import Path
from response_site.search.tantivy_engine import TantivyEngine
engine = TantivyEngine(Path({str(tmp_path / "search")!r}))
for _ in range(4):
    print(engine.count("things"), flush=True)
    input()
"""
    other = subprocess.Popen([sys.executable, "-c", asking], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdin is not None
    assert other.stdout is not None
    seen = [other.stdout.readline()]

    def look() -> None:
        print(file=other.stdin, flush=True)  # type: ignore[arg-type] # asserted above
        seen.append(other.stdout.readline())  # type: ignore[union-attr] # asserted above

    load(empty, tmp_path / "new.jsonl", [{"name": "a"}, {"name": "b"}])
    look()
    empty.bulk("things", [("3", {"name": "c"}), ("1", {"name": "A"})])
    look()
    load(empty, tmp_path / "newer.jsonl", [{"name": "x"}] * 5)
    look()
    other.communicate("\n")
    assert [int(line) for line in seen] == [1, 2, 3, 5]
