"""Bodies of auth/: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common_apps.accounts.choices import Scope
from common_apps.accounts.models import ApiKey, User


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that nobody reads: a misspelt one would be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        """As usual, but for unknown names."""
        if isinstance(data, dict):
            unknown = {name: ["This field is not known."] for name in data if name not in self.fields}
            if unknown:
                raise serializers.ValidationError(unknown, code="unknown_field")
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A text: REST framework's would take a number for one."""

    default_error_messages = {"wrong_type": "This is a text."}

    def to_internal_value(self, data: Any) -> Any:
        """As usual, but for what is none."""
        if not isinstance(data, str):
            self.fail("wrong_type")
        return super().to_internal_value(data)


class LoginSerializer(StrictSerializer):
    """{username, password}."""

    username = TextField(max_length=100, trim_whitespace=False)
    password = TextField(max_length=1024, trim_whitespace=False, write_only=True)


class RefreshSerializer(StrictSerializer):
    """{refresh}."""

    refresh = TextField(max_length=4096)


class TokenPairSerializer(serializers.Serializer[Any]):
    """{access, refresh, expires_in: seconds}."""

    access = serializers.CharField()
    refresh = serializers.CharField()
    expires_in = serializers.IntegerField()


class MeSerializer(serializers.ModelSerializer[User]):
    """Who asks, with the limits that count."""

    profile_type = serializers.CharField(source="profile_type_id", read_only=True)

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "email",
            "full_name",
            "role",
            "profile_type",
            "rate_limit_per_minute",
            "rate_limit_per_hour",
            "rate_limit_per_day",
            "priority",
        ]
        read_only_fields = fields


class NewApiKeySerializer(StrictSerializer):
    """{name, scopes, expires_at?}."""

    name = TextField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), allow_empty=False, max_length=20
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key as it can be shown: never its secret."""

    class Meta:
        model = ApiKey
        fields = ["id", "name", "prefix", "scopes", "is_active", "created_at", "last_used_at", "expires_at"]
        read_only_fields = fields


class ApiKeyPageSerializer(serializers.Serializer[Any]):
    """A page of keys."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ApiKeySerializer(many=True)


class ApiKeySecretSerializer(ApiKeySerializer):
    """A key just made or rotated: ``key`` is ``prefix.secret``, in this answer only."""

    key = serializers.CharField()

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]
        read_only_fields = fields
