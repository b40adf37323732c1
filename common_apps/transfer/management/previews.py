"""A preview as a table for people, or one object for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from common_apps.transfer.services.previewing import Preview


def preview_rows(preview: Preview, *, as_json: bool) -> list[dict[str, Any]]:
    """The rows of the command's table."""
    if as_json:
        return [asdict(preview)]
    header = preview.header or {}
    rows = [{"field": "file", "value": preview.row["file"]}]
    rows += [{"field": name, "value": header[name]} for name in _HEADER if name in header]
    rows.append({"field": "signed_by", "value": preview.signed_by})
    rows += [
        {"field": f"check: {each.name}", "value": f"{each.verdict}{f' ({each.detail})' if each.detail else ''}"}
        for each in preview.checks
    ]
    rows.append({"field": "records", "value": preview.record_count})
    rows += [
        {"field": f"applying: {each.what}", "value": f"{each.count}{_named(each.names, each.count)}"}
        for each in preview.changes
    ]
    if preview.untold:
        rows.append({"field": "applying", "value": preview.untold})
    return rows


_HEADER = ("stream", "mode", "seq", "batch_id", "created_at", "record_count", "source", "schema", "software")


def _named(names: tuple[str, ...], count: int) -> str:
    more = ", ..." if count > len(names) else ""
    return f": {', '.join(names)}{more}" if names else ""
