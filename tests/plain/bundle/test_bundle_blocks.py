"""Lines decoded at once are the records that they are one by one; what is refused alone is never taken in a block."""

import pytest
from msgspec import Raw

from common_apps.transfer.bundle.blocks import decode_block
from common_apps.transfer.bundle.codec import decode_record, encode_record
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS
from common_apps.transfer.bundle.records import Record
from common_apps.transfer.bundle.streams import STREAMS
from tests.plain.bundle.samples import lines_of, request
from tests.plain.bundle.test_bundle_faults import BAD_LINES, STREAM_FAULTS

# Each may make something of a line that looks nearly like it.
_MARKS = (
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"0",
    b"e",
    b"-",
    b"A",
    b"\x00",
    b"\xff",
    b"",
    b'""',
    b"+01:00",
)


def _in_block(stream: str, lines: list[bytes]) -> list[Record] | None:
    return decode_block(stream, lines, DEFAULT_LIMITS, STREAMS[stream].schema)


def _alone(stream: str, lines: list[bytes]) -> list[Record] | None:
    try:
        return [decode_record(stream, line) for line in lines]
    except BundleError:
        return None


@pytest.mark.parametrize("stream", STREAMS)
def test_block_is_decoded_at_once_when_its_lines_are_as_this_release_writes_them(stream: str) -> None:
    lines = lines_of(stream)
    assert _in_block(stream, lines) == _alone(stream, lines) != []


@pytest.mark.parametrize("name", BAD_LINES)
def test_block_is_not_taken_when_one_request_of_it_is_bad(name: str) -> None:
    assert _in_block("requests", [*lines_of("requests"), BAD_LINES[name]]) is None


@pytest.mark.parametrize("name", [name for name in STREAM_FAULTS if name not in ("id twice", "users unsorted")])
def test_block_is_not_taken_when_a_line_breaks_a_rule_of_its_stream(name: str) -> None:
    stream, payload = STREAM_FAULTS[name]
    lines = payload.removesuffix(b"\n").split(b"\n")
    found = _in_block(stream, [*lines_of(stream), *lines])
    assert found is None or found == _alone(stream, [*lines_of(stream), *lines])


@pytest.mark.parametrize("stream", STREAMS)
def test_block_says_what_its_lines_say_when_one_byte_of_one_is_another(stream: str) -> None:
    lines = lines_of(stream)
    taken = 0
    for number, line in enumerate(lines):
        for place in range(len(line)):
            for mark in _MARKS:
                changed = [*lines]
                changed[number] = line[:place] + mark + line[place + 1 :]
                found = _in_block(stream, changed)
                if found is not None:
                    taken += 1
                    assert found == _alone(stream, changed)
    assert taken > 0


@pytest.mark.parametrize("depth", [30, 31, 32])
def test_depth_of_carried_json_is_counted_from_the_line_when_it_is_decoded_in_a_block(depth: int) -> None:
    line = encode_record(request(5, b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"))
    found = _in_block("requests", [*lines_of("requests"), line])
    assert (found is not None) == (_alone("requests", [line]) is not None) == (depth < 32)


def test_block_is_not_taken_when_its_schema_is_another() -> None:
    assert decode_block("requests", lines_of("requests"), DEFAULT_LIMITS, 99) is None


def test_carried_json_stays_as_it_came_when_it_is_decoded_in_a_block() -> None:
    params = b'{"b" : 1.0e1, "a":[ 1 ]}'
    found = _in_block("requests", [*lines_of("requests"), encode_record(request(7, params))])
    assert found is not None
    assert found[-1].query_params == Raw(params)  # type: ignore[attr-defined]  # a request
