"""Events and products as the API takes them, and what it answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lifecycle_engine.events.catalogue import ProductChange
from lifecycle_engine.events.rows import ProductRow

#: One request may bring this many events or products.
BATCH_LIMIT = 2_500
#: One request may change this many products.
CHANGES_LIMIT = 10_000
#: A whole catalogue may come to this many in one request; a larger one comes as a file.
CATALOGUE_LIMIT = 20_000


class EventSerializer(serializers.Serializer[Any]):
    """One event, as the Segment specification has it. Describes; ``events_ingest`` checks."""

    type = serializers.ChoiceField(choices=["track", "identify"])
    messageId = serializers.CharField(max_length=100)  # noqa: N815 - the specification's names
    userId = serializers.CharField(max_length=200, required=False)  # noqa: N815
    anonymousId = serializers.CharField(max_length=200, required=False)  # noqa: N815
    event = serializers.CharField(max_length=200, required=False, help_text="For track.")
    timestamp = serializers.DateTimeField(required=False)
    properties = serializers.DictField(required=False, help_text="For track.")
    traits = serializers.DictField(required=False, help_text="For identify.")
    context = serializers.DictField(required=False)  # type: ignore[assignment]


class ProductSerializer(serializers.Serializer[Any]):
    """One product, whole: what is not said is emptied."""

    sku = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=300)
    brand = serializers.CharField(max_length=100, required=False, allow_blank=True)
    department = serializers.CharField(max_length=100, required=False, allow_blank=True)
    category = serializers.CharField(max_length=200, required=False, allow_blank=True)
    price = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, required=False, allow_null=True
    )
    currency = serializers.CharField(max_length=3, required=False, allow_blank=True)
    stock = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, allow_null=True
    )
    url = serializers.URLField(max_length=200, required=False, allow_blank=True)
    image_url = serializers.URLField(max_length=200, required=False, allow_blank=True)
    available = serializers.BooleanField(required=False)
    attributes = serializers.DictField(required=False)

    def row(self, item: Any) -> ProductRow:
        """The product, checked.

        Raises:
            ValidationError: it is wrong.
        """
        return ProductRow(**self.run_validation(item))


class ProductChangeSerializer(serializers.Serializer[Any]):
    """What changes of one product: what is left out stays, null empties."""

    sku = serializers.CharField(max_length=100)
    price = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, required=False, allow_null=True
    )
    stock = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, allow_null=True
    )
    available = serializers.BooleanField(required=False)

    def row(self, item: Any) -> ProductChange:
        """The change, checked.

        Raises:
            ValidationError: it is wrong.
        """
        return ProductChange(**self.run_validation(item))


class _Unchecked(serializers.Field[Any, Any, Any, Any]):
    """Takes a value as it is: each item of a batch is checked on its own, further down."""

    def to_internal_value(self, data: Any) -> Any:
        return data


@extend_schema_field(EventSerializer)
class _UncheckedEvent(_Unchecked):
    pass


@extend_schema_field(ProductSerializer)
class _UncheckedProduct(_Unchecked):
    pass


@extend_schema_field(ProductChangeSerializer)
class _UncheckedChange(_Unchecked):
    pass


class EventBatchSerializer(serializers.Serializer[Any]):
    """A batch of events."""

    events = serializers.ListField(child=_UncheckedEvent(), max_length=BATCH_LIMIT)


class ProductBatchSerializer(serializers.Serializer[Any]):
    """A batch of products."""

    products = serializers.ListField(child=_UncheckedProduct(), max_length=BATCH_LIMIT)


class ProductChangeBatchSerializer(serializers.Serializer[Any]):
    """A batch of changes."""

    products = serializers.ListField(child=_UncheckedChange(), max_length=CHANGES_LIMIT)


class WholeCatalogueSerializer(serializers.Serializer[Any]):
    """All products that there are."""

    products = serializers.ListField(child=_UncheckedProduct(), max_length=CATALOGUE_LIMIT)


class EventRejectionSerializer(serializers.Serializer[Any]):
    """Why one event was refused."""

    index = serializers.IntegerField()
    message_id = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()


class IngestResultSerializer(serializers.Serializer[Any]):
    """What became of a batch of events."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = EventRejectionSerializer(many=True)


class ProductRejectionSerializer(serializers.Serializer[Any]):
    """Why one product was refused."""

    index = serializers.IntegerField()
    sku = serializers.CharField(source="key")
    field = serializers.CharField()
    message = serializers.CharField()


class UpsertResultSerializer(serializers.Serializer[Any]):
    """What became of a batch of products."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    rejected = ProductRejectionSerializer(many=True)


class CatalogueResultSerializer(UpsertResultSerializer):
    """What became of a whole catalogue."""

    withdrawn = serializers.IntegerField(help_text="Products that were available and are missing.")
