"""What is applied of each of the peer's states, and what the peer says that it holds of ours."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

# What is known of a state on either side: nothing applied is version 0 without a bundle.
_NOTHING_OR_ONE = Q(seq=0, batch_id=None) | Q(seq__gt=0, batch_id__isnull=False)
_REFUSED_WHOLE = Q(refused_seq=None, refused_batch_id=None, refused_code="") | (
    Q(refused_seq__isnull=False, refused_batch_id__isnull=False) & ~Q(refused_code="")
)


class StateView(models.Model):
    """The version of a state that is applied, and the newest one above it that was refused."""

    stream = models.CharField(max_length=20, primary_key=True)
    seq = models.BigIntegerField(default=0, verbose_name="version")
    batch_id = models.UUIDField(null=True, blank=True)
    refused_seq = models.BigIntegerField(null=True, blank=True)
    refused_batch_id = models.UUIDField(null=True, blank=True)
    refused_code = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.stream} {self.seq}"


class AppliedState(StateView):
    """What this site has applied of a state stream of its peer (of holdings: has heeded). The version only ever
    grows.
    """

    digest = models.CharField(max_length=64, null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "applied_states"
        ordering = ["stream"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(name="applied_states_batch", condition=_NOTHING_OR_ONE),
            models.CheckConstraint(name="applied_states_refused", condition=_REFUSED_WHOLE),
        ]


class HeardState(StateView):
    """What the peer's newest holdings say of a state stream of this site."""

    class Meta:
        db_table = "heard_states"
        ordering = ["stream"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(name="heard_states_batch", condition=_NOTHING_OR_ONE),
            models.CheckConstraint(name="heard_states_refused", condition=_REFUSED_WHOLE),
        ]


class Peer(models.Model):
    """One row: the other site as its holdings have described it.

    ``hello`` is that of the greatest version seen (``hello_seq``), whether or not its payload could be read, without
    box keys that can't be used; ``heard`` the greatest ever seen. ``trusts_met``: fingerprints out of older holdings
    that came after those, for the first time; null where none did. ``sent`` lists the peer's log bundles that it says
    are on their way, as {stream, batch_id, seq, created_at, record_count, trip}.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    hello = models.JSONField(null=True, blank=True)
    hello_seq = models.BigIntegerField(default=0)
    hello_signer = models.CharField(max_length=64, blank=True, default="", help_text="fingerprint of who said it")
    heard = models.BigIntegerField(default=0)
    trusts_met = models.JSONField(null=True, blank=True, help_text="what it trusts, by older holdings that came last")
    sent = models.JSONField(default=list, blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "transfer_peer"
        default_permissions = ("view",)
        constraints = [models.CheckConstraint(name="transfer_peer_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"holdings {self.hello_seq}, heard {self.heard}"
