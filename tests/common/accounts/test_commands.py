"""Django's ways past our services are shut on both sites."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command


@pytest.mark.parametrize("command", ["createsuperuser", "changepassword"])
def test_command_refuses_and_names_the_way_when_called(command: str) -> None:
    with pytest.raises(CommandError, match="create_admin"):
        call_command(command)


def test_admin_offers_no_groups() -> None:
    assert not admin.site.is_registered(Group)
