"""What was done, by whom (AuditLog), what the site said of itself (SystemLog), and the chain that seals the first."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class AuditLog(models.Model):
    """One action. Append-only (a trigger holds it); no foreign key to the user, whom the trace outlives."""

    id = models.BigAutoField(primary_key=True)
    user_id = models.UUIDField(null=True, blank=True)
    action = models.CharField(max_length=100)
    resource_type = models.CharField(max_length=50, blank=True, default="")
    resource_id = models.CharField(max_length=100, blank=True, default="")
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=500, blank=True, default="")
    request_data = models.JSONField(default=dict, blank=True)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "audit_logs"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["created_at"], name="audit_logs_created"),
            models.Index(fields=["user_id", "-id"], name="audit_logs_user", condition=Q(user_id__isnull=False)),
            models.Index(fields=["resource_type", "resource_id"], name="audit_logs_resource"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.resource_type} {self.resource_id}".strip()


class AuditChain(models.Model):
    """The place of an audit row in the chain: hash = SHA-256(previous hash, the row). Written by the sealer alone.

    Sealing is apart from recording, since a chain inside the action's transaction would make all actions wait
    for each other.
    """

    seq = models.BigIntegerField(primary_key=True)
    audit = models.OneToOneField(AuditLog, on_delete=models.PROTECT, related_name="link")
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_chain"
        ordering = ["-seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.hash[:12]}"


class SystemLog(models.Model):
    """A line that the site wrote about itself and that an operator must find in the admin. Append-only."""

    id = models.BigAutoField(primary_key=True)
    level = models.CharField(max_length=10)
    component = models.CharField(max_length=100)
    message = models.TextField()
    trace = models.TextField(blank=True, default="")
    request_id = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField()
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "system_logs"
        ordering = ["-id"]
        indexes = [models.Index(fields=["created_at"], name="system_logs_created")]

    def __str__(self) -> str:
        return f"{self.level} {self.component}: {self.message[:80]}"
