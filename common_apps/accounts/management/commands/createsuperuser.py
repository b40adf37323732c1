"""Stands in for Django's createsuperuser, which would write users past our services."""

from __future__ import annotations

from typing import Any, NoReturn

from django.contrib.auth.management.commands import createsuperuser
from django.core.management.base import CommandError


class Command(createsuperuser.Command):
    help = "Refuses: users are made and changed in other ways."

    def execute(self, *args: Any, **options: Any) -> NoReturn:
        """CommandError, with the way."""
        raise CommandError(
            "Not offered. Users live on the response site: 'manage_response.py create_admin' makes an admin there, "
            "and its admin pages make users and set passwords; a carry brings them to the request site."
        )
