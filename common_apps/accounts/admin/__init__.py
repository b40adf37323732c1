"""Operators' pages for users, profile types and API keys."""

from common_apps.accounts.admin.api_keys import ApiKeyAdmin
from common_apps.accounts.admin.profile_types import ProfileTypeAdmin
from common_apps.accounts.admin.users import UserAdmin

__all__ = ["ApiKeyAdmin", "ProfileTypeAdmin", "UserAdmin"]
