"""What the OpenAPI page of each site says of errors and pages."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: Path = tmp_path_factory.mktemp("schema") / "schema.yml"
    call_command("spectacular", file=str(made), validate=True, fail_on_warn=True)
    return yaml.safe_load(made.read_text())


def operations(schema: Any) -> list[tuple[str, Any]]:
    return [
        (f"{method} {path}", operation)
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_every_operation_tells_its_problems_when_the_schema_is_made(schema: Any) -> None:
    for name, operation in operations(schema):
        expected = {"406", "500", "503"}
        expected |= {"401", "403"} if operation.get("security") else set()
        expected |= {"400", "411", "413", "415"} if "requestBody" in operation else set()
        expected |= {"404"} if "{" in name else set()
        assert expected <= operation["responses"].keys(), name
        for status, response in operation["responses"].items():
            if status >= "400":
                assert set(response["content"]) == {"application/problem+json"}, (name, status)
                assert response["description"], (name, status)


def test_list_of_keys_is_a_page_and_takes_no_key_when_the_schema_is_made(schema: Any) -> None:
    listed = schema["paths"]["/api/v1/auth/api-keys/"]["get"]
    assert listed["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ApiKeyPage"
    }
    assert listed["security"] == [{"token": []}]
    assert {parameter["name"] for parameter in listed["parameters"]} == {"cursor", "page_size"}
