"""Pid files, namespaces, and the demo's judgement of answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from devstack import namespaces
from devstack.api import Answer
from devstack.errors import NamespaceUnavailableError
from devstack.home import ROOT
from devstack.processes import PidFile
from devstack.questions import Question, at_pointer, faults, read_questions


def test_pid_file_names_the_process_when_it_runs(tmp_path: Path) -> None:
    file = PidFile(tmp_path / "ours.pid")
    file.write(os.getpid())
    assert file.read() == psutil.Process()


def test_pid_file_names_nobody_when_its_pid_is_another_process_now(tmp_path: Path) -> None:
    file = PidFile(tmp_path / "ours.pid")
    file.write(os.getpid())
    said = json.loads(file.path.read_text())
    file.path.write_text(json.dumps(said | {"started": said["started"] - 3600}))
    assert file.read() is None


def test_pid_file_names_nobody_when_it_is_torn(tmp_path: Path) -> None:
    file = PidFile(tmp_path / "ours.pid")
    file.path.write_text('{"pid": 1')
    assert file.read() is None


def test_isolated_process_sees_loopback_alone_when_namespaces_can_be_had(tmp_path: Path) -> None:
    (tmp_path / "peer").mkdir()
    (tmp_path / "peer" / "secret").touch()
    script = (
        "import sys, time; from pathlib import Path; from devstack import namespaces\n"
        "from devstack.errors import NamespaceUnavailableError\n"
        "try: namespaces.isolate(Path(sys.argv[1]))\n"
        "except NamespaceUnavailableError as error: print(error, flush=True)\n"
        "else: print('isolated', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "peer")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        try:
            if said != "isolated":
                pytest.skip(said)
            assert namespaces.call_inside(process.pid, namespaces.network_interfaces) == ["lo"]
            assert namespaces.call_inside(process.pid, os.listdir, tmp_path / "peer") == []
            assert [path.name for path in (tmp_path / "peer").iterdir()] == ["secret"]
            with pytest.raises(FileNotFoundError):
                namespaces.call_inside(process.pid, os.listdir, tmp_path / "absent")
        finally:
            process.kill()


def test_isolate_says_so_when_the_host_forbids_namespaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a host that forbids them can't be had here: the system call answers as it would there
    monkeypatch.setattr(namespaces, "_unshare", lambda flags: (_ for _ in ()).throw(PermissionError(1, "unshare")))
    with pytest.raises(NamespaceUnavailableError, match="no network namespace"):
        namespaces.isolate(tmp_path)


def test_questions_cover_all_eight_types_when_read() -> None:
    *asked, failing = read_questions()
    assert len(asked) >= 16
    assert failing.expect is None
    assert {question.query_type for question in asked} == {
        "match", "term", "range", "bool", "wildcard", "fuzzy", "aggregation", "multi_match",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (Answer(200, {"result": {"hits": {"total": {"value": 450}}}}, {}), False),
        (Answer(200, {"result": {"hits": {"total": {"value": 449}}}}, {}), True),
        (Answer(200, {"result": {}}, {}), True),
        (Answer(202, {}, {}), True),
        (Answer(409, {"code": "request_failed"}, {}), True),
    ],
)
def test_faults_tells_a_wrong_answer_when_compared(answer: Answer, wrong: bool) -> None:
    question = Question("t", "term", {}, [{"at": "/hits/total/value", "value": 450}])
    assert bool(faults(question, answer)) is wrong


def test_faults_wants_a_failure_when_the_question_must_fail() -> None:
    question = Question("t", "aggregation", {}, None)
    assert faults(question, Answer(409, {"code": "request_failed"}, {})) == []
    assert faults(question, Answer(200, {"result": {}}, {})) != []


def test_at_pointer_follows_lists_and_escapes_when_given_rfc_6901() -> None:
    assert at_pointer({"a/b": [{"c": 1}]}, "/a~1b/0/c") == 1
    assert at_pointer({"a": [1]}, "/a/7") is None
