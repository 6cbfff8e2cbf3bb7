"""The API by which a shop keeps the catalogue in step with its own."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.parsers import BODY_LIMIT
from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.rows import Rejection
from lifecycle_engine.events import catalogue
from lifecycle_engine.events.catalogue import CatalogueError
from lifecycle_engine.events.serializers import (
    CatalogueResultSerializer,
    ProductBatchSerializer,
    ProductChangeBatchSerializer,
    ProductChangeSerializer,
    ProductSerializer,
    UpsertResultSerializer,
    WholeCatalogueSerializer,
)

_ANSWERS = {**ERRORS, 413: ERRORS[400]}
#: A whole catalogue is long.
_CATALOGUE_BODY_LIMIT = 32 << 20
_Row = TypeVar("_Row")
_Read = tuple[list[int], list[_Row], list[Rejection]]


class ProductsView(APIView):
    """The catalogue in batches."""

    scopes = dict.fromkeys(("POST", "PATCH", "PUT"), Scope.PRODUCTS_WRITE)

    @property
    def body_limit(self) -> int:
        """How many bytes a request may have."""
        whole = self.request.method == "PUT"
        return _CATALOGUE_BODY_LIMIT if whole else BODY_LIMIT

    @extend_schema(
        request=ProductBatchSerializer, responses={200: UpsertResultSerializer, **_ANSWERS}
    )
    def post(self, request: Request) -> Response:
        """Make or replace products by SKU; each refused product is named with its reason."""
        items = _items(ProductBatchSerializer, request)
        indexes, rows, rejected = _read(items, ProductSerializer().row)
        result = catalogue.products_upsert(rows=rows)
        return Response(
            UpsertResultSerializer(
                {
                    "created": result.created,
                    "updated": result.updated,
                    "rejected": _all(rejected, result.rejected, indexes),
                }
            ).data
        )

    @extend_schema(
        request=ProductChangeBatchSerializer, responses={200: UpsertResultSerializer, **_ANSWERS}
    )
    def patch(self, request: Request) -> Response:
        """Change price, stock and availability of products by SKU; what is left out stays."""
        items = _items(ProductChangeBatchSerializer, request)
        indexes, rows, rejected = _read(items, ProductChangeSerializer().row)
        result = catalogue.products_change(rows=rows)
        return Response(
            UpsertResultSerializer(
                {
                    "created": 0,
                    "updated": result.updated,
                    "rejected": _all(rejected, result.rejected, indexes),
                }
            ).data
        )

    @extend_schema(
        request=WholeCatalogueSerializer, responses={200: CatalogueResultSerializer, **_ANSWERS}
    )
    def put(self, request: Request) -> Response:
        """Make these all products that there are: what is missing is no longer available."""
        items = _items(WholeCatalogueSerializer, request)
        indexes, rows, rejected = _read(items, ProductSerializer().row)
        try:
            result = catalogue.products_complete(
                rows=rows, also_there=[rejection.key for rejection in rejected]
            )
        except CatalogueError as error:
            raise exceptions.ValidationError({"products": [str(error)]}) from None
        return Response(
            CatalogueResultSerializer(
                {
                    "created": result.created,
                    "updated": result.updated,
                    "withdrawn": result.withdrawn,
                    "rejected": _all(rejected, result.rejected, indexes),
                }
            ).data
        )


def _items(batch: type[serializers.Serializer[Any]], request: Request) -> list[Any]:
    read = batch(data=request.data)
    read.is_valid(raise_exception=True)
    items: list[Any] = read.validated_data["products"]
    return items


def _read(items: Sequence[Any], row: Callable[[Any], _Row]) -> _Read[_Row]:
    """The rows that are right with their places, and why the others are not."""
    indexes, rows, rejected = [], [], []
    for index, item in enumerate(items):
        try:
            # One serializer for all of them: making one takes longer than checking by it.
            rows.append(row(item))
            indexes.append(index)
        except exceptions.ValidationError as error:
            sku = item.get("sku", "") if isinstance(item, dict) else ""
            problems = cast("dict[str, list[str]]", error.detail)
            field, told = next(iter(problems.items()))
            rejected.append(Rejection(index, str(sku), str(field), str(told[0])))
    return indexes, rows, rejected


def _all(unread: list[Rejection], refused: list[Rejection], indexes: list[int]) -> list[Rejection]:
    """Those that could not be read and those that the catalogue refused, by their places."""
    placed = [Rejection(indexes[r.index], r.key, r.field, r.message) for r in refused]
    return sorted([*unread, *placed], key=lambda rejection: rejection.index)
