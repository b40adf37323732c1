"""API keys for services: a prefix to find it by and the SHA-256 of a 256-bit secret."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from django.conf import settings
from django.db import models

from common_apps.core.ids import new_id


def hash_secret(secret: str) -> str:
    """SHA-256, hex. No salt and no stretching: the secret is 256 random bits, nobody guesses those."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class ApiKey(models.Model):
    """A key of one user, on the site where it was made; the secret is shown once and never stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_keys")
    key_hash = models.CharField(max_length=64, editable=False)
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    scopes = models.JSONField(default=list, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "api_keys"
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    def matches(self, secret: str) -> bool:
        """Whether this is the key's secret, told in constant time."""
        return hmac.compare_digest(self.key_hash, hash_secret(secret))

    def is_usable(self, at: datetime) -> bool:
        """Neither revoked nor expired, of a user who may still come in."""
        return self.is_active and self.user.is_active and (self.expires_at is None or self.expires_at > at)
