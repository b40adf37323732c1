"""`load_dataset`: the documents into the engine, the index into the catalogue."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common_apps.queries.models import Dataset, Index
from response_site.search.registry import close_engine, get_engine

pytestmark = pytest.mark.django_db

DESCRIPTION = {
    "index": "things",
    "title": "Things",
    "mapping": {"properties": {"name": {"type": "keyword"}, "size": {"type": "integer"}}},
    "chips": {"names": ["name"]},
    "metric": "size",
}


@pytest.fixture(autouse=True)
def engine(settings: Any, tmp_path: Path) -> Iterator[None]:
    close_engine()
    settings.SEARCH_ENGINE, settings.SEARCH_DIR = "tantivy", tmp_path / "search"
    yield
    close_engine()


@pytest.fixture
def things(tmp_path: Path) -> Path:
    file = tmp_path / "things.jsonl"
    file.write_text('{"name": "a", "size": 1}\n{"name": "b", "size": 2}\n')
    file.with_name("things.json").write_text(json.dumps(DESCRIPTION))
    return file


def load(*arguments: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("load_dataset", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_sample_is_for_every_profile_when_loaded() -> None:
    out, _ = load("contracts", "--json")
    (row,) = json.loads(out)
    assert (row["index"], row["documents"]) == ("contracts", 9855)
    index = Index.objects.get(name="contracts")
    assert index.every_profile_type
    assert {"name": "contractor.text", "type": "text"} in index.fields
    dataset = Dataset.objects.get(name="contracts")
    assert (dataset.index, dataset.metric, dataset.chips["time_ranges"]) == ("contracts", "amount", ["award_date"])
    assert get_engine().count("contracts") == 9855


def test_index_is_for_nobody_when_no_profile_is_named(things: Path) -> None:
    out, err = load("things", things)
    assert "things" in out
    assert "--every-profile" in err
    index = Index.objects.get(name="things")
    assert (index.profile_types, index.every_profile_type) == ([], False)


def test_whitelist_stays_when_an_index_is_loaded_again(things: Path) -> None:
    load("things", things, "--profile", "basic", "--profile", "researcher")
    load("things", things)
    assert Index.objects.get(name="things").profile_types == ["basic", "researcher"]
    load("things", things, "--every-profile")
    load("things", things)
    assert Index.objects.get(name="things").every_profile_type


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "name a FILE"),
        (["things", "absent.jsonl"], "absent.json"),
        (["Things", None], "no name for an index"),
    ],
)
def test_command_says_what_is_wrong_when_it_cannot_load(things: Path, arguments: list[Any], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        load(*[things if argument is None else argument for argument in arguments])
    assert not Index.objects.exists()


def test_catalogue_is_untouched_when_a_line_is_bad(things: Path) -> None:
    load("things", things, "--profile", "basic")
    before = Index.objects.get(name="things").revision
    things.write_text('{"name": "a"}\n{"name": 5}\n')
    with pytest.raises(CommandError, match="line 2"):
        load("things", things)
    assert Index.objects.get(name="things").revision == before
    assert get_engine().count("things") == 2
