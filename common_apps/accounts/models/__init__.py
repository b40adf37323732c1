from common_apps.accounts.models.api_key import ApiKey
from common_apps.accounts.models.profile_type import ProfileType
from common_apps.accounts.models.user import User, UserManager

__all__ = ["ApiKey", "ProfileType", "User", "UserManager"]
