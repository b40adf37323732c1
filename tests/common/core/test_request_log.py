"""What the log tells of a request."""

import json
import logging

import pytest
from django.test import Client

from common_apps.audit.logs import to_json


def _finished(caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    (line,) = [r.msg for r in caplog.records if isinstance(r.msg, dict) and r.msg.get("event") == "request_finished"]
    return json.loads(to_json(logging.getLogger(), "info", dict(line)))


def test_request_leaves_one_line_with_its_id_and_duration_when_answered(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = client.get("/health", headers={"X-Request-ID": "trip-7"}, REMOTE_ADDR="192.0.2.7")
    line = _finished(caplog)
    assert answer["X-Request-ID"] == "trip-7"
    assert line["request_id"] == "trip-7"
    assert isinstance(line["duration_ms"], int)
    assert line["metadata"]["ip"] == "192.0.2.7"
    assert line["metadata"]["code"] == 200


@pytest.mark.parametrize("asked", ["x" * 65, 'a"b', "a b", "<script>"])
def test_request_gets_an_id_of_ours_when_the_callers_is_no_plain_word(
    client: Client, caplog: pytest.LogCaptureFixture, asked: str
) -> None:
    with caplog.at_level(logging.INFO):
        answer = client.get("/health", headers={"X-Request-ID": asked})
    assert answer["X-Request-ID"] != asked
    assert len(answer["X-Request-ID"]) == 36
    assert _finished(caplog)["request_id"] == answer["X-Request-ID"]
