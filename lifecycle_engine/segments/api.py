"""The API: segments, who is in them, and why."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.api.pagination import KeysetPagination
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.api import customer_asked
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.sharing import customers_visible
from lifecycle_engine.segments.explanation import segment_explain
from lifecycle_engine.segments.models import Membership, Segment
from lifecycle_engine.segments.rules import RuleError, RuleEvaluationError
from lifecycle_engine.segments.serializers import (
    ExplanationSerializer,
    MemberSerializer,
    SegmentSerializer,
)

_READ = {"GET": Scope.SEGMENTS_READ}


class SegmentList(ListAPIView[Segment]):
    """All segments, archived ones too."""

    scopes = _READ
    serializer_class = SegmentSerializer
    queryset = Segment.objects.all()


class SegmentDetail(RetrieveAPIView[Segment]):
    """One segment."""

    scopes = _READ
    serializer_class = SegmentSerializer
    queryset = Segment.objects.all()
    lookup_field = "key"


class MemberPagination(KeysetPagination):
    """Pages by the customer's id, which is unique within a segment and indexed with it."""

    ordering = "customer_id"


class SegmentMembers(ListAPIView[Membership]):
    """The customers who are in a segment."""

    scopes = _READ
    serializer_class = MemberSerializer
    pagination_class = MemberPagination
    queryset = Membership.objects.select_related("customer")

    def get_queryset(self) -> QuerySet[Membership]:
        """Who is in the segment and may be seen by the key; 404 when there is no such segment."""
        segment = get_object_or_404(Segment, key=self.kwargs.get("key"))
        members = super().get_queryset().filter(segment=segment)
        partner = key_of(self.request).partner
        if not partner:
            return members
        shared = customers_visible(Customer.objects.all(), partner=partner, at=business_now())
        return members.filter(customer__in=shared.values("pk"))


class SegmentExplain(APIView):
    """Why a customer is in a segment or isn't."""

    scopes = _READ

    @extend_schema(
        parameters=[
            OpenApiParameter("customer", str, required=True, description="Customer number.")
        ],
        responses=ExplanationSerializer,
    )
    def get(self, request: Request, key: str) -> Response:
        """The rule's tree with the outcome of every condition for the customer, as of now."""
        segment = get_object_or_404(Segment, key=key)
        number = request.query_params.get("customer", "")
        try:
            customer = customer_asked(request, number)
        except exceptions.NotFound:
            raise exceptions.ValidationError({"customer": [f"No customer {number!r}."]}) from None
        at = business_now()
        try:
            tree = segment_explain(segment=segment, customer_id=customer.pk, at=at)
        except (RuleError, RuleEvaluationError) as error:
            raise exceptions.ValidationError({"rule": [str(error)]}) from error
        shown = {"customer": number, "as_of": at, "holds": tree["holds"], "rule": tree}
        return Response(ExplanationSerializer(shown).data)
