"""The map of roles."""

import pytest

from common_apps.accounts.choices import Role, Scope
from common_apps.accounts.models import User
from common_apps.accounts.permissions import grantable_scopes, grants


@pytest.mark.parametrize(
    ("role", "permission", "expected"),
    [
        ("user", "submissions.submit_request", True),
        ("user", "submissions.view_request", False),
        ("user", "transfer.export_bundles", False),
        ("operator", "submissions.view_request", True),
        ("operator", "transfer.export_bundles", True),
        ("operator", "accounts.change_user", False),
        ("operator", "accounts.add_apikey", False),
        ("admin", "accounts.change_user", True),
        ("system", "transfer.import_bundles", True),
        ("system", "accounts.change_user", False),
        ("unknown", "submissions.view_request", False),
    ],
)
def test_role_grants_what_the_map_says(role: str, permission: str, expected: bool) -> None:
    assert grants(role, permission) is expected


def test_inactive_user_has_no_permission_when_admin() -> None:
    admin = User(role=Role.ADMIN, is_active=False)
    assert not admin.has_perm("accounts.view_user")
    assert not admin.is_staff
    assert not admin.is_superuser


@pytest.mark.parametrize(("role", "staff"), [("user", False), ("operator", True), ("admin", True), ("system", False)])
def test_admin_opens_to_operators_and_admins_alone(role: str, staff: bool) -> None:
    user = User(role=role)
    assert user.is_staff is staff
    assert user.has_module_perms("accounts") is staff


def test_no_role_gives_a_key_more_than_itself_when_scopes_are_asked() -> None:
    assert grantable_scopes("user") < grantable_scopes("operator") < grantable_scopes("admin") == frozenset(Scope)
    assert Scope.USERS_MANAGE not in grantable_scopes("system")
    assert grantable_scopes("unknown") == frozenset()
