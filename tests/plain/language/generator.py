"""Valid requests over the sample dataset ``contracts``: every clause, option and aggregation, in every spelling.

Deterministic by seed, so that what one engine answered can be asked of another, or kept as a golden answer.
"""

from __future__ import annotations

from random import Random
from typing import Any

from tests.plain.language.vocabulary import (
    AMOUNTS,
    COLUMNS,
    EXACT,
    FIELDS,
    KEYWORD,
    MINIMA,
    MOMENTS,
    PATTERNS,
    TEXT,
    TYPOS,
    WORD_PATTERNS,
    WORDS,
    ZONES,
)

Json = Any
Request = tuple[str, dict[str, Json]]

CALM = 20
"""From so many clauses on no further bool is opened: the limit of 64 stays out of reach."""


def generate_requests(seed: int, n: int) -> list[Request]:
    """``n`` pairs of query type and query_params, the eight types in turn."""
    return [_Maker(Random(f"{seed}/{index}")).request(index) for index in range(n)]


class _Maker:
    """Makes one request from one source of chance."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.aggregations = 0
        self.clauses = 0

    def request(self, index: int) -> Request:
        types = ["match", "term", "range", "bool", "wildcard", "fuzzy", "aggregation", "multi_match"]
        query_type = types[index % len(types)]
        params: dict[str, Json] = {"index": "contracts"}
        if query_type == "aggregation":
            if self.maybe(0.7):
                params["query"] = self.clause(1)
            params[self.one(["aggs", "aggregations"])] = self.tree(1)
        else:
            params["query"] = {query_type: self.body(query_type, 1)}
            if self.maybe(0.15):
                params["aggs"] = self.tree(1)
        if self.maybe(0.6):
            params["size"] = self.one([0, 1, 5, 20, 100])
        if self.maybe(0.2):
            params["from"] = self.one([0, 1, 10, 50])
        if self.maybe(0.5):
            params["sort"] = self.sort()
        if self.maybe(0.4):
            params["_source"] = self.source()
        return query_type, params

    # -- chance ---------------------------------------------------------------------------------------------------

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def one(self, choices: list[Json]) -> Json:
        return self.random.choice(choices)

    def some(self, choices: list[Json], least: int, most: int) -> list[Json]:
        return self.random.sample(choices, self.random.randint(least, min(most, len(choices))))

    def options(self, **choices: list[Json]) -> dict[str, Json]:
        """Each option with a chance of one in three."""
        return {name: self.one(values) for name, values in choices.items() if self.maybe(0.33)}

    # -- values ---------------------------------------------------------------------------------------------------

    def words(self, most: int = 4) -> str:
        return " ".join(self.one(TYPOS if self.maybe(0.1) else WORDS) for _ in range(self.random.randint(1, most)))

    def value(self, field: str) -> Json:
        """A value of the field, most often one that it has."""
        kind = FIELDS[field]
        if kind == "text":
            return self.one(WORDS)
        if kind == "keyword":
            return self.one(EXACT[field])
        return self.one(AMOUNTS if kind == "double" else MOMENTS)

    def bound(self, field: str) -> Json:
        return self.one(["A", "B", "M", "QM BUILDERS", "T"]) if FIELDS[field] == "keyword" else self.value(field)

    def bounds(self, field: str) -> dict[str, Json]:
        lower, upper = self.one(["gte", "gt"]), self.one(["lte", "lt"])
        kept = self.one([[lower], [upper], [lower, upper]])
        return {bound: self.bound(field) for bound in kept}

    # -- clauses --------------------------------------------------------------------------------------------------

    def clause(self, depth: int) -> dict[str, Json]:
        names = ["match", "match_phrase", "multi_match", "term", "terms", "range", "wildcard", "prefix", "fuzzy"]
        names += ["exists", "ids", "match_all"]
        self.clauses += 1
        if depth < 4 and self.clauses <= CALM:
            names += ["bool"] * 4
        name = self.one(names)
        return {name: self.body(name, depth)}

    def body(self, name: str, depth: int) -> Json:
        body: Json = getattr(self, f"_{name}")(depth) if name == "bool" else getattr(self, f"_{name}")()
        return body

    def field_clause(self, field: str, main: str, value: Json, **options: list[Json]) -> dict[str, Json]:
        if self.maybe(0.3):
            return {field: value}
        return {field: {main: value, **self.options(**options, boost=[1, 1.0, 2, 0.5, 0])}}

    def _match(self) -> Json:
        field = self.one([*TEXT, *TEXT, *FIELDS])
        if FIELDS[field] != "text":
            fuzziness = {"fuzziness": [0, 1, "AUTO"]} if FIELDS[field] == "keyword" else {}
            return self.field_clause(field, "query", self.value(field), operator=["and", "or"], **fuzziness)
        if self.maybe(0.5):
            return self.field_clause(field, "query", self.words(), minimum_should_match=MINIMA)
        return self.field_clause(
            field,
            "query",
            self.words(),
            operator=["and", "or", "AND"],
            fuzziness=[0, 1, 2, "AUTO", "auto", "1"],
            prefix_length=[0, 1, 2],
        )

    def _match_phrase(self) -> Json:
        phrases = [
            "flood control",
            "drainage structure",
            "slope protection",
            "control flood",
            "river",
            "along the river",
        ]
        field = self.one(["title", "notice_title", "contractor.text", "area.text"])
        return self.field_clause(field, "query", self.one(phrases), slop=[0, 1, 2, 5])

    def _multi_match(self) -> Json:
        names = self.some([*TEXT, "contractor", "area"], 1, 4)
        fields = [f"{name}^{self.one([2, 0.5, '3.0', 1])}" if self.maybe(0.3) else name for name in names]
        kind = self.one(["best_fields", "most_fields", "cross_fields", "phrase"])
        body = {"query": self.words(3), "fields": fields[0] if len(fields) == 1 and self.maybe(0.5) else fields}
        if kind != "best_fields" or self.maybe(0.3):
            body["type"] = kind
        body |= self.options(tie_breaker=[0, 0.3, 1], boost=[1, 2])
        if kind == "phrase":
            return body | self.options(slop=[0, 1, 3])
        body |= self.options(operator=["and", "or"]) if self.maybe(0.5) else self.options(minimum_should_match=MINIMA)
        return body | (self.options(fuzziness=[0, 1, "AUTO"]) if kind != "cross_fields" else {})

    def _term(self) -> Json:
        field = self.one(list(FIELDS))
        value = self.value(field)
        case = {"case_insensitive": [True, False]} if FIELDS[field] in ("text", "keyword") else {}
        return self.field_clause(field, "value", value, **case)

    def _terms(self) -> Json:
        field = self.one(list(FIELDS))
        return {field: [self.value(field) for _ in range(self.random.randint(0, 5))]}

    def _range(self) -> Json:
        field = self.one(["amount", "award_date", "amount", "award_date", "contractor", "contract_number"])
        return {field: self.bounds(field) | self.options(boost=[1, 2])}

    def _bool(self, depth: int) -> Json:
        body: dict[str, Json] = {}
        for occurrence in self.some(["must", "should", "must_not", "filter"], 1, 3):
            clauses = [self.clause(depth + 1) for _ in range(self.random.randint(1, 3 if depth < 3 else 2))]
            body[occurrence] = clauses[0] if len(clauses) == 1 and self.maybe(0.4) else clauses
        if self.maybe(0.1):
            body.setdefault("filter", [])
        return body | self.options(minimum_should_match=MINIMA, boost=[1, 2])

    def _pattern(self, plain: bool) -> Json:
        field = self.one([*KEYWORD, "title", "contractor.text"])
        patterns = PATTERNS.get(field, WORD_PATTERNS)
        value = self.one(patterns)
        if plain:
            value = value.split("*")[0].split("?")[0].replace("\\", "")
        return self.field_clause(field, "value", value, case_insensitive=[True, False])

    def _wildcard(self) -> Json:
        return self._pattern(plain=False)

    def _prefix(self) -> Json:
        return self._pattern(plain=True)

    def _fuzzy(self) -> Json:
        field = self.one(["title", "title", "notice_title", "contractor.text", "contractor", "contract_number"])
        near = {"contractor": ["QM BUILDER", "WAWAO BUILDRES"], "contract_number": ["21CC0293", "24CI001"]}
        return self.field_clause(
            field,
            "value",
            self.one(near.get(field, TYPOS)),
            fuzziness=[0, 1, 2, "AUTO"],
            prefix_length=[0, 1, 3],
            max_expansions=[50, 10],
            transpositions=[True, False],
        )

    def _exists(self) -> Json:
        return {"field": self.one(list(FIELDS))}

    def _ids(self) -> Json:
        return {"values": [str(self.random.randint(1, 10_500)) for _ in range(self.random.randint(0, 6))]}

    def _match_all(self) -> Json:
        return self.options(boost=[1, 2])

    # -- presentation ---------------------------------------------------------------------------------------------

    def sort(self) -> Json:
        sorts: list[Json] = []
        for field in self.some([*COLUMNS, "_score"], 1, 3):
            order = self.one(["asc", "desc"])
            spellings: list[Json] = [field, {field: order}, {field: {"order": order}}]
            if field != "_score":
                spellings.append({field: {"order": order, "missing": self.one(["_first", "_last"])}})
            sorts.append(self.one(spellings))
        return sorts[0] if len(sorts) == 1 else sorts

    def source(self) -> Json:
        names = self.some(["title", "contractor", "amount", "award_date", "contract*", "*", "area", "notice_*"], 1, 3)
        return self.one([True, False, names[0], names, {"includes": names}, {"excludes": names[:1]}])

    # -- aggregations ---------------------------------------------------------------------------------------------

    def tree(self, depth: int) -> dict[str, Json]:
        tree: dict[str, Json] = {}
        for _ in range(self.random.randint(1, 3 if depth == 1 else 2)):
            if self.aggregations < 16:
                self.aggregations += 1
                kind, node = self.aggregation(depth)
                tree[f"{kind}-{self.aggregations}"] = node
        return tree

    def aggregation(self, depth: int) -> tuple[str, dict[str, Json]]:
        metrics = ["sum", "avg", "min", "max", "stats", "value_count", "cardinality", "percentiles", "top_hits"]
        buckets = ["terms", "histogram", "date_histogram", "range", "date_range", "filter", "filters", "missing"]
        kind = self.one([*metrics, *buckets, *buckets] if depth < 3 else metrics)
        if kind in metrics:
            return kind, {kind: self.metric(kind)}
        node: dict[str, Json] = {kind: getattr(self, f"_agg_{kind}")()}
        beneath = self.tree(depth + 1) if self.maybe(0.5) and self.aggregations < 16 else {}
        if kind == "terms":
            self.order(node["terms"], beneath)
        if beneath:
            node[self.one(["aggs", "aggregations"])] = beneath
        return kind, node

    def metric(self, kind: str) -> dict[str, Json]:
        if kind == "top_hits":
            return self.options(size=[1, 3, 10], **{"from": [0, 2], "sort": [self.sort()], "_source": [self.source()]})
        if kind == "percentiles":
            percents = [[50], [95, 99.9], [0, 100], [1, 5, 25, 50, 75, 95, 99]]
            return {"field": "amount", **self.options(percents=percents, keyed=[True, False])}
        if kind in ("value_count", "cardinality"):
            return {"field": self.one(COLUMNS)}
        return {"field": "award_date" if self.maybe(0.15) and kind in ("min", "max") else "amount"} | (
            {"missing": 0} if self.maybe(0.1) and kind == "sum" else {}
        )

    def order(self, terms: dict[str, Json], beneath: dict[str, Json]) -> None:
        paths = ["_count", "_key"]
        for name, node in beneath.items():
            kind = next(iter(node))
            if kind in ("sum", "min", "max", "avg", "value_count", "cardinality"):
                paths += [name, f"{name}.value"]
            elif kind == "stats":
                paths += [f"{name}.avg", f"{name}.sum"]
        if self.maybe(0.5):
            orders = [{path: self.one(["asc", "desc"])} for path in self.some(paths, 1, 2)]
            terms["order"] = orders[0] if len(orders) == 1 else orders

    def _agg_terms(self) -> dict[str, Json]:
        field = self.one([*COLUMNS, "contractor", "organization", "area"])
        body = {"field": field, **self.options(size=[1, 5, 10, 25], min_doc_count=[1, 2, 20])}
        if FIELDS[field] == "keyword":
            body |= self.options(missing=["none"], include=[EXACT[field]], exclude=[EXACT[field][:1], []])
        return body

    def _agg_histogram(self) -> dict[str, Json]:
        interval = self.one([1e7, 25_000_000, 5e7])
        return {"field": "amount", "interval": interval} | self.options(
            offset=[0, 1e6, -5e5],
            min_doc_count=[0, 1, 5],
            extended_bounds=[{"min": 0, "max": 3e8}],
            missing=[0, "1e6"],
            keyed=[True, False],
        )

    def _agg_date_histogram(self) -> dict[str, Json]:
        body: dict[str, Json] = {"field": "award_date"}
        if self.maybe(0.6):
            body["calendar_interval"] = self.one(["month", "quarter", "year", "week"])
        else:
            body["fixed_interval"] = self.one(["90d", "30d", "720h", "43200m"])
        return body | self.options(
            format=["yyyy-MM-dd", "yyyy-MM", "yyyy"],
            time_zone=ZONES,
            offset=["+6h", "-1d", "30m", "0s"],
            min_doc_count=[0, 1, 10],
            extended_bounds=[{"min": "2022-01-01", "max": "2025-12-31"}, {"min": 1640995200000, "max": "2025-12-31"}],
            keyed=[True, False],
        )

    def _agg_range(self) -> dict[str, Json]:
        ranges = [{"to": 1e7}, {"from": 1e7, "to": 5e7}, {"from": "5e7"}, {"key": "large", "from": 100_000_000}]
        return {"field": "amount", "ranges": self.some(ranges, 1, 4), **self.options(keyed=[True, False])}

    def _agg_date_range(self) -> dict[str, Json]:
        ranges = [
            {"to": "2023-01-01"},
            {"from": "2023-01-01", "to": "2024-01-01"},
            {"key": "late", "from": 1704067200000},
        ]
        return {"field": "award_date", "ranges": self.some(ranges, 1, 3), **self.options(keyed=[True, False])}

    def _agg_filter(self) -> dict[str, Json]:
        return self.clause(3)

    def _agg_filters(self) -> dict[str, Json]:
        clauses = [self.clause(4) for _ in range(self.random.randint(1, 3) if self.clauses <= CALM else 1)]
        named = {f"part {index}": clause for index, clause in enumerate(clauses)}
        return {"filters": self.one([clauses, named]), **self.options(other_bucket_key=["rest"])}

    def _agg_missing(self) -> dict[str, Json]:
        return {"field": self.one(COLUMNS)}
