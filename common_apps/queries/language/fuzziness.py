"""How many edits a fuzziness allows, as in Elasticsearch (common options, "Fuzziness")."""

from __future__ import annotations

AUTO = "AUTO"


def normalize(value: object) -> int | str:
    """0, 1, 2 or ``"AUTO"`` (also ``"1"``, ``"auto"``); raises `ValueError` for anything else."""
    if isinstance(value, str):
        if value in (AUTO, AUTO.lower()):
            return AUTO
        if value in ("0", "1", "2"):
            return int(value)
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2:
        return value
    raise ValueError("fuzziness is 0, 1, 2 or AUTO")


def edits(fuzziness: int | str, text_length: int) -> int:
    """The edits allowed in a term of ``text_length`` code points; AUTO: 0-2 none, 3-5 one, longer two.

    Raises `ValueError` for what `normalize` refuses.
    """
    wanted = normalize(fuzziness)
    if isinstance(wanted, int):
        return wanted
    if text_length < 3:
        return 0
    return 1 if text_length < 6 else 2
