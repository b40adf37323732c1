"""The page of keys: own ones, the other site's, what it has announced; replaced, confirmed and revoked by admins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from common_apps.audit.actors import Actor, actor_of
from common_apps.core.admin import ReadOnlyAdmin
from common_apps.core.errors import DomainError
from common_apps.transfer.keys import Kem, KeyFolderError
from common_apps.transfer.models import LeavingKey
from common_apps.transfer.services.key_changes import (
    confirm_signing_key,
    revoke_signing_key,
    rotate_box_key,
    rotate_signing_key,
)
from common_apps.transfer.services.key_listing import ANNOUNCED, list_keys
from common_apps.transfer.services.key_retirement import BOX_DAYS, TRUSTED_DAYS

_PERMISSION = "transfer.change_keys"
_REVOCABLE = ("trusted, active", "trusted, retiring", ANNOUNCED)
_LIST = "admin:transfer_leavingkey_changelist"


class _BoxForm(forms.Form):
    kem = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[("", "as it is now"), *((kem.value, kem.value) for kem in Kem)],
        help_text="mlkem768-x25519 withstands a quantum computer, too; both sites read both.",
    )


class _ComparedForm(forms.Form):
    compared = forms.BooleanField(label=f"Somebody at the {settings.PEER} site has read these words to me, all alike")


class _SureForm(forms.Form):
    sure = forms.BooleanField(label="This can't be taken back: the key is never believed again")


@dataclass(frozen=True)
class _Change:
    """A page of confirmation: what will happen, what has to be answered, and what does it."""

    title: str
    effects: tuple[str, ...]
    form: type[forms.Form]
    perform: Callable[[str, dict[str, Any], Actor], object]
    done: str
    of_peer: bool


_CHANGES = {
    "rotate-box": _Change(
        title="Make a new box key",
        effects=(
            "A new box key is made. Nothing has to be told by telephone: the next holdings announce it, and the "
            f"{settings.PEER} site writes to it from then on.",
            f"The one before still opens what comes under it. It retires {BOX_DAYS} days after the other site has "
            "heard of the new one; what still comes under it then is dropped, and goes again under the new one.",
        ),
        form=_BoxForm,
        perform=lambda _, said, actor: rotate_box_key(actor=actor, kem=Kem(said["kem"]) if said["kem"] else None),
        done="A new box key is there; the next holdings announce it.",
        of_peer=False,
    ),
    "rotate-signing": _Change(
        title="Make a new signing key",
        effects=(
            "A new signing key is made, and the next holdings announce it.",
            f"An operator of the {settings.PEER} site has to compare its words with you by telephone and to confirm it "
            "there. Until that has come back, this site signs with the key before.",
        ),
        form=forms.Form,
        perform=lambda _, said, actor: rotate_signing_key(actor=actor),
        done=f"A new signing key is there: its words have to be compared, and the key confirmed on the {settings.PEER} "
        "site.",
        of_peer=False,
    ),
    "confirm": _Change(
        title="Confirm a signing key",
        effects=(
            f"This site believes what the {settings.PEER} site signs with this key, and tells it so with the next "
            "holdings; the other site then signs with it.",
            f"The key before is believed for {TRUSTED_DAYS} more days, or until it is revoked.",
        ),
        form=_ComparedForm,
        perform=lambda fingerprint, _, actor: confirm_signing_key(fingerprint=fingerprint, actor=actor),
        done="The key is believed from now on.",
        of_peer=True,
    ),
    "revoke": _Change(
        title="Revoke a signing key",
        effects=(
            "Nothing that this key has signed is taken any more, and it can't be confirmed or trusted again.",
            "If it is the only key that is believed, nothing can be imported until the other site's new public file "
            "was trusted (command keys trust FILE --replace).",
        ),
        form=_SureForm,
        perform=lambda fingerprint, _, actor: revoke_signing_key(fingerprint=fingerprint, actor=actor),
        done="The key is revoked.",
        of_peer=True,
    ),
}


@admin.register(LeavingKey)
class KeysAdmin(ReadOnlyAdmin):
    """Keys lie in KEY_DIR, not in the database: the list is a page of its own."""

    def get_urls(self) -> list[URLPattern]:
        """Besides Django's: a page for each change."""
        guarded = self.admin_site.admin_view(self.change_key)
        own = [
            path(
                f"change/{name}/" + ("<str:fingerprint>/" if change.of_peer else ""),
                guarded,
                {"name": name},
                name=f"transfer_keys_{name}",
            )
            for name, change in _CHANGES.items()
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """All keys, public facts only."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows, fault = self._rows()
        context = {"title": "Keys", "rows": rows, "fault": fault, "may_change": _may_change(request)}
        return self._answer(request, "keys.html", context | (extra_context or {}))

    def change_key(self, request: HttpRequest, name: str, fingerprint: str = "") -> HttpResponse:
        """Says what will happen, and does it when that was confirmed."""
        if not _may_change(request):
            raise PermissionDenied
        change = _CHANGES[name]
        rows, _ = self._rows()
        row = next((each for each in rows if each["fingerprint"] == fingerprint), None)
        if change.of_peer and row is None:
            raise Http404
        form = change.form(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                change.perform(fingerprint, form.cleaned_data, actor_of(request))
            except DomainError as error:
                messages.error(request, error.detail)
            except (KeyFolderError, OSError) as error:
                messages.error(request, str(error))
            else:
                messages.success(request, change.done)
            return HttpResponseRedirect(reverse(_LIST))
        context = {"title": change.title, "effects": change.effects, "form": form, "row": row}
        return self._answer(request, "change.html", context)

    def _rows(self) -> tuple[list[dict[str, Any]], str]:
        """The keys, or what is wrong with the folder."""
        try:
            return [_with_links(row) for row in list_keys()], ""
        except KeyFolderError as error:
            return [], str(error)

    def _answer(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"admin/transfer/leavingkey/{template}", shared | context)


def _may_change(request: HttpRequest) -> bool:
    return request.user.has_perm(_PERMISSION)


def _with_links(row: dict[str, Any]) -> dict[str, Any]:
    """A row of ``list_keys`` with {links: [(change, address)], word_list}."""
    of_peer = row["site"] == settings.PEER and row["use"] == "signing"
    changes = ["confirm"] if of_peer and row["status"] == ANNOUNCED else []
    if of_peer and row["status"] in _REVOCABLE:
        changes.append("revoke")
    links = [(each, reverse(f"admin:transfer_keys_{each}", args=[row["fingerprint"]])) for each in changes]
    return row | {"links": links, "word_list": row["words"].split()}
