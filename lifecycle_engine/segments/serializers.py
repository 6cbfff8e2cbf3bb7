"""Shapes of segments on the wire."""

from typing import Any

from rest_framework import serializers

from lifecycle_engine.segments.models import Membership, Segment
from lifecycle_engine.segments.rules import RuleError, rule_parse, rule_sentence


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    """A segment and how fresh it is."""

    sentence = serializers.SerializerMethodField()

    class Meta:
        model = Segment
        fields = (
            "key",
            "name",
            "description",
            "rule",
            "sentence",
            "version",
            "state",
            "size",
            "as_of",
            "refreshed_at",
            "error",
        )

    def get_sentence(self, segment: Segment) -> str:
        """The rule in words; empty where it can't be read, as ``error`` then says."""
        try:
            return rule_sentence(rule_parse(segment.rule))
        except RuleError:
            return ""


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
