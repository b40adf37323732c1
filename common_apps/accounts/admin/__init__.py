"""Operators' pages for users, profile types and API keys, and for what comes of logging in."""

from common_apps.accounts.admin.api_keys import ApiKeyAdmin
from common_apps.accounts.admin.lockouts import LockoutAdmin
from common_apps.accounts.admin.profile_types import ProfileTypeAdmin
from common_apps.accounts.admin.tokens import RefreshTokenAdmin, UsedTokenAdmin
from common_apps.accounts.admin.users import UserAdmin

__all__ = ["ApiKeyAdmin", "LockoutAdmin", "ProfileTypeAdmin", "RefreshTokenAdmin", "UsedTokenAdmin", "UserAdmin"]
