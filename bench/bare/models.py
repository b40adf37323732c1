"""The one table that the bare view writes to."""

import uuid_utils.compat
from django.db import models


class Note(models.Model):
    """A row as a request has it: an id, a user, a type and a JSON document."""

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    user_id = models.UUIDField()
    query_type = models.CharField(max_length=50)
    query_params = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "bench_notes"

    def __str__(self) -> str:
        return str(self.id)
