"""The transfer station: the sticks that are plugged in, what would go, the last carries, and the button."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from common_apps.audit.actors import actor_of
from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.choices import CarryStatus
from common_apps.transfer.media.errors import StickError
from common_apps.transfer.models import Carry
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services.media_report import StickStatus, describe_fault
from common_apps.transfer.services.media_status import media_roots, media_statuses
from common_apps.transfer.tasks import sync_media as sync_task

_MAY = ("transfer.import_bundles", "transfer.export_bundles")
_LONGEST_WAIT_S = 3000
_LAST = 10


class CarryForm(forms.Form):
    """Which stick, and how long to wait for answers."""

    stick = forms.CharField(widget=forms.HiddenInput, max_length=4096)
    wait_s = forms.IntegerField(
        label="wait for answers, seconds", min_value=0, max_value=_LONGEST_WAIT_S, initial=0, required=False
    )
    ours = forms.BooleanField(label="use it although nothing on it is of these two sites", required=False)


@admin.register(Carry)
class CarryAdmin(ReadOnlyAdmin):
    """Every carry at this site; above the list a way to the station."""

    list_display = ["begun_at", "status", "stick", "trip", "user_id", "ended_at"]
    list_filter = ["status", "begun_at"]
    search_fields = ["stick", "trip"]
    date_hierarchy = "begun_at"
    show_full_result_count = False
    change_list_template = "admin/transfer/carry/change_list.html"
    change_form_template = "admin/transfer/carry/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """The station, before the addresses of single carries."""
        return [
            path("station/", self.admin_site.admin_view(self.station), name="transfer_station"),
            path("station/sync/", self.admin_site.admin_view(self.confirm), name="transfer_station_sync"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One carry with its report as tables."""
        carry = self.get_object(request, object_id)
        report = carry.report if carry is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "report": report})

    def station(self, request: HttpRequest) -> HttpResponse:
        """The page. It loads itself anew while a carry runs."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        to_go = bundles_to_carry()
        last = list(Carry.objects.all()[:_LAST])
        context = {
            **self.admin_site.each_context(request),
            "title": "Transfer station",
            "opts": self.opts,
            "roots": media_roots(),
            "sticks": [_shown(each) for each in media_statuses()],
            "to_go": to_go,
            "to_go_bytes": sum(batch.file_size_bytes or 0 for batch in to_go),
            "last": last,
            "newest": last[0] if last else None,
            "is_running": any(carry.status == CarryStatus.RUNNING for carry in last),
            "may_carry": _may_carry(request),
        }
        return TemplateResponse(request, "admin/transfer/carry/station.html", context)

    def confirm(self, request: HttpRequest) -> HttpResponse:
        """GET says what will happen; POST enqueues it for the host that has the folders."""
        if not _may_carry(request):
            raise PermissionDenied
        asked = request.POST if request.method == "POST" else request.GET
        stick = asked.get("stick", "")
        form = CarryForm(asked if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            sync_task.delay(
                path=form.cleaned_data["stick"],
                wait_s=form.cleaned_data["wait_s"] or 0,
                ours=form.cleaned_data["ours"],
                actor=_actor(request),
            )
            messages.success(request, "The carry has been asked for. This page shows how it goes; load it anew.")
            return HttpResponseRedirect(reverse("admin:transfer_station"))
        found = [_shown(each) for each in media_statuses()]
        context = {
            **self.admin_site.each_context(request),
            "title": "Sync this stick?",
            "opts": self.opts,
            "form": form,
            "stick": stick,
            "status": next((each for each in found if each["stick"] == stick), None),
        }
        return TemplateResponse(request, "admin/transfer/carry/confirm.html", context)


def _may_carry(request: HttpRequest) -> bool:
    return all(request.user.has_perm(each) for each in _MAY)


def _actor(request: HttpRequest) -> dict[str, Any]:
    actor = actor_of(request)
    return asdict(actor) | {"user_id": str(actor.user_id) if actor.user_id else None}


def _shown(found: StickStatus | StickError) -> dict[str, Any]:
    if isinstance(found, StickError):
        return {"stick": found.detail, "fault": describe_fault(found)}
    return asdict(found) | {"name": Path(found.stick).name}
