"""The map role -> permissions: one file that the sites, the docs and the tests read."""

from __future__ import annotations

from common_apps.accounts.choices import Role, Scope

# What an operator may change: the carry, and acknowledging alerts. Everything else is to be seen.
CARRY = frozenset({"transfer.export_bundles", "transfer.import_bundles", "operations.acknowledge_alert"})
ASK = frozenset({"submissions.submit_request"})

_ASKING = frozenset({Scope.REQUESTS_READ, Scope.REQUESTS_WRITE})
# The scopes that a key of each role may carry: never more than the role itself may do.
SCOPES: dict[str, frozenset[Scope]] = {
    Role.USER: _ASKING,
    Role.OPERATOR: _ASKING | {Scope.EXPORTS_RUN, Scope.TASKS_READ, Scope.METRICS_READ},
    Role.ADMIN: frozenset(Scope),
    Role.SYSTEM: _ASKING | {Scope.EXPORTS_RUN, Scope.TASKS_READ, Scope.TASKS_MANAGE, Scope.METRICS_READ},
}


def grants(role: str, permission: str) -> bool:
    """Whether a role holds ``app.action_model`` (Django's spelling) or one of our own actions."""
    if role == Role.ADMIN:
        return True
    if role == Role.OPERATOR:
        return permission in CARRY | ASK or permission.partition(".")[2].startswith("view_")
    return permission in (CARRY | ASK if role == Role.SYSTEM else ASK)


def grantable_scopes(role: str) -> frozenset[Scope]:
    """The scopes that a key of such a user may have."""
    return SCOPES.get(role, frozenset())
