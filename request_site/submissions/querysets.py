"""Filters over requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from common_apps.accounts.models import User


class RequestQuerySet(models.QuerySet[Any]):
    """Chainable filters."""

    def visible_to(self, user: User) -> RequestQuerySet:
        """One's own; whoever may view requests (operators, admins) sees all."""
        return self if user.has_perm("submissions.view_request") else self.filter(user_id=user.pk)
