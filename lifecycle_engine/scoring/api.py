"""The API: finding customers like those of a segment, and making a segment of them."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.api.pagination import KeysetPagination
from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.sharing import customers_visible
from lifecycle_engine.scoring.errors import LookalikeError
from lifecycle_engine.scoring.lookalike_models import Lookalike, LookalikeCustomer
from lifecycle_engine.scoring.lookalikes.services import (
    audience_name,
    lookalike_audience,
    lookalike_start,
)
from lifecycle_engine.scoring.serializers import (
    AudienceSerializer,
    LookalikeCustomerSerializer,
    LookalikeSerializer,
)
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.serializers import SegmentSerializer

_READ = {"GET": Scope.SEGMENTS_READ}


class SegmentLookalikes(ListAPIView[Lookalike]):
    """The searches for lookalikes of a segment, oldest first; and beginning one."""

    scopes = {"GET": Scope.SEGMENTS_READ, "POST": Scope.SEGMENTS_WRITE}
    serializer_class = LookalikeSerializer
    queryset = Lookalike.objects.select_related("segment", "audience")

    def get_queryset(self) -> QuerySet[Lookalike]:
        """Those of the segment; 404 when there is none."""
        segment = get_object_or_404(Segment, key=self.kwargs.get("key"))
        return super().get_queryset().filter(segment=segment)

    @extend_schema(request=None, responses={202: LookalikeSerializer, **ERRORS})
    def post(self, request: Request, key: str) -> Response:
        """Search for customers who look like the segment's; one under way is given again."""
        _own_only(request)
        segment = get_object_or_404(Segment, key=key)
        try:
            run = lookalike_start(segment=segment, at=business_now(), by=key_of(request).name)
        except LookalikeError as error:
            raise exceptions.ValidationError({"segment": [str(error)]}) from error
        return Response(LookalikeSerializer(run).data, status=status.HTTP_202_ACCEPTED)


class LookalikeDetail(RetrieveAPIView[Lookalike]):
    """One search: how far it is, and the curve of size against precision when it is ready."""

    scopes = _READ
    serializer_class = LookalikeSerializer
    queryset = Lookalike.objects.select_related("segment", "audience")


class RankPagination(KeysetPagination):
    """Pages by place, which is unique within a search and indexed with it."""

    ordering = "rank"


class LookalikeRanking(ListAPIView[LookalikeCustomer]):
    """The customers outside the segment, who look most like it first."""

    scopes = _READ
    serializer_class = LookalikeCustomerSerializer
    pagination_class = RankPagination
    queryset = LookalikeCustomer.objects.select_related("customer")

    def get_queryset(self) -> QuerySet[LookalikeCustomer]:
        """The ranking, of those whom the key may see; 404 when there is no such search."""
        run = get_object_or_404(Lookalike, pk=self.kwargs.get("pk"))
        ranked = super().get_queryset().filter(lookalike=run)
        partner = key_of(self.request).partner
        if not partner:
            return ranked
        shared = customers_visible(Customer.objects.all(), partner=partner, at=business_now())
        return ranked.filter(customer__in=shared.values("pk"))


class LookalikeSegment(APIView):
    """Making a segment of the ranking's first customers."""

    scopes = {"POST": Scope.SEGMENTS_WRITE}

    @extend_schema(request=AudienceSerializer, responses={200: SegmentSerializer, **ERRORS})
    def post(self, request: Request, pk: int) -> Response:
        """Make the segment by list; for one that is made, change how many it holds."""
        _own_only(request)
        run = get_object_or_404(Lookalike.objects.select_related("segment", "audience"), pk=pk)
        asked = AudienceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            segment = lookalike_audience(
                lookalike_id=run.pk,
                size=asked.validated_data["size"],
                name=asked.validated_data.get("name") or audience_name(run),
                at=business_now(),
                by=key_of(request).name,
            )
        except LookalikeError as error:
            raise exceptions.ValidationError({"size": [str(error)]}) from error
        return Response(SegmentSerializer(segment).data)


def _own_only(request: Request) -> None:
    if key_of(request).partner:
        raise exceptions.PermissionDenied("A partner's key can't change segments.")
