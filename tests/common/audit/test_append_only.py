"""The audit log takes new rows alone, and its chain tells when somebody went around that."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditChain, AuditLog
from common_apps.audit.services import head, record, seal, verify

pytestmark = pytest.mark.django_db


def _record(count: int = 1) -> None:
    for number in range(count):
        record(action="test.done", actor=SYSTEM, resource_type="thing", resource_id=str(number), data={"n": number})


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_logs SET action = 'x'", "DELETE FROM audit_logs", "TRUNCATE audit_logs CASCADE"]
)
def test_audit_log_refuses_when_a_row_is_changed_or_removed(statement: str) -> None:
    _record()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditLog.objects.get().action == "test.done"


def test_record_leaves_no_row_when_its_action_is_rolled_back() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        _record()
        1 / 0  # noqa: B018
    assert not AuditLog.objects.exists()


def test_seal_links_every_row_once_when_called_again() -> None:
    _record(3)
    assert seal() == 3
    _record(2)
    assert seal() == 2
    assert seal() == 0
    assert list(AuditChain.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4, 5]
    assert verify() == (5, None)
    assert head() is not None and head()[0] == 5


def _meddle(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE audit_chain DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE audit_logs ENABLE TRIGGER USER")
        cursor.execute("ALTER TABLE audit_chain ENABLE TRIGGER USER")


def test_verify_names_the_row_when_a_sealed_row_was_changed() -> None:
    _record(4)
    seal()
    victim = AuditChain.objects.get(seq=3)
    _meddle(f"UPDATE audit_logs SET resource_id = 'other' WHERE id = {victim.audit_id}")
    checked, found = verify()
    assert checked == 2 and found is not None and (found.seq, found.audit_id) == (3, victim.audit_id)
    with pytest.raises(CommandError, match="breaks at link 3"):
        call_command("audit", "verify")


def test_verify_names_the_place_when_a_link_was_taken_out() -> None:
    _record(3)
    seal()
    _meddle("DELETE FROM audit_chain WHERE seq = 2")
    checked, found = verify()
    assert checked == 1 and found is not None and found.seq == 2
