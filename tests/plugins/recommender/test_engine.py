"""The recommender from the event log to what a campaign reads."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.catalogue import products_upsert
from lifecycle_engine.events.rows import ProductRow
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.selectors import recommendations_of
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.warehouse.mirror import mirror_run

NOW = datetime(2017, 12, 1, tzinfo=UTC)
KEY = "recommender.next_products"


@pytest.fixture(autouse=True)
def _own_storage(settings, tmp_path):
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "storage"},
        }
    }


def order(customer: int, number: int, *skus: str, days_ago: float) -> dict[str, object]:
    return {
        "type": "track",
        "messageId": f"order-{customer}-{number}",
        "userId": f"customer-{customer}",
        "event": "Order Completed",
        "timestamp": (NOW - timedelta(days=days_ago)).isoformat(),
        "properties": {
            "order_id": f"{customer}-{number}",
            "total": 5,
            "currency": "USD",
            "products": [{"sku": sku, "quantity": 1, "price": 2.5} for sku in skus],
        },
    }


@pytest.mark.django_db(transaction=True)
def test_trained_run_and_read_back():
    # Given customers who each buy their own product every week, and fuel,
    catalogue = [
        ProductRow(sku=f"own-{c}", name=f"Own {c}", department="GROCERY") for c in range(6)
    ]
    products_upsert(rows=[*catalogue, ProductRow(sku="fuel", name="Fuel", department="FUEL")])
    items = [
        order(c, week, f"own-{c}", "fuel", days_ago=7 * week + 1)
        for c in range(6)
        for week in range(12)
    ]
    assert events_ingest(source="shop", items=items, received_at=NOW).rejected == []
    mirror_run()
    # when the recommender is trained and run,
    version = model_train(scorer_key=KEY, as_of=NOW, at=NOW)
    published = scorer_run(scorer_key=KEY, as_of=NOW)
    # then everybody is recommended their own product first, with its rhythm, and never fuel.
    ids = {c.external_id: c.pk for c in Customer.objects.all()}
    found = recommendations_of(customer_ids=ids.values(), limit=3, scorer_key=KEY)
    for number in range(6):
        best = found[ids[f"customer-{number}"]]
        assert (best[0].sku, best[0].reason) == (f"own-{number}", "You buy it about every 7 days")
        assert len(best) == 3
        assert "fuel" not in {product.sku for product in best}
    assert version.card["validation"]["metrics"]["hit_rate_at_10"]["model"] == 1.0
    assert published is not None
