"""manage_response.py create_admin."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from common_apps.accounts.models import User
from common_apps.audit.models import AuditLog

pytestmark = pytest.mark.django_db


def _run(*options: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("create_admin", "--username", "root", "--email", "root@example.org", *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_admin_is_made_with_a_generated_password_when_none_is_given() -> None:
    out, err = _run("--json")
    (row,) = json.loads(out)
    root = User.objects.get()
    assert (row["id"], row["username"], row["role"], row["profile_type"]) == (str(root.pk), "root", "admin", "admin")
    assert root.check_password(row["password"])
    assert root.priority == 10
    assert "shown this once" in err
    assert AuditLog.objects.filter(action="user.created", resource_id=str(root.pk)).count() == 1
    assert row["password"] not in str(list(AuditLog.objects.values()))


def test_password_is_read_from_the_file_and_never_printed_when_named(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("Correct-horse-battery-7\n")
    out, err = _run("--password-file", str(file))
    assert User.objects.get().check_password("Correct-horse-battery-7")
    assert "Correct" not in out + err


def test_second_admin_is_refused_unless_another_is_said() -> None:
    _run()
    with pytest.raises(CommandError, match="--another"):
        call_command("create_admin", "--username", "second", "--email", "")
    call_command(
        "create_admin", "--username", "second", "--email", "", "--another", stdout=StringIO(), stderr=StringIO()
    )
    assert User.objects.filter(role="admin").count() == 2
    with pytest.raises(CommandError, match="taken"):
        _run("--another")


@pytest.mark.parametrize("content", [None, b"", b"short", b"\xff\xfe"])
def test_nothing_is_made_when_the_password_file_is_no_good(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CommandError, match="password"):
        _run("--password-file", str(file))
    assert not User.objects.exists()


def test_password_is_asked_twice_when_a_person_sits_there(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "response_site.management.commands.create_admin"
    answers = iter(["Correct-horse-battery-7", "another", "Correct-horse-battery-7", "Correct-horse-battery-7"])
    monkeypatch.setattr(f"{module}.sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(f"{module}.getpass.getpass", lambda prompt: next(answers))
    with pytest.raises(CommandError, match="not the same"):
        _run()
    out, _ = _run()
    assert "Correct" not in out
    assert User.objects.get().check_password("Correct-horse-battery-7")
