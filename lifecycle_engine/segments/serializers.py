"""Shapes of segments on the wire."""

import json
from typing import Any

from rest_framework import serializers

from lifecycle_engine.segments.lists import LIST_AT_MOST
from lifecycle_engine.segments.models import Membership, Segment, SegmentKind, SegmentState, Upkeep
from lifecycle_engine.segments.rules import RuleError, rule_parse, rule_sentence


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    """A segment and how fresh it is."""

    sentence = serializers.SerializerMethodField()
    upkeep = serializers.ChoiceField(choices=Upkeep.choices, read_only=True)

    class Meta:
        model = Segment
        fields = (
            "key",
            "name",
            "description",
            "rule",
            "sentence",
            "version",
            "kind",
            "state",
            "upkeep",
            "size",
            "as_of",
            "refreshed_at",
            "refresh_seconds",
            "refresh_due_at",
            "error",
        )

    def get_sentence(self, segment: Segment) -> str:
        """The rule in words; empty where it can't be read, as ``error`` then says."""
        try:
            return rule_sentence(rule_parse(segment.rule))
        except RuleError:
            return ""


class SegmentChangeSerializer(serializers.Serializer[Any]):
    """What may be said of a segment; what is left out stays."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    rule = serializers.JSONField(required=False, help_text="None for a segment by list.")
    state = serializers.ChoiceField(choices=SegmentState.choices, required=False)

    def validate_rule(self, rule: object) -> object:
        """Refuse what PostgreSQL can't keep as JSON."""
        try:
            text = json.dumps(rule, ensure_ascii=False, allow_nan=False)
            text.encode()
        except (ValueError, RecursionError) as error:
            raise serializers.ValidationError("has a value that can't be kept") from error
        if "\\u0000" in text:
            raise serializers.ValidationError("has a NUL character")
        return rule


class SegmentNewSerializer(SegmentChangeSerializer):
    """A new segment."""

    key = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=SegmentKind.choices, default=SegmentKind.DYNAMIC)


class ListChangeSerializer(serializers.Serializer[Any]):
    """Customers to put on a list or to take off it."""

    customers = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=LIST_AT_MOST
    )


class RefusalSerializer(serializers.Serializer[Any]):
    """A customer who was refused."""

    index = serializers.IntegerField()
    customer = serializers.CharField()
    message = serializers.CharField()


class ListResultSerializer(serializers.Serializer[Any]):
    """What became of the customers."""

    changed = serializers.IntegerField()
    rejected = RefusalSerializer(many=True)


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A customer in a segment."""

    customer = serializers.CharField(source="customer.external_id", allow_null=True)
    id = serializers.IntegerField(source="customer_id")

    class Meta:
        model = Membership
        fields = ("id", "customer", "joined_at")


class ExplanationSerializer(serializers.Serializer[Any]):
    """Whether a segment's rule holds for a customer, and which of its conditions."""

    customer = serializers.CharField()
    as_of = serializers.DateTimeField()
    holds = serializers.BooleanField()
    rule = serializers.JSONField(help_text="The rule's tree with the outcome of every node.")
