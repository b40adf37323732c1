"""The catalogue: which indices can be asked, by whom, and what their fields are. No engine is known here."""

from __future__ import annotations

from django.db import models

from common_apps.core import clock
from common_apps.core.ids import new_id


class Index(models.Model):
    """An index that requests may name. Written on the response site, replaced by the catalogue stream on the other.

    ``fields`` is ``[{"name", "type"}]`` with Elasticsearch's types, subfields by full name (``contractor.text``).
    ``profile_types`` lists the names of the profiles that may ask it: by name, since a profile may come later.
    ``every_profile_type`` stands for all that there are, and will be; on the wire they are written out.
    ``revision`` is another one after every change: what is kept in memory is compared with it.
    """

    name = models.CharField(primary_key=True, max_length=255)
    title = models.CharField(max_length=255, blank=True, default="")
    fields = models.JSONField(default=list)
    profile_types = models.JSONField(default=list, blank=True)
    every_profile_type = models.BooleanField(default=False)
    revision = models.UUIDField(default=new_id, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        db_table = "indices"
        ordering = ["name"]
        verbose_name_plural = "indices"

    def __str__(self) -> str:
        return self.name


class Dataset(models.Model):
    """What filter chips mean over an index: ``chips`` maps a chip to its fields, ``metric`` is summed in totals."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=255, unique=True)
    index = models.CharField(max_length=255)
    chips = models.JSONField(default=dict)
    metric = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        db_table = "datasets"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
