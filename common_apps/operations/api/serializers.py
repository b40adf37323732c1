"""Alerts on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common_apps.operations.selectors import STATES


class AlertSerializer(serializers.Serializer[Any]):
    """An alert with what its code means and what to do. ``facts``: counts and words, by name."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    subject = serializers.CharField()
    level = serializers.ChoiceField(["warning", "critical"])
    state = serializers.ChoiceField(STATES)
    title = serializers.CharField()
    detail = serializers.CharField()
    facts = serializers.DictField()
    meaning = serializers.CharField()
    cure = serializers.CharField()
    count = serializers.IntegerField()
    raised_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
