"""The other site, as its newest holdings describe it: to be read, never typed."""

from __future__ import annotations

from django.contrib import admin

from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.models import Peer


@admin.register(Peer)
class PeerAdmin(ReadOnlyAdmin):
    """The other site, as its newest holdings describe it."""

    list_display = ["__str__", "hello_seq", "heard", "updated_at"]
