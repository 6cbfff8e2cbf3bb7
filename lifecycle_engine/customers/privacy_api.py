"""Export and erasure of a customer over the API."""

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.addresses import client_address
from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.api import customer_asked
from lifecycle_engine.customers.erasure import ErasureError, customer_erase
from lifecycle_engine.customers.exports import export_lines
from lifecycle_engine.customers.privacy_models import AccessAction, Erasure
from lifecycle_engine.customers.trail import access_note


class ErasureRequestSerializer(serializers.Serializer[Erasure]):
    """Why a customer is erased."""

    reason = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True,
        help_text="It is kept: don't name the customer.",
    )  # fmt: skip


class ErasureSerializer(serializers.ModelSerializer[Erasure]):
    """How far an erasure is. "done": nothing is left anywhere."""

    class Meta:
        model = Erasure
        fields = ("id", "state", "erased_at", "rewritten_at", "done_at")
        read_only_fields = fields


class CustomerExportView(APIView):
    """All that is kept of a customer."""

    scopes = {"GET": Scope.CUSTOMERS_EXPORT}

    @extend_schema(responses={200: OpenApiTypes.OBJECT, **ERRORS, 404: ERRORS[400]})
    def get(self, request: Request, external_id: str) -> StreamingHttpResponse:
        """One object with a list of rows for each table, streamed; long histories take a while."""
        customer = customer_asked(request, external_id)
        actor = _actor(request)
        access_note(
            actor=actor,
            action=AccessAction.EXPORTED,
            customer_id=customer.pk,
            address=client_address(request._request),  # noqa: SLF001 - Django's own request
        )
        return StreamingHttpResponse(
            export_lines(customer_id=customer.pk), content_type="application/json"
        )


class CustomerEraseView(APIView):
    """Erasing a customer, for good."""

    scopes = {"POST": Scope.CUSTOMERS_ERASE}

    @extend_schema(
        request=ErasureRequestSerializer,
        responses={202: ErasureSerializer, **ERRORS, 404: ERRORS[400]},
    )
    def post(self, request: Request, external_id: str) -> Response:
        """The customer is gone when this answers; the columnar copy follows within minutes."""
        given = ErasureRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        customer = customer_asked(request, external_id)
        try:
            erasure = customer_erase(
                customer_id=customer.pk,
                actor=_actor(request),
                reason=given.validated_data["reason"],
                at=timezone.now(),
            )
        except ErasureError as error:
            raise exceptions.NotFound(str(error)) from None
        return Response(ErasureSerializer(erasure).data, status=status.HTTP_202_ACCEPTED)


class ErasureView(APIView):
    """How far an erasure is."""

    scopes = {"GET": Scope.CUSTOMERS_ERASE}

    @extend_schema(responses={200: ErasureSerializer, **ERRORS, 404: ERRORS[400]})
    def get(self, request: Request, erasure_id: int) -> Response:  # noqa: ARG002
        """The erasure that the answer to the request named."""
        return Response(ErasureSerializer(get_object_or_404(Erasure, pk=erasure_id)).data)


def _actor(request: Request) -> str:
    return f"api:{key_of(request).name}"
