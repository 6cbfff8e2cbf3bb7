"""The API: what an unsaved rule would select."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments.preview import rule_preview
from lifecycle_engine.segments.rules import RuleError, RuleEvaluationError


class PreviewRequestSerializer(serializers.Serializer[Any]):
    """A rule that need not be saved."""

    rule = serializers.JSONField(help_text="The rule's document, as a segment has it.")


class SampleSerializer(serializers.ModelSerializer[Customer]):
    """A customer whom the rule selects."""

    customer = serializers.CharField(source="external_id", allow_null=True)

    class Meta:
        model = Customer
        fields = ("id", "customer")


class PreviewSerializer(serializers.Serializer[Any]):
    """How many a rule selects, and a few of them."""

    as_of = serializers.DateTimeField(help_text="Up to some minutes ago.")
    size = serializers.IntegerField()
    total = serializers.IntegerField(help_text="All customers.")
    finished = serializers.BooleanField(help_text="Whether the rule selects anybody at all.")
    sentence = serializers.CharField(help_text="The rule in words.")
    sample = SampleSerializer(many=True)


class SegmentPreview(APIView):
    """What an unsaved rule would select."""

    scopes = {"POST": Scope.SEGMENTS_PREVIEW}

    @extend_schema(request=PreviewRequestSerializer, responses=PreviewSerializer)
    def post(self, request: Request) -> Response:
        """Size, sentence and up to ten customers of a rule; nothing is saved.

        Raises:
            PermissionDenied: the key is a partner's: sizes of rules would tell it of customers who
                share nothing with it.
            ValidationError: the rule can't be used or evaluated.
        """
        if key_of(request).partner:
            raise exceptions.PermissionDenied("A partner's key can't preview rules.")
        asked = PreviewRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            preview = rule_preview(document=asked.validated_data["rule"], at=business_now())
        except (RuleError, RuleEvaluationError) as error:
            raise exceptions.ValidationError({"rule": [str(error)]}) from error
        found = Customer.objects.in_bulk(list(preview.sample))
        shown = {
            "as_of": preview.as_of,
            "size": preview.size,
            "total": preview.total,
            "finished": preview.finished,
            "sentence": preview.sentence,
            "sample": [found[one] for one in preview.sample if one in found],
        }
        return Response(PreviewSerializer(shown).data)
