"""docs/bundle-format.md says what the code says."""

from pathlib import Path

from common_apps.transfer.bundle.errors import Code, describe
from common_apps.transfer.bundle.layout import MIN_FILE
from common_apps.transfer.bundle.streams import STREAMS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "bundle-format.md").read_text()


def test_table_of_codes_is_in_step_with_the_code() -> None:
    rows = [f"| `{code}` | {describe(code).meaning} | {describe(code).cure} |" for code in Code]
    table = "\n".join(["| code | meaning | cure |", "| --- | --- | --- |", *rows])
    printed = DOCUMENT.split("<!-- codes -->\n")[1].split("\n<!-- /codes -->")[0]
    assert printed == table, f"put this between the marks:\n{table}"


def test_every_stream_and_record_type_is_described() -> None:
    for spec in STREAMS.values():
        assert spec.name in DOCUMENT
        for record in spec.record_types:
            description = DOCUMENT.split(f"- `{record.__struct_config__.tag}` {{")[1]
            assert all(field in description for field in record.__struct_fields__)


def test_smallest_size_is_the_documented_one() -> None:
    assert f"less than {MIN_FILE} bytes" in DOCUMENT
