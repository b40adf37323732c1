"""Dates, minimum_should_match and fuzziness: what both engines have to agree on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_apps.queries.language import dates, fuzziness, intervals, minimum_should_match

DAY_MS = 86_400_000


def millis(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000


DATES: list[tuple[Any, int, int]] = [
    ("2024-05-31", millis(2024, 5, 31), DAY_MS),
    ("2024-02-29", millis(2024, 2, 29), DAY_MS),
    ("2024-05-31T08:30", millis(2024, 5, 31, 8, 30), 60_000),
    ("2024-05-31T08:30Z", millis(2024, 5, 31, 8, 30), 60_000),
    ("2024-05-31T08:30:15", millis(2024, 5, 31, 8, 30, 15), 1_000),
    ("2024-05-31T08:30:15.5Z", millis(2024, 5, 31, 8, 30, 15) + 500, 1),
    ("2024-05-31T08:30:15.123456789Z", millis(2024, 5, 31, 8, 30, 15) + 123, 1),
    ("2024-05-31T02:00:00+03:30", millis(2024, 5, 30, 22, 30), 1_000),
    ("2024-05-31T02:00:00-0500", millis(2024, 5, 31, 7), 1_000),
    ("2024-05-31T02:00:00+03", millis(2024, 5, 30, 23), 1_000),
    ("1969-12-31T23:59:59.999Z", -1, 1),
    (0, 0, 1),
    (-5, -5, 1),
    (2024, 2024, 1),
]


@pytest.mark.parametrize(("value", "first", "span"), DATES)
def test_date_names_its_first_and_last_millisecond(value: Any, first: int, span: int) -> None:
    assert dates.parse_date_millis(value) == first
    assert dates.parse_date_millis(value, round_up=True) == first + span - 1


@pytest.mark.parametrize(
    "value",
    [
        "2024-05", "2024", "2024-5-1", "24-05-31", "2024-13-01", "2023-02-29", "0000-01-01", "10000-01-01",
        "2024-05-31T", "2024-05-31T08", "2024-05-31 08:30", "2024-05-31T24:00", "2024-05-31T08:60",
        "2024-05-31T08:30:60", "2024-05-31T08:30:15.", "2024-05-31t08:30", "2024-05-31T08:30z",
        "2024-05-31T08:30+19:00", "2024-05-31T08:30+03:60", "now", "now/d", "2024-05-31||+1d", " 2024-05-31",
        "2024-05-31\n", "\u0662\u0660\u0662\u0664-05-31", "1704067200000", "", 1.0, True, None, [], {},
        10**18, -(10**18), "0001-01-01T00:00+01:00", "9999-12-31T23:59-01:00",
    ],
)  # fmt: skip
def test_date_is_refused_when_it_is_none_of_the_three_shapes(value: Any) -> None:
    with pytest.raises(dates.InvalidDateError):
        dates.parse_date_millis(value)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_date_spelling_is_read_back_when_it_was_written_by_us(moment: datetime) -> None:
    start = dates.parse_date_millis(moment.isoformat(timespec="milliseconds"))
    assert dates.parse_date_millis(dates.format_millis(start)) == start
    assert dates.parse_date_millis(dates.format_millis(start), round_up=True) == start
    for span in (moment.strftime("%Y-%m-%d").zfill(10), dates.format_millis(start)[:16] + "+03:30"):
        written = dates.normalize_span(span)
        assert dates.parse_date_millis(written) == dates.parse_date_millis(span)
        assert dates.parse_date_millis(written, round_up=True) == dates.parse_date_millis(span, round_up=True)
        assert dates.normalize_span(written) == written


# Elasticsearch's reference, "minimum_should_match parameter", and its QueriesTests
MINIMA: list[tuple[int | str, int, int]] = [
    (3, 5, 3),
    ("3", 5, 3),
    (3, 2, 3),
    (-2, 5, 3),
    (-2, 1, 0),
    (0, 5, 0),
    ("75%", 4, 3),
    ("75%", 3, 2),
    ("75%", 1, 0),
    ("100%", 7, 7),
    ("200%", 2, 4),
    ("-25%", 4, 3),
    ("-25%", 3, 3),
    ("-100%", 3, 0),
    ("3<90%", 1, 1),
    ("3<90%", 3, 3),
    ("3<90%", 4, 3),
    ("3<90%", 20, 18),
    ("2<-25% 9<-3", 2, 2),
    ("2<-25% 9<-3", 3, 3),
    ("2<-25% 9<-3", 9, 7),
    ("2<-25% 9<-3", 10, 7),
    ("2 < -25%  9 <-3", 10, 7),
    ("1<2", 0, 0),
]


@pytest.mark.parametrize(("spec", "clauses", "expected"), MINIMA)
def test_minimum_should_match_is_elasticsearchs_when_it_is_resolved(
    spec: int | str, clauses: int, expected: int
) -> None:
    assert minimum_should_match.resolve(spec, clauses) == expected


@pytest.mark.parametrize(
    "spec",
    [
        "",
        " ",
        "x",
        "1.5",
        "75 %",
        "%",
        "<3",
        "3<",
        "3<x",
        "3<4<5",
        "2<1 x",
        "\u0663",
        1.0,
        None,
        True,
        [],
        10**6,
        "1" * 9,
    ],
)
def test_minimum_should_match_is_refused_when_it_is_unreadable(spec: Any) -> None:
    with pytest.raises(ValueError, match="minimum_should_match"):
        minimum_should_match.normalize(spec)


@given(
    st.one_of(
        st.integers(-99, 99),
        st.integers(-150, 150).map("{}%".format),
        st.lists(st.tuples(st.integers(0, 20), st.integers(-100, 100)), min_size=1, max_size=3).map(
            lambda parts: " ".join(f"{above} < {then}%" for above, then in parts)
        ),
    ),
    st.integers(0, 64),
)
def test_minimum_should_match_means_the_same_when_it_is_normalized(spec: int | str, clauses: int) -> None:
    normal = minimum_should_match.normalize(spec)
    assert minimum_should_match.normalize(normal) == normal
    assert minimum_should_match.resolve(spec, clauses) == minimum_should_match.resolve(normal, clauses) >= 0


def test_percentages_are_cut_towards_zero_as_javas_floats_do() -> None:
    for clauses in range(1, 65):
        for percent in range(1, 101):
            exact = clauses * percent // 100
            assert minimum_should_match.resolve(f"{percent}%", clauses) == exact


@pytest.mark.parametrize(
    ("value", "length", "expected"),
    [("AUTO", 0, 0), ("AUTO", 2, 0), ("AUTO", 3, 1), ("auto", 5, 1), ("AUTO", 6, 2), (0, 9, 0), (1, 1, 1), ("2", 1, 2)],
)
def test_fuzziness_allows_edits_by_length_when_it_is_auto(value: int | str, length: int, expected: int) -> None:
    assert fuzziness.edits(value, length) == expected


@pytest.mark.parametrize("value", [3, -1, "3", "AUTO:3,6", "", None, True, 1.0, []])
def test_fuzziness_is_refused_when_it_is_another(value: Any) -> None:
    with pytest.raises(ValueError, match="fuzziness"):
        fuzziness.normalize(value)


@given(st.integers(-36_525 * DAY_MS, 36_525 * DAY_MS))
def test_span_of_time_is_read_back_when_it_was_written_by_us(length: int) -> None:
    assert intervals.parse_span(intervals.format_span(length)) == length


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("Z", "UTC"),
        ("+00:00", "UTC"),
        ("-0000", "UTC"),
        ("+0330", "+03:30"),
        ("-05", "-05:00"),
        ("Asia/Tehran", "Asia/Tehran"),
    ],
)
def test_zone_has_one_spelling_and_can_be_read(name: str, normal: str) -> None:
    assert intervals.normalize_zone(name) == normal == intervals.normalize_zone(normal)
    assert datetime(2024, 1, 1, tzinfo=intervals.read_zone(normal)).utcoffset() is not None
