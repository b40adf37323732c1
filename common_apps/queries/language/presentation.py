"""What of the hits is shown: size and from, sort, _source; the template's own and top_hits'."""

from __future__ import annotations

from typing import Any

from common_apps.queries.language.errors import quoted, suggestion
from common_apps.queries.language.fields import ORDERED
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.options import choice, read_list, read_object, read_options
from common_apps.queries.language.values import read_text
from common_apps.queries.language.walk import Place, type_name

Json = Any
Source = bool | dict[str, list[str]]

_ORDER = choice(["asc", "desc"], upper=True)
_MISSING = choice(["_first", "_last"], "_last")
SCORE = "_score"


def check_window(place: Place, size: int, from_: int, most: int) -> None:
    """``from`` + ``size`` within the window; the fault stands at ``from``."""
    if size + from_ > most:
        (place / "from").fault("out_of_range", f"from + size is {size + from_}; at most {most} is allowed")


def read_sort(place: Place, value: object) -> tuple[dict[str, Json], ...]:
    """One sort or a list of them -> ``({FIELD: {"order": ..., "missing"?: ...}}, ...)``."""
    if not isinstance(value, list):
        found = [_read_one_sort(place, value)]
    else:
        sorts = read_list(place, value, LIMITS.sorts, "'sort'") or []
        found = [_read_one_sort(place / index, sort) for index, sort in enumerate(sorts)]
    return tuple(sort for sort in found if sort is not None)


def _read_one_sort(place: Place, value: object) -> dict[str, Json] | None:
    if isinstance(value, str):
        return _sort_by(place, value, {})
    if not isinstance(value, dict) or len(value) != 1:
        place.fault(
            "wrong_type" if value != {} else "empty",
            "a sort is a field, {field: 'asc' or 'desc'} or {field: {'order': ..., 'missing': ...}} with one field, "
            f"not {type_name(value)}{' with several keys' if isinstance(value, dict) and value else ''}",
        )
        return None
    [(name, options)] = value.items()
    at = place / name
    if isinstance(options, str):
        order = _ORDER.check(at, options)
        return _sort_by(at, name, {"order": order} if order else {})
    if options == {}:
        at.fault("empty", "a sort's options hold 'order' or 'missing'; leave the empty object out")
        return None
    known = {"order": _ORDER} if name == SCORE else {"order": _ORDER, "missing": _MISSING}
    return _sort_by(at, name, read_options(at, options, known, "a sort"))


def _sort_by(place: Place, name: str, options: dict[str, Json]) -> dict[str, Json] | None:
    if name == SCORE:
        return {name: {"order": "desc", **options}}
    if place.find_field(name, ORDERED, "'sort'") is None:
        return None
    return {name: {"order": "asc", **options}}


def read_source(place: Place, value: object) -> Source:
    """True, False, or ``{"includes": [...], "excludes": [...]}``; True where nothing is named, as in Elasticsearch."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str | list):
        includes, excludes = _read_names(place, value), []
    else:
        found = read_object(place, value, ("includes", "excludes"), "'_source'")
        if found is None:
            return True
        if not found:
            place.fault("empty", "'_source' needs 'includes' or 'excludes'")
        includes, excludes = (
            _read_names(place / key, found[key]) if key in found else [] for key in ("includes", "excludes")
        )
    return {"includes": includes, "excludes": excludes} if includes or excludes else True


def _read_names(place: Place, value: object) -> list[str]:
    if isinstance(value, str):
        named = [(place, value)]
    else:
        names = read_list(place, value, LIMITS.source_fields, "a list of fields") or []
        named = [(place / index, name) for index, name in enumerate(names)]
    return sorted({name for at, name in named if _is_known(at, name)})


def _is_known(place: Place, value: object) -> bool:
    name = read_text(place, value, "a field's name")
    if name is None:
        return False
    fields = place.walk.fields
    if name.endswith("*"):
        known = any(field.startswith(name[:-1]) for field in fields)
    else:
        known = name in fields or any(field.startswith(f"{name}.") for field in fields)
    if not known:
        place.fault("unknown_field", f"no field {quoted(name)} in this index{suggestion(name, fields)}")
    return known
