"""The API that events come in by."""

from typing import Any, cast

import msgspec
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.parsers import BoundedJSONParser
from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.models import ApiKey, Scope
from lifecycle_engine.events import serializers, services

_ANSWERS = {**ERRORS, 413: ERRORS[400]}


class _Batch(msgspec.Struct):
    events: list[msgspec.Raw]


class EventsParser(BoundedJSONParser):
    """A batch whose events stay the bytes that were sent: each is read and checked on its own."""

    def decode(self, body: bytes) -> Any:
        """The batch, or, where it is none, what the body says instead, to be refused as such."""
        try:
            return {"events": msgspec.json.decode(body, type=_Batch).events}
        except msgspec.ValidationError:
            return super().decode(body)


class EventsView(APIView):
    """Events in batches."""

    parser_classes = [EventsParser]
    scopes = {"POST": Scope.EVENTS_WRITE}

    @extend_schema(
        request=serializers.EventBatchSerializer,
        responses={200: serializers.IngestResultSerializer, **_ANSWERS},
    )
    def post(self, request: Request) -> Response:
        """Send events. What is accepted is stored; each refused event is named with its reason."""
        batch = serializers.EventBatchSerializer(data=request.data)
        batch.is_valid(raise_exception=True)
        result = services.events_ingest(
            source=_source(request),
            items=batch.validated_data["events"],
            received_at=timezone.now(),
        )
        return Response(serializers.IngestResultSerializer(result).data)


def _source(request: Request) -> str:
    """Where the events come from: message ids are unique for each partner."""
    return f"api:{cast('ApiKey', request.auth).name}"
