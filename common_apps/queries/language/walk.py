"""Where the validator is while it walks a request, and what it has met so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from common_apps.queries.language.errors import Faults, Pointer, quoted, suggestion
from common_apps.queries.language.fields import Family, Field


@dataclass(slots=True)
class Walk:
    """What holds for one whole request: its index's fields, the faults found, and what is counted."""

    fields: Mapping[str, Field]
    faults: Faults = field(default_factory=Faults)
    clauses: int = 0
    aggregations: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """One value's place: ``place / "match" / 0`` steps into it. ``field`` is the field that values here belong to."""

    walk: Walk
    at: Pointer
    field: Field | None = None

    def __truediv__(self, step: str | int) -> Place:
        return Place(self.walk, self.at / step, self.field)

    def on(self, field: Field | None) -> Place:
        """The same place, its values those of ``field``."""
        return Place(self.walk, self.at, field)

    def fault(self, code: str, detail: str) -> None:
        """Notes a fault here; raises `InvalidQuery` when no more fit."""
        self.walk.faults.add(self.at, code, detail)

    def find_field(self, name: object, families: frozenset[Family] | None, doing: str) -> Field | None:
        """The field called ``name`` if it exists and ``doing`` works on its family (None: any); else a fault here."""
        if not isinstance(name, str):
            self.fault("wrong_type", f"{doing} needs a field's name as a text, not {type_name(name)}")
            return None
        found = self.walk.fields.get(name)
        if found is None:
            self.fault("unknown_field", f"no field {quoted(name)} in this index{suggestion(name, self.walk.fields)}")
            return None
        if families is not None and found.family not in families:
            works_on = ", ".join(family for family in Family if family in families)
            self.fault(
                "field_type",
                f"{doing} works on {works_on} fields; {quoted(name)} is {found.type}{self._twin(found, families)}",
            )
            return None
        return found

    def _twin(self, unfit: Field, families: frozenset[Family]) -> str:
        """The same text under another type, where the index has it: ``contractor`` beside ``contractor.text``."""
        root = unfit.name.rpartition(".")[0] or unfit.name
        for name, other in self.walk.fields.items():
            if other.family in families and (name == root or name.startswith(root + ".")):
                return f"; use {quoted(name)}"
        return ""


def type_name(value: object) -> str:
    """What a JSON value is, for a person."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "a text" if isinstance(value, str) else "a number"
