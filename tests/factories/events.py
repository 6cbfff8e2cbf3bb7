"""Makers of events as clients send them, and factories of products."""

from typing import Any

import factory

from lifecycle_engine.events.models import Product


def track(message_id: str, **changes: Any) -> dict[str, Any]:
    """A good ``track`` item, with some of its fields changed."""
    item = {
        "type": "track",
        "messageId": message_id,
        "userId": "u1",
        "event": "Product Viewed",
        "timestamp": "2017-03-04T05:06:07Z",
        "properties": {"product_id": "sku-1"},
    }
    return item | changes


def identify(message_id: str, **traits: Any) -> dict[str, Any]:
    """A good ``identify`` item of customer u1."""
    return {"type": "identify", "messageId": message_id, "userId": "u1", "traits": traits}


class ProductFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Product

    sku = factory.Sequence(lambda n: f"sku-{n}")
    name = factory.LazyAttribute(lambda product: f"Product {product.sku}")
