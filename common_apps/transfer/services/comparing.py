"""What the peer lists beside what this site wrote: of hundreds of thousands of bundles those that need a step."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True)
class Said:
    """What the list says of one own bundle; ``outcome`` is None where it says nothing."""

    outcome: str | None
    code: str
    records: list[str]


@dataclass(frozen=True, slots=True)
class Compared:
    """``said``: of each own bundle that needs a step. ``unknown``: by id, the stream of each that is listed and that
    this site never wrote, as far as it knows.
    """

    said: dict[UUID, Said] = field(default_factory=dict)
    unknown: dict[UUID, str] = field(default_factory=dict)


def compare_lists() -> Compared:
    """Compares ``heard_bundles`` with all own log bundles that are judged, which takes one pass over both.

    A confirmed bundle that is listed as applied needs no step, nor does one that is held as before.
    """
    compared = Compared()
    with connection.cursor() as cursor:
        # A bundle that is listed and not judged (superseded, or listed for another stream) is looked for by its id.
        cursor.execute(
            """
            SELECT b.id, h.batch_id, h.stream, h.outcome, coalesce(h.code, ''), h.records::text
            FROM heard_bundles h FULL JOIN (
                SELECT id, batch_type, confirmed_at, held_at FROM export_batches
                WHERE mode = 'batch' AND status = 'completed'
                  AND superseded_at IS NULL AND ended_at IS NULL AND settled_at IS NULL
            ) b ON b.id = h.batch_id AND b.batch_type = h.stream
            WHERE CASE WHEN b.id IS NULL THEN NOT EXISTS (SELECT FROM export_batches e WHERE e.id = h.batch_id)
              ELSE NOT (h.outcome IS NOT DISTINCT FROM 'applied' AND b.confirmed_at IS NOT NULL AND b.held_at IS NULL)
               AND NOT (h.outcome IS NOT DISTINCT FROM 'held' AND b.held_at IS NOT NULL)
              END
            """
        )
        for own_id, heard_id, stream, outcome, code, names in cursor.fetchall():
            if own_id is None:
                compared.unknown[heard_id] = stream
            else:
                compared.said[own_id] = Said(outcome, code, [] if names is None else json.loads(names))
    return compared
