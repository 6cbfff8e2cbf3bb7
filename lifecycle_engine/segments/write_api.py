"""The API by which programs make and change segments, and say who is on a list."""

from typing import Any

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import Scope
from lifecycle_engine.segments.api import SegmentDetail, SegmentList
from lifecycle_engine.segments.lists import ListError, list_change
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.rules import RuleError
from lifecycle_engine.segments.serializers import (
    ListChangeSerializer,
    ListResultSerializer,
    SegmentChangeSerializer,
    SegmentNewSerializer,
    SegmentSerializer,
)
from lifecycle_engine.segments.services import segment_save


class SegmentsView(SegmentList):
    """All segments, and making one."""

    scopes = {"GET": Scope.SEGMENTS_READ, "POST": Scope.SEGMENTS_WRITE}

    @extend_schema(request=SegmentNewSerializer, responses={201: SegmentSerializer, **ERRORS})
    def post(self, request: Request) -> Response:
        """Make a segment by rule or by list."""
        said = _said(SegmentNewSerializer, request)
        if Segment.objects.filter(key=said["key"]).exists():
            raise exceptions.ValidationError({"key": ["There is a segment with this key."]})
        segment = _saved(request, {"rule": {}, **said})
        return Response(SegmentSerializer(segment).data, status=status.HTTP_201_CREATED)


class SegmentView(SegmentDetail):
    """One segment, and changing it."""

    scopes = {"GET": Scope.SEGMENTS_READ, "PATCH": Scope.SEGMENTS_WRITE}

    @extend_schema(request=SegmentChangeSerializer, responses={200: SegmentSerializer, **ERRORS})
    def patch(self, request: Request, key: str) -> Response:
        """Change the rule, the name or the description, archive it or bring it back."""
        segment = get_object_or_404(Segment, key=key)
        said = _said(SegmentChangeSerializer, request)
        known = {name: getattr(segment, name) for name in ("name", "description", "rule", "state")}
        return Response(SegmentSerializer(_saved(request, {"key": key, **known, **said})).data)


class ListAdd(APIView):
    """Putting customers on a segment's list."""

    scopes = {"POST": Scope.SEGMENTS_WRITE}
    member = True

    @extend_schema(request=ListChangeSerializer, responses={200: ListResultSerializer, **ERRORS})
    def post(self, request: Request, key: str) -> Response:
        """Put customers on the list; each who is unknown is named, the others are taken."""
        segment = get_object_or_404(Segment, key=key)
        said = _said(ListChangeSerializer, request)
        try:
            result = list_change(
                segment=segment,
                customers=said["customers"],
                member=self.member,
                at=business_now(),
                cause="api",
            )
        except ListError as error:
            raise exceptions.ValidationError({"segment": [str(error)]}) from error
        return Response(ListResultSerializer(result).data)


class ListRemove(ListAdd):
    """Taking customers off a segment's list."""

    member = False

    @extend_schema(request=ListChangeSerializer, responses={200: ListResultSerializer, **ERRORS})
    def post(self, request: Request, key: str) -> Response:
        """Take customers off the list; each who is unknown is named."""
        return super().post(request, key)


def _said(kind: type[Any], request: Request) -> dict[str, Any]:
    if key_of(request).partner:
        raise exceptions.PermissionDenied("A partner's key can't change segments.")
    asked = kind(data=request.data)
    asked.is_valid(raise_exception=True)
    said: dict[str, Any] = asked.validated_data
    return said


def _saved(request: Request, said: dict[str, Any]) -> Segment:
    try:
        return segment_save(**said, by=key_of(request).name)
    except RuleError as error:
        raise exceptions.ValidationError({"rule": [str(error)]}) from error
    except ValidationError as error:
        raise exceptions.ValidationError(error.message_dict) from error
