"""Reading a table a page at a time."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.audit.services import record
from common_apps.core.pages import in_pages

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("rows", "statements"), [(0, 1), (2, 1), (3, 2), (7, 3)])
def test_pages_give_every_row_once_in_order_whatever_their_number(rows: int, statements: int) -> None:
    AuditLog.objects.all().delete()
    for number in range(rows):
        record(action="test.made", actor=SYSTEM, resource_type="test", resource_id=str(rows - number))
    with CaptureQueriesContext(connection) as asked:
        found = [each.pk for each in in_pages(AuditLog.objects.order_by("resource_id"), size=3)]
    assert found == sorted(AuditLog.objects.values_list("pk", flat=True))
    assert (len(found), len(asked)) == (rows, statements)


def test_pages_ask_for_the_next_rows_only_when_these_are_taken() -> None:
    for number in range(6):
        record(action="test.made", actor=SYSTEM, resource_type="test", resource_id=str(number))
    with CaptureQueriesContext(connection) as asked:
        rows = in_pages(AuditLog.objects.all(), size=2)
        [next(rows), next(rows)]
    assert len(asked) == 1
