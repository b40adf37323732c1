"""The map role -> permissions: one file that the sites, the docs and the tests read."""

from __future__ import annotations

from common_apps.accounts.choices import Role

# What an operator may change: the carry, and acknowledging alerts. Everything else is to be seen.
CARRY = frozenset({"transfer.export_bundles", "transfer.import_bundles", "operations.acknowledge_alert"})
ASK = frozenset({"submissions.submit_request"})


def grants(role: str, permission: str) -> bool:
    """Whether a role holds ``app.action_model`` (Django's spelling) or one of our own actions."""
    if role == Role.ADMIN:
        return True
    if role == Role.OPERATOR:
        return permission in CARRY | ASK or permission.partition(".")[2].startswith("view_")
    return permission in ASK
