"""The schema of the request API is sound, and says what clients rely on."""

from __future__ import annotations

from pathlib import Path

import yaml
from django.core.management import call_command


def test_schema_is_sound_and_tells_answers_and_errors_when_it_is_made(tmp_path: Path) -> None:
    made = tmp_path / "schema.yml"
    call_command("spectacular", file=str(made), validate=True, fail_on_warn=True)
    schema = yaml.safe_load(made.read_text())
    submit = schema["paths"]["/api/v1/requests/"]["post"]
    assert {"200", "201", "400", "401", "403", "413", "415", "422", "503"} <= submit["responses"].keys()
    assert len(submit["requestBody"]["content"]["application/json"]["examples"]) >= 8
    result = schema["paths"]["/api/v1/requests/{request_id}/result/"]["get"]["responses"]
    assert {"200", "202", "404", "409", "410"} <= result.keys()
    assert {"application/json", "text/csv", "application/x-ndjson"} == result["200"]["content"].keys()
    row = schema["components"]["schemas"]["Request"]
    assert set(row["required"]) == row["properties"].keys()
    page = schema["components"]["schemas"]["RequestPage"]["properties"]
    assert page.keys() == {"next", "previous", "results"}
