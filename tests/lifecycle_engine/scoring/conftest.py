"""A small shop with a few months of orders, in the real log and the real columnar copy."""

import importlib
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.warehouse.mirror import mirror_run

AS_OF = datetime(2017, 12, 1, tzinfo=UTC)
CUSTOMERS = 40


@pytest.fixture(autouse=True)
def _own_storage(settings, tmp_path):
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {
        "default": {"BACKEND": backend, "OPTIONS": {"location": tmp_path / "storage"}},
        "staticfiles": settings.STORAGES["staticfiles"],
    }


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr("lifecycle_engine.scoring.metrics.RESAMPLES", 10)


@pytest.fixture
def dummy():
    """The dummy plugin's scorers, registered for the length of a test."""
    name = "tests.dummy_plugin.scorers"
    with scorers.temporarily():
        sys.modules.pop(name, None)
        yield importlib.import_module(name)


@pytest.fixture
def shop(transactional_db):
    """Customers who order about every five days; every second one stops at some time."""
    rng = np.random.default_rng(3)
    items = []
    for customer in range(CUSTOMERS):
        ago = 120.0
        last = rng.uniform(-25, 90) if customer % 2 else -25
        while ago > last:
            items.append(_order(customer, len(items), AS_OF - timedelta(days=ago), rng))
            ago -= rng.uniform(2, 8)
    result = events_ingest(source="shop", items=items, received_at=AS_OF + timedelta(days=30))
    assert result.rejected == []
    mirror_run()
    return items


def _order(customer, number, at, rng):
    skus = [f"sku-{customer % 5}", f"sku-{rng.integers(20)}"]
    lines = [{"sku": sku, "quantity": 1, "price": 2.5, "value": 2.5} for sku in skus]
    return {
        "type": "track",
        "messageId": f"order-{number}",
        "userId": f"customer-{customer:02d}",
        "event": "Order Completed",
        "timestamp": at.isoformat(),
        "properties": {
            "order_id": str(number),
            "total": round(float(rng.uniform(1, 50)), 2),
            "currency": "USD",
            "products": lines,
        },
    }
