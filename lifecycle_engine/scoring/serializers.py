"""Shapes of lookalikes on the wire."""

from typing import Any

from rest_framework import serializers

from lifecycle_engine.scoring.limits import AT_ONCE
from lifecycle_engine.scoring.lookalike_models import Lookalike, LookalikeCustomer
from lifecycle_engine.scoring.use_models import Use


class LookalikeSerializer(serializers.ModelSerializer[Lookalike]):
    """A search for lookalikes: how far it is, and what it came to."""

    segment = serializers.CharField(source="segment.key")
    audience = serializers.CharField(source="audience.key", allow_null=True, default=None)
    message = serializers.SerializerMethodField(
        help_text="Why it was refused, or what went wrong; else empty."
    )
    result = serializers.JSONField(
        help_text="The curve, its area, and what sets the seeds apart; empty until it is ready."
    )

    class Meta:
        model = Lookalike
        fields = (
            "id",
            "segment",
            "state",
            "as_of",
            "seeds",
            "others",
            "ranked",
            "verdict",
            "reason",
            "message",
            "features",
            "left_out",
            "result",
            "audience",
            "size",
            "requested_at",
            "finished_at",
        )

    def get_message(self, run: Lookalike) -> str:
        """The reason in words, or the error."""
        return str(run.get_reason_display()) if run.reason else run.error


class LookalikeCustomerSerializer(serializers.ModelSerializer[LookalikeCustomer]):
    """A customer's place in the ranking; 1 looks most like the segment."""

    customer = serializers.CharField(source="customer.external_id", allow_null=True)
    id = serializers.IntegerField(source="customer_id")

    class Meta:
        model = LookalikeCustomer
        fields = ("rank", "id", "customer", "percentile")


class ScoreAskedSerializer(serializers.Serializer[Any]):
    """Customers to score, by the shop's numbers."""

    customers = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=AT_ONCE
    )
    reasons = serializers.BooleanField(default=False, help_text="Whether to say why, too.")


class ReasonSerializer(serializers.Serializer[Any]):
    """What moved a score, in the language of the request."""

    text = serializers.CharField()
    effect = serializers.ChoiceField(choices=("raises", "lowers"))
    contribution = serializers.FloatField(help_text="In the model's scale.")
    features = serializers.ListField(child=serializers.CharField())
    value = serializers.JSONField(allow_null=True, help_text="A number, or a name.")


class ChangeSerializer(serializers.Serializer[Any]):
    """What the model would say if one feature were another."""

    text = serializers.CharField()
    feature = serializers.CharField()
    now = serializers.FloatField()
    then = serializers.FloatField()
    score = serializers.FloatField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """The fields; ``class`` can't be an attribute's name."""
        name = serializers.CharField(
            allow_null=True, help_text="The class that it would be; null of other scorers."
        )
        return {**super().get_fields(), "class": name}


class ScoreOfSerializer(serializers.Serializer[Any]):
    """A customer's score."""

    customer = serializers.CharField()
    value = serializers.FloatField(help_text="Of a scorer of classes the number of the class.")
    rather_than = serializers.CharField(
        allow_null=True,
        help_text="The class that came closest; null of other scorers.",
    )
    reasons = ReasonSerializer(
        many=True,
        allow_null=True,
        help_text="What moved the score, the most first; null of a scorer that doesn't say why.",
    )
    changes = ChangeSerializer(
        many=True,
        allow_null=True,
        help_text="What would change the score, the most first.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """The fields; ``class`` can't be an attribute's name."""
        name = serializers.CharField(
            allow_null=True, help_text="What the class is called; null of other scorers."
        )
        return {**super().get_fields(), "class": name}


class ScoreRefusedSerializer(serializers.Serializer[Any]):
    """A customer without a score."""

    customer = serializers.CharField()
    code = serializers.ChoiceField(choices=("unknown", "objection", "features"))
    message = serializers.CharField()


class ScoredSerializer(serializers.Serializer[Any]):
    """Scores on demand: by which model, and how new the features are."""

    scorer = serializers.CharField()
    model = serializers.IntegerField()
    by = serializers.ChoiceField(
        choices=Use.choices, help_text="Whether the model says so, or its baseline."
    )
    features_as_of = serializers.DateTimeField()
    scores = ScoreOfSerializer(many=True)
    refused = ScoreRefusedSerializer(many=True)


class AudienceSerializer(serializers.Serializer[Any]):
    """How many of the ranking's first customers become a segment by list, and its name."""

    size = serializers.IntegerField(min_value=1)
    name = serializers.CharField(max_length=120, required=False)
