"""What an operator has to know of: raised by whoever meets it, kept by whoever has registered as the sink.

The sink writes in the caller's transaction, so an alert stands exactly when what it tells of has been committed. Where
no sink is registered a log line is all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import structlog

log = structlog.get_logger("alerts")

Level = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True)
class AlertKind:
    """What a code means and what to do about it, a sentence or two each.

    ``lasting``: a state of things, over when ``end_alert`` says so; else an event, over once an operator has
    acknowledged it.
    """

    code: str
    level: Level
    lasting: bool
    title: str
    meaning: str
    cure: str


class AlertSink(Protocol):
    """Where alerts are kept."""

    def raise_alert(
        self, *, kind: AlertKind, subject: str, detail: str, facts: Mapping[str, Any], is_again: bool
    ) -> None:
        """Opens the alert of (code, subject), or adds to it where it is open; ``is_again``: and counts it up."""
        ...

    def end_alert(self, *, code: str, subject: str) -> None:
        """Ends the alert of (code, subject) where it is open."""
        ...


# All codes that there are, by their apps; AppConfig.ready registers them.
kinds: dict[str, AlertKind] = {}
_sinks: list[AlertSink] = []


def register_kinds(*entering: AlertKind) -> None:
    """Adds to the table of codes."""
    kinds.update({kind.code: kind for kind in entering})


def register_sink(sink: AlertSink) -> None:
    """Alerts are kept there from now on."""
    _sinks[:] = [sink]


def raise_alert(
    *, code: str, subject: str, detail: str, facts: Mapping[str, Any] | None = None, is_again: bool = True
) -> None:
    """Tells the operators. ``subject`` is what it is about (a bundle's id, a stream, the site): one alert is open for
    each code and subject. ``facts`` are JSON; whole numbers among them are counts, which add up while it is open.

    ``is_again``: where it is open, it has happened once more; else this is one more sign of the same event, and only
    adds its facts. In the caller's transaction. Raises KeyError for a code that no app has registered.
    """
    kind = kinds[code]
    log.warning("alert", code=code, subject=subject, detail=detail, **({"facts": dict(facts)} if facts else {}))
    for sink in _sinks:
        sink.raise_alert(kind=kind, subject=subject, detail=detail, facts=facts or {}, is_again=is_again)


def end_alert(*, code: str, subject: str) -> None:
    """What was told of is over; nothing happens where no such alert is open. In the caller's transaction."""
    for sink in _sinks:
        sink.end_alert(code=code, subject=subject)
