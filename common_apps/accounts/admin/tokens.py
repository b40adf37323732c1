"""Refresh tokens: to be seen. Typing one in, or taking a used one out, would bring dead sessions back."""

from __future__ import annotations

from django.contrib import admin

# Registers the library's own pages, which are typed into; below they give way to ours.
from rest_framework_simplejwt.token_blacklist import admin as library_pages
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from common_apps.core.admin import ReadOnlyAdmin

admin.site.unregister((library_pages.OutstandingToken, library_pages.BlacklistedToken))


@admin.register(OutstandingToken)
class RefreshTokenAdmin(ReadOnlyAdmin):
    """Every refresh token that was given out; the token itself is kept nowhere."""

    list_display = ("created_at", "user", "jti", "expires_at")
    list_filter = ("created_at", "expires_at")
    search_fields = ("user__username", "jti")
    list_select_related = ("user",)
    date_hierarchy = "created_at"
    fields = list_display


@admin.register(BlacklistedToken)
class UsedTokenAdmin(ReadOnlyAdmin):
    """Those that were used or revoked, and are good no more."""

    list_display = ("blacklisted_at", "token")
    list_filter = ("blacklisted_at",)
    search_fields = ("token__user__username", "token__jti")
    list_select_related = ("token__user",)
    date_hierarchy = "blacklisted_at"
    fields = list_display
