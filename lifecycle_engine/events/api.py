"""The API that events and products come in by."""

from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.models import ApiKey, Scope
from lifecycle_engine.customers.rows import Rejection, UpsertResult
from lifecycle_engine.events import serializers, services
from lifecycle_engine.events.rows import ProductRow

_ANSWERS = {**ERRORS, 413: ERRORS[400]}


class EventsView(APIView):
    """Events in batches."""

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


class ProductsView(APIView):
    """The catalogue in batches."""

    scopes = {"POST": Scope.PRODUCTS_WRITE}

    @extend_schema(
        request=serializers.ProductBatchSerializer,
        responses={200: serializers.UpsertResultSerializer, **_ANSWERS},
    )
    def post(self, request: Request) -> Response:
        """Make or replace products by SKU; each refused product is named with its reason."""
        batch = serializers.ProductBatchSerializer(data=request.data)
        batch.is_valid(raise_exception=True)
        indexes, rows, rejected = _products_read(batch.validated_data["products"])
        result = services.products_upsert(rows=rows)
        rejected += [
            Rejection(indexes[r.index], r.key, r.field, r.message) for r in result.rejected
        ]
        answer = UpsertResult(
            result.created, result.updated, sorted(rejected, key=lambda rejection: rejection.index)
        )
        return Response(serializers.UpsertResultSerializer(answer).data)


def _source(request: Request) -> str:
    """Where the events come from: message ids are unique for each partner."""
    return f"api:{cast('ApiKey', request.auth).name}"


def _products_read(items: list[Any]) -> tuple[list[int], list[ProductRow], list[Rejection]]:
    indexes, rows, rejected = [], [], []
    for index, item in enumerate(items):
        product = serializers.ProductSerializer(data=item)
        if product.is_valid():
            indexes.append(index)
            rows.append(product.row())
        else:
            sku = item.get("sku", "") if isinstance(item, dict) else ""
            field, problems = next(iter(product.errors.items()))
            rejected.append(Rejection(index, str(sku), str(field), str(problems[0])))
    return indexes, rows, rejected
