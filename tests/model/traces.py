"""Short runs, each of which a rule is needed for: what the model does when it is not left to chance."""

from __future__ import annotations

from typing import Any

Move = tuple[str, dict[str, Any]]
_REQUEST, _RESPONSE = "request", "response"


def _sync(site: str, stick: int = 0) -> Move:
    return ("sync", {"site": site, "stick": stick})


def _back_up(site: str) -> Move:
    return ("back_up", {"site": site})


def _restore(site: str, what: str = "database") -> Move:
    return ("restore", {"site": site, "which": 0, "what": what})


def _change(what: int, which: int = 1) -> Move:
    return ("change_users", {"what": what, "which": which})


_SUBMIT: Move = ("submit", {"count": 2})
_EXECUTE: Move = ("execute", {"limit": 50})
_NEW, _RENAME, _MANY = _change(0), _change(1), _change(0, 0)
_OUT = [_SUBMIT, _sync(_REQUEST), _sync(_RESPONSE)]
_ROUND = [*_OUT, _EXECUTE, _sync(_RESPONSE), _sync(_REQUEST), _sync(_RESPONSE)]
_ALL_KNOW = [_sync(_RESPONSE), _sync(_REQUEST), _sync(_RESPONSE)]


def _days(count: int) -> list[Move]:
    return [("pass_days", {"site": site, "count": count}) for site in (_REQUEST, _RESPONSE)]


TRACES: dict[str, list[Move]] = {
    "a stranger's bundles": [
        ("forge", {"stick": 0, "stream": "requests"}),
        _sync(_RESPONSE),
        ("forge", {"stick": 0, "stream": "results"}),
        _sync(_REQUEST),
    ],
    "a bundle turned back": [*_OUT, ("turn_back", {"stick": 0, "which": 0}), _sync(_RESPONSE), _sync(_REQUEST)],
    "the same stick twice": [*_OUT, _sync(_RESPONSE), _sync(_RESPONSE)],
    "an old stick found": [
        _RENAME,
        _sync(_RESPONSE, 1),
        _RENAME,
        _sync(_RESPONSE),
        _sync(_REQUEST),
        _sync(_REQUEST, 1),
    ],
    "a backup from before the drain": [*_OUT, _back_up(_RESPONSE), _EXECUTE, *_ALL_KNOW, _restore(_RESPONSE)],
    "a backup from before the question": [_back_up(_REQUEST), *_ROUND, _restore(_REQUEST)],
    "a backup from before the answer": [*_OUT, _EXECUTE, _back_up(_REQUEST), *_ALL_KNOW, _restore(_REQUEST)],
    "the same, ten years later by the clock": [
        *_OUT,
        _EXECUTE,
        _back_up(_REQUEST),
        *_ALL_KNOW,
        ("set_clock", {"site": _RESPONSE, "days": 4000}),
        _restore(_REQUEST),
    ],
    "the same, seventy days old": [
        *_OUT,
        _EXECUTE,
        _sync(_REQUEST, 1),
        _back_up(_REQUEST),
        *_ALL_KNOW,
        *_days(61),
        *_ALL_KNOW,
        _restore(_REQUEST, "told"),
    ],
    "a backup from before the import": [_back_up(_RESPONSE), *_OUT, _sync(_REQUEST), _restore(_RESPONSE)],
    "the same, seventy days old, unanswered": [
        _back_up(_RESPONSE),
        *_OUT,
        _sync(_REQUEST),
        *_days(61),
        _restore(_RESPONSE, "told"),
    ],
    "nothing but days": [*_ROUND, *_days(3)],
    "one trip": [*_ROUND],
    "a key lost with its folder": [
        _back_up(_RESPONSE),
        ("rotate", {"site": _RESPONSE, "what": "box"}),
        _sync(_RESPONSE),
        _sync(_REQUEST),
        _SUBMIT,
        ("export", {"site": _REQUEST}),
        _restore(_RESPONSE, "keys"),
    ],
    "a key that nobody has confirmed": [("rotate", {"site": _REQUEST, "what": "signing"}), _SUBMIT],
    "a backup from before a key was confirmed": [
        ("rotate", {"site": _RESPONSE, "what": "signing"}),
        *_ALL_KNOW,
        _back_up(_REQUEST),
        ("confirm_keys", {"site": _REQUEST}),
        _restore(_REQUEST),
    ],
    "a file lost": [
        _SUBMIT,
        ("export", {"site": _REQUEST}),
        ("lose_file", {"site": _REQUEST, "which": 1, "how": "lost"}),
    ],
    "a file damaged": [
        _SUBMIT,
        ("export", {"site": _REQUEST}),
        ("lose_file", {"site": _REQUEST, "which": 1, "how": "damaged"}),
    ],
    "a state's file lost": [
        _RENAME,
        ("export", {"site": _RESPONSE}),
        ("lose_file", {"site": _RESPONSE, "which": 1, "how": "lost"}),
    ],
    "a state's file damaged": [
        _RENAME,
        ("export", {"site": _RESPONSE}),
        ("lose_file", {"site": _RESPONSE, "which": 1, "how": "damaged"}),
    ],
    "a sidecar lost": [
        _SUBMIT,
        ("export", {"site": _REQUEST}),
        ("lose_file", {"site": _REQUEST, "which": 1, "how": "lost sidecar"}),
    ],
    "a state's sidecar damaged": [
        _RENAME,
        ("export", {"site": _RESPONSE}),
        ("lose_file", {"site": _RESPONSE, "which": 1, "how": "damaged sidecar"}),
    ],
    "questions held": [("misread_stream", {"stream": "requests"}), *_OUT, _sync(_REQUEST), _sync(_REQUEST)],
    "questions held, and their key lost": [
        ("misread_stream", {"stream": "requests"}),
        _back_up(_RESPONSE),
        ("rotate", {"site": _RESPONSE, "what": "box"}),
        _sync(_RESPONSE),
        _sync(_REQUEST),
        *_OUT,
        _restore(_RESPONSE, "keys"),
    ],
    "questions held, and lost": [
        ("misread_stream", {"stream": "requests"}),
        *_OUT,
        _sync(_REQUEST),
        ("lose_held", {"site": _RESPONSE}),
    ],
    "users held, and lost": [
        ("misread_stream", {"stream": "users"}),
        _RENAME,
        *_ALL_KNOW,
        ("lose_held", {"site": _REQUEST}),
    ],
    "questions discarded": [("misread_stream", {"stream": "requests"}), *_OUT, ("discard", {"site": _RESPONSE})],
    "answers discarded": [
        ("misread_stream", {"stream": "results"}),
        *_OUT,
        _EXECUTE,
        _sync(_RESPONSE),
        _sync(_REQUEST),
        ("discard", {"site": _REQUEST}),
    ],
    "the master put back, its clock behind": [
        _back_up(_RESPONSE),
        _RENAME,
        *_ALL_KNOW,
        _restore(_RESPONSE),
        ("set_clock", {"site": _RESPONSE, "days": -4000}),
        _SUBMIT,
    ],
    "the master put back": [_NEW, *_ALL_KNOW, _back_up(_RESPONSE), _RENAME, *_ALL_KNOW, _restore(_RESPONSE)],
    "the replica put back": [_back_up(_REQUEST), _NEW, *_ALL_KNOW, _restore(_REQUEST)],
    "the replica put back below a delta": [
        _back_up(_REQUEST),
        _NEW,
        *_ALL_KNOW,
        _RENAME,
        _sync(_RESPONSE),
        _restore(_REQUEST),
        _sync(_REQUEST),
    ],
    "a delta lost": [_NEW, _sync(_RESPONSE, 1), _RENAME, _sync(_RESPONSE)],
    "old holdings": [
        *_ROUND,
        ("replay", {"stick": 1, "which": 1, "count": 2}),
        _sync(_REQUEST, 1),
        _sync(_RESPONSE, 1),
    ],
    "both have lost their newest keys, one its clock": [
        _back_up(_REQUEST),
        _back_up(_RESPONSE),
        ("set_clock", {"site": _REQUEST, "days": 4000}),
        ("rotate", {"site": _RESPONSE, "what": "box"}),
        _sync(_RESPONSE, 1),
        _restore(_RESPONSE, "both"),
        ("rotate", {"site": _REQUEST, "what": "box"}),
        _sync(_REQUEST, 1),
        _sync(_RESPONSE, 1),
        _restore(_REQUEST, "both"),
        ("set_clock", {"site": _REQUEST, "days": 0}),
        _SUBMIT,
    ],
    "a confirmed key forgotten, the clock behind": [
        ("rotate", {"site": _RESPONSE, "what": "signing"}),
        _sync(_RESPONSE),
        _back_up(_REQUEST),
        _sync(_REQUEST),
        ("confirm_keys", {"site": _REQUEST}),
        ("set_clock", {"site": _REQUEST, "days": -4000}),
        _sync(_REQUEST),
        _sync(_RESPONSE),
        _restore(_REQUEST, "both"),
        _SUBMIT,
    ],
    "both have new signing keys before they meet": [
        ("rotate", {"site": _REQUEST, "what": "signing"}),
        ("rotate", {"site": _RESPONSE, "what": "signing"}),
        _SUBMIT,
    ],
    "an exporter dies": [
        _SUBMIT,
        ("crash", {"site": _REQUEST, "stick": 0, "point": "export.claimed", "number": 1}),
    ],
    "half of the users gone": [
        _back_up(_RESPONSE),
        _MANY,
        *_ALL_KNOW,
        _restore(_RESPONSE),
        _sync(_RESPONSE),
        _sync(_REQUEST),
    ],
}

# The others begin when both sites have heard each other.
OF_STRANGERS = {"both have new signing keys before they meet"}

# Rule (mutants.RULES) -> the trace in which it is needed.
NEEDED: dict[str, str] = {
    "signature": "a stranger's bundles",
    "own_come_back": "a bundle turned back",
    "duplicate": "the same stick twice",
    "rolled_back": "an old stick found",
    "first_answer": "a backup from before the drain",
    "recovered": "a backup from before the question",
    "answered_again": "the same, seventy days old",
    "confirm": "one trip",
    "miss": "a backup from before the import",
    "unanswered_for_ever": "the same, seventy days old, unanswered",
    "sixty_days": "a backup from before the answer",
    "counted_days": "the same, ten years later by the clock",
    "listed_long": "nothing but days",
    "readable": "a key lost with its folder",
    "intact": "a file lost",
    "requeue": "a backup from before the import",
    "held_stays": "questions held",
    "held_again": "questions held, and lost",
    "held_forgotten": "questions held, and lost",
    "held_unreadable": "questions held, and their key lost",
    "discarded": "questions discarded",
    "answer_discarded": "answers discarded",
    "versions": "the master put back, its clock behind",
    "hello_heard": "both have lost their newest keys, one its clock",
    "late_trust": "a confirmed key forgotten, the clock behind",
    "greatest_heard": "old holdings",
    "state_forgotten": "the master put back",
    "state_missed": "users held, and lost",
    "state_file": "a state's file lost",
    "missing_base": "the replica put back below a delta",
    "delta_base": "a delta lost",
    "site_rolled_back": "a backup from before the question",
    "believed_keys": "a key that nobody has confirmed",
    "given_key": "both have new signing keys before they meet",
    "dead_exporter": "an exporter dies",
    "mass_removal": "half of the users gone",
}
