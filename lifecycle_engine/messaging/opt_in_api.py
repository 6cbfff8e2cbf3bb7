"""The API by which a shop's sign-up form starts a double opt-in."""

from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.models import ApiKey, Scope
from lifecycle_engine.customers.selectors import customer_by_external_id
from lifecycle_engine.messaging.opt_in import (
    OptInError,
    OptInOutcome,
    OptInRequest,
    opt_in_request,
)
from lifecycle_engine.messaging.preferences import Proof, Wording


class OptInRequestSerializer(serializers.Serializer[Any]):
    """Who asked for advertising by e-mail, where, and in which words."""

    external_id = serializers.CharField(max_length=200, help_text="The shop's number.")
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=40, default="", allow_blank=True, help_text="Such as: newsletter form."
    )
    text_version = serializers.CharField(
        max_length=40, default="", allow_blank=True, help_text="Empty: the engine's own words."
    )
    text_language = serializers.CharField(max_length=12, default="", allow_blank=True)
    text = serializers.CharField(
        max_length=10_000, default="", allow_blank=True, trim_whitespace=False
    )
    ip_address = serializers.IPAddressField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A text needs its version and its language, and a version its language."""
        if attrs["text"] and not attrs["text_version"]:
            raise ValidationError({"text_version": ["A text needs its version."]})
        if attrs["text_version"] and not attrs["text_language"]:
            raise ValidationError({"text_language": ["A version needs its language."]})
        return attrs


class OptInOutcomeSerializer(serializers.Serializer[Any]):
    """What came of it."""

    state = serializers.ChoiceField(choices=[outcome.value for outcome in OptInOutcome])


class OptInsView(APIView):
    """Double opt-ins."""

    scopes = {"POST": Scope.CONSENTS_WRITE}

    @extend_schema(
        request=OptInRequestSerializer, responses={202: OptInOutcomeSerializer, **ERRORS}
    )
    def post(self, request: Request) -> Response:
        """Ask the customer's e-mail address for a confirmation. Consent counts only after it."""
        body = OptInRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        customer = customer_by_external_id(external_id=said["external_id"])
        if customer is None:
            raise ValidationError({"external_id": ["names nobody"]})
        key = cast("ApiKey", request.auth).name
        try:
            outcome = opt_in_request(
                OptInRequest(
                    customer_id=customer.pk,
                    source=f"api:{key}: {said['source']}" if said["source"] else f"api:{key}",
                    wording=Wording(said["text"], said["text_version"], said["text_language"]),
                    proof=Proof(timezone.now(), said.get("ip_address") or ""),
                )
            )
        except OptInError as error:
            raise ValidationError({error.field: [error.message]}) from None
        return Response(OptInOutcomeSerializer({"state": outcome.value}).data, status=202)
