"""A site that is one schema older still exchanges everything. Only schema 1 is released, so the next is made here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.streams import STREAMS, OlderSchema
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import ExportBatch, ImportBatch
from common_apps.transfer.selectors import locate_bundle
from common_apps.transfer.services import export_stream, scan_imports
from common_apps.transfer.services.quarantine import release_held
from tests.common.transfer.kit import Peer, RowsReceiver, RowsSender, log_line, request_record, result_record, scan


def _newer(shape: type[records.Record]) -> type[records.Record]:
    """The record with one more field."""
    made = msgspec.defstruct(
        shape.__name__,
        [("colour", str)],
        bases=(shape,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        tag_field="type",
        tag=shape.__struct_config__.tag,
    )
    assert issubclass(made, records.Record)
    return made


@contextmanager
def upgraded(stream: str) -> Iterator[dict[str, type[records.Record]]]:
    """This site has a release whose records of the stream have a colour: schema 2. Gives the new shapes by name."""
    older = STREAMS[stream]
    shapes = {shape.__name__: _newer(shape) for shape in older.record_types}
    spec = replace(
        older,
        schema=2,
        record_types=tuple(shapes.values()),
        older=(
            OlderSchema(
                schema=1,
                record_types=older.record_types,
                upgrade=lambda each: shapes[type(each).__name__](**_fields(each), colour="none"),
                downgrade=lambda each: _shape(older.record_types, each)(**_fields(each, "colour")),
            ),
        ),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STREAMS, stream, spec)
        yield shapes


def _shape(shapes: tuple[type[records.Record], ...], each: records.Record) -> type[records.Record]:
    return next(shape for shape in shapes if shape.__name__ == type(each).__name__)


def _fields(each: records.Record, *without: str) -> dict[str, Any]:
    return {name: getattr(each, name) for name in each.__struct_fields__ if name not in without}


def coloured(each: records.Record, colour: str) -> bytes:
    """The record's line in schema 2."""
    return encode_record(_newer(type(each))(**_fields(each), colour=colour))


def _record(stream: str) -> records.Record:
    return request_record(new_id()) if stream == "requests" else result_record(new_id())


def _export(stream: str) -> list[ExportBatch]:
    outcomes = export_stream(stream=stream, actor=SYSTEM)
    return [ExportBatch.objects.get(pk=each.batch_id) for each in outcomes]


def _read(peer: Peer, batch: ExportBatch) -> tuple[Any, list[Any]]:
    path = locate_bundle(batch, site_folders())
    assert path is not None
    return peer.read(path)


def test_export_writes_what_an_older_peer_reads(sender: RowsSender, peer: Peer, sent: str) -> None:
    record = _record(sent)
    with upgraded(sent):
        sender.add(line=coloured(record, "red"))
        (batch,) = _export(sent)
    # The peer's release knows schema 1 alone.
    header, lines = _read(peer, batch)
    assert (header.schema, batch.schema) == (1, 1)
    assert [encode_record(each) for each in lines] == [encode_record(record)]


def test_export_writes_the_newest_schema_when_the_peer_says_that_it_reads_it(
    sender: RowsSender, peer: Peer, sent: str
) -> None:
    with upgraded(sent):
        peer.tell(hello={"max_schema": 3})
        scan()
        line = coloured(_record(sent), "red")
        sender.add(line=line)
        (batch,) = _export(sent)
        header, lines = _read(peer, batch)
    assert (header.schema, batch.schema) == (2, 2)
    assert [encode_record(each) for each in lines] == [line]


def test_rows_travel_anew_when_the_peer_went_back_to_an_older_release(
    sender: RowsSender, peer: Peer, sent: str
) -> None:
    record = _record(sent)
    with upgraded(sent):
        peer.tell(hello={"max_schema": 2})
        scan()
        sender.add(line=coloured(record, "red"))
        (newer,) = _export(sent)
        peer.tell(hello={"max_schema": 1})
        scan()
        newer.refresh_from_db()
        assert newer.superseded_at is not None
        (older,) = _export(sent)
    header, lines = _read(peer, older)
    assert header.schema == 1
    assert [encode_record(each) for each in lines] == [encode_record(record)]


def test_import_waits_for_the_release_that_reads_the_schema_and_then_applies(
    receiver: RowsReceiver, peer: Peer, received: str
) -> None:
    record = _record(received)
    with upgraded(received):
        peer.write(received, [coloured(record, "red")], schema=2)
    assert scan() == [("waiting_schema", "waiting_schema")]
    assert receiver.arrived() == set()
    with upgraded(received):
        assert scan() == [("completed", None)]
    assert receiver.arrived() == {record.identity()}


def test_release_drops_it_and_has_it_sent_again_when_the_release_that_read_its_schema_is_gone(
    receiver: RowsReceiver, peer: Peer, received: str
) -> None:
    with upgraded(received):
        lines = [coloured(_record(received), "red"), coloured(_record(received), "blue")]
        peer.write(received, lines, schema=2)
        held = scan_imports(actor=SYSTEM, limits=Limits(log_records=1))
        assert [(each.outcome, each.code) for each in held] == [("quarantined", "too_many_records")]
    row = ImportBatch.objects.get()
    # An older release is put back.
    outcome = release_held(row_id=row.pk, actor=SYSTEM)
    assert (outcome.outcome, outcome.code) == ("dropped", "waiting_schema")
    row.refresh_from_db()
    assert (row.status, row.held_at, receiver.arrived()) == ("dropped", None, set())


def test_import_takes_what_an_older_peer_writes(receiver: RowsReceiver, peer: Peer, received: str) -> None:
    record = _record(received)
    peer.write(received, [encode_record(record)])
    with upgraded(received):
        assert scan() == [("completed", None)]
    # The app was given the shape that it knows.
    assert receiver.contents() == [coloured(record, "none").decode()]


def test_hello_tells_the_newest_schema_of_any_stream(peer: Peer, received: str, transactional_db: None) -> None:
    with upgraded(received):
        (batch,) = _export("holdings")
        header, _ = _read(peer, batch)
    assert header.hello is not None
    assert header.hello.max_schema == 2
    # Holdings have not changed, so they are written as before.
    assert header.schema == 1


def test_import_refuses_a_schema_that_never_was(receiver: RowsReceiver, peer: Peer, received: str) -> None:
    peer.write(received, [log_line(received)], schema=2)
    with pytest.MonkeyPatch.context() as patch:
        # Its newest is 3, and 2 was another stream's.
        with upgraded(received):
            spec = replace(STREAMS[received], schema=3)
        patch.setitem(STREAMS, received, spec)
        assert scan() == [("quarantined", "bad_header")]


def test_bundle_is_written_in_the_schema_before_when_the_peers_number_is_of_another_stream(sent: str) -> None:
    with upgraded(sent):
        spec = replace(STREAMS[sent], schema=3)
    assert [spec.schema_for(number) for number in (1, 2, 3, 4)] == [1, 1, 3, 3]
