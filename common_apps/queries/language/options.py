"""Options of clauses and aggregations: each a check, a default, and its JSON Schema for the docs and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from common_apps.queries.language import fuzziness, minimum_should_match
from common_apps.queries.language.errors import quoted, suggestion
from common_apps.queries.language.fields import Family
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.values import finite, normalize_number, read_text
from common_apps.queries.language.walk import Place, type_name

Json = Any


@dataclass(frozen=True, slots=True)
class Option:
    """``check`` answers the value in its normal spelling, or None after it noted a fault.

    ``default``: Elasticsearch's; the normal form leaves it out. ``families``: the families of fields that another
    value than the default works on (None: all).
    """

    check: Callable[[Place, object], Json]
    schema: dict[str, Json]
    default: Json = None
    families: frozenset[Family] | None = None


def read_object(place: Place, value: object, known: Iterable[str], what: str) -> dict[str, Json] | None:
    """An object that holds nothing but ``known`` keys (the unknown ones are faults); None if it is no object."""
    if not isinstance(value, dict):
        place.fault("wrong_type", f"{what} is an object, not {type_name(value)}")
        return None
    names = list(known)
    for key in value:
        if key not in names:
            (place / key).fault("unknown_key", f"{what} has no {quoted(key)}{suggestion(key, names)}")
    return value


def read_options(
    place: Place, value: object, options: Mapping[str, Option], what: str, required: Iterable[str] = ()
) -> dict[str, Json]:
    """The options in their normal spelling, defaults left out; faults for unknown, missing and mistyped ones."""
    found = read_object(place, value, options, what)
    if found is None:
        return {}
    normal: dict[str, Json] = {}
    for name, option in options.items():
        if name not in found:
            continue
        checked = option.check(place / name, found[name])
        if checked is None or _same(checked, option.default):
            continue
        field = place.field
        if option.families is not None and field is not None and field.family not in option.families:
            (place / name).fault(
                "not_allowed", f"{quoted(name)} has no meaning on {quoted(field.name)}, which is {field.type}"
            )
            continue
        normal[name] = checked
    for name in required:
        if name not in found:
            (place / name).fault("required", f"{what} needs {quoted(name)}")
    return normal


def read_list(place: Place, value: object, most: int, what: str, *, least: int = 0) -> list[Json] | None:
    """A list of ``least`` to ``most`` items, not yet checked; None after a fault."""
    if not isinstance(value, list):
        place.fault("wrong_type", f"{what} is a list, not {type_name(value)}")
        return None
    if len(value) > most:
        place.fault("too_many", f"{what} has {len(value)} items; {most} are allowed")
        return None
    if len(value) < least:
        place.fault("empty", f"{what} needs at least {least} item{'s'[: least - 1]}")
        return None
    return value


def integer(low: int, high: int, default: int | None = None) -> Option:
    """A JSON integer: no boolean, no text, no 1.0."""

    def check(place: Place, value: object) -> int | None:
        name = quoted(place.at.last)
        if not isinstance(value, int) or isinstance(value, bool):
            place.fault("wrong_type", f"{name} is an integer, not {_shown(value)}")
            return None
        if not low <= value <= high:
            place.fault("out_of_range", f"{name} is an integer from {low} to {high}")
            return None
        return value

    return Option(check, {"type": "integer", "minimum": low, "maximum": high}, default)


def number(
    low: float | None = None, high: float | None = None, default: float | None = None, *, above: bool = False
) -> Option:
    """A finite JSON number within the bounds; ``above`` leaves ``low`` itself out."""

    def check(place: Place, value: object) -> int | float | None:
        name = quoted(place.at.last)
        found = finite(value)
        if found is None:
            place.fault("wrong_type", f"{name} is a finite number, not {type_name(value)}")
            return None
        if (low is not None and (found < low or (above and found == low))) or (high is not None and found > high):
            place.fault("out_of_range", f"{name} is a number {_span(low, high, above)}")
            return None
        return normalize_number(found)

    schema: dict[str, Json] = {"type": "number"}
    if low is not None:
        schema["exclusiveMinimum" if above else "minimum"] = low
    if high is not None:
        schema["maximum"] = high
    return Option(check, schema, default)


def flag(default: bool, families: frozenset[Family] | None = None) -> Option:
    """true or false."""

    def check(place: Place, value: object) -> bool | None:
        if not isinstance(value, bool):
            place.fault("wrong_type", f"{quoted(place.at.last)} is true or false, not {type_name(value)}")
            return None
        return value

    return Option(check, {"type": "boolean"}, default, families)


def choice(names: Iterable[str], default: str | None = None, *, upper: bool = False) -> Option:
    """One of a few names; ``upper``: also in capitals, where Elasticsearch takes them so."""
    known = list(names)

    def check(place: Place, value: object) -> str | None:
        name = quoted(place.at.last)
        if not isinstance(value, str):
            place.fault("wrong_type", f"{name} is one of {', '.join(known)}, not {type_name(value)}")
            return None
        wanted = value.lower() if upper and value.isupper() else value
        if wanted not in known:
            place.fault("invalid_value", f"{name} can't be {quoted(value)}{suggestion(value, known)}")
            return None
        return wanted

    return Option(check, {"enum": [*known, *(name.upper() for name in known if upper)]}, default)


def fuzzy(default: int | str, families: frozenset[Family] | None = None) -> Option:
    """Fuzziness: 0, 1, 2 or AUTO."""

    def check(place: Place, value: object) -> int | str | None:
        return _converted(place, value, fuzziness.normalize)

    return Option(check, {"enum": [0, 1, 2, "0", "1", "2", "AUTO", "auto"]}, default, families)


def should_match() -> Option:
    """``minimum_should_match``."""

    def check(place: Place, value: object) -> int | str | None:
        return _converted(place, value, minimum_should_match.normalize)

    return Option(check, {"type": ["integer", "string"]})


def text(*, nonempty: bool = False) -> Option:
    """A text of at most 512 characters."""

    def check(place: Place, value: object) -> str | None:
        found = read_text(place, value, quoted(place.at.last))
        if found == "" and nonempty:
            place.fault("empty", f"{quoted(place.at.last)} needs at least one character")
            return None
        return found

    schema: dict[str, Json] = {"type": "string", "maxLength": LIMITS.text}
    return Option(check, {**schema, "minLength": 1} if nonempty else schema)


BOOST = number(0, LIMITS.boost, 1)


def _converted(place: Place, value: object, normalize: Callable[[object], int | str]) -> int | str | None:
    try:
        return normalize(value)
    except ValueError as error:
        place.fault("invalid_value" if isinstance(value, str | int) else "wrong_type", str(error))
        return None


def _same(value: Json, default: Json) -> bool:
    # 0 == False and 1 == True in Python: an option's default is one of its own type.
    return bool(value == default) and isinstance(value, bool) == isinstance(default, bool)


def _shown(value: object) -> str:
    return "a number with a fraction or an exponent" if isinstance(value, float) else type_name(value)


def _span(low: float | None, high: float | None, above: bool) -> str:
    parts = [] if low is None else [f"above {low:g}" if above else f"of at least {low:g}"]
    parts += [] if high is None else [f"of at most {high:g}"]
    return " and ".join(parts)
