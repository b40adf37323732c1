"""docs/query-language.md says what the language does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from common_apps.queries.language import QUERY_TYPES, compile_request
from common_apps.queries.language.aggregation_options import FIELD_AGGREGATIONS
from common_apps.queries.language.aggregations import AGGREGATIONS
from common_apps.queries.language.clause_options import CLAUSES, FIELD_CLAUSES, MULTI_MATCH
from tests.plain.language.vocabulary import FIELDS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "query-language.md").read_text()
LANGUAGE = ROOT / "common_apps" / "queries" / "language"


def test_page_has_an_example_that_compiles_for_each_query_type() -> None:
    examples = dict(re.findall(r"^\*\*(\w+)\*\*: .*?```json\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
    assert sorted(examples) == sorted(QUERY_TYPES)
    for query_type, text in examples.items():
        compile_request(query_type=query_type, query_params=json.loads(text), fields=FIELDS)


def test_page_names_every_clause_aggregation_and_option() -> None:
    names = {*CLAUSES, *AGGREGATIONS, *MULTI_MATCH}
    names |= {name for clause in FIELD_CLAUSES.values() for name in clause.options}
    names |= {name for aggregation in FIELD_AGGREGATIONS.values() for name in aggregation.options}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()


def test_page_names_every_code_that_a_fault_can_have() -> None:
    source = "".join(path.read_text() for path in LANGUAGE.glob("*.py"))
    codes = set(
        re.findall(r'"((?:unknown|too|wrong|invalid|out|field|root|not)_[a-z_]+|required|empty|conflict)"', source)
    )
    told = set(re.findall(r"`([a-z_]+)`", PAGE.split("| code | meaning |")[1]))
    assert told - {"query_type"} == codes
