"""A segment of half of those who buy much and at night; everybody's features are given."""

from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring.lookalikes import ranking, running
from lifecycle_engine.scoring.lookalikes.leaks import FEATURES
from lifecycle_engine.segments.models import Membership
from tests.factories.segments import NOW, SegmentFactory

CUSTOMERS = 1_200


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setattr(ranking, "TREES", 8)


@pytest.fixture
def seed(transactional_db, monkeypatch):
    """The segment. Who objects to profiling has no features, as from the real library."""
    Customer.objects.bulk_create(
        Customer(external_id=f"c-{n}", created_at=NOW) for n in range(CUSTOMERS)
    )
    ids = np.sort(np.fromiter(Customer.objects.values_list("pk", flat=True), dtype=np.int64))
    rng = np.random.default_rng(1)
    columns = {name: rng.normal(size=CUSTOMERS) for name in FEATURES}
    kind = columns["products_90d"] + columns["night_share_90d"] > 1.0
    segment = SegmentFactory(
        key="night", name="Night owls", kind="static", rule={}, size=1, as_of=NOW
    )
    Membership.objects.bulk_create(
        Membership(segment=segment, customer_id=pk, joined_at=NOW)
        for pk in ids[kind & (rng.random(CUSTOMERS) < 0.5)]
    )
    segment.kind_ids = set(ids[kind].tolist())

    @contextmanager
    def history(*, as_of, excluded):
        yield np.isin(ids, list(excluded), invert=True)

    def frame(*, names, as_of, tables):
        rows = {name: columns[name][tables] for name in names}
        return pa.table({"customer_id": ids[tables], **rows})

    monkeypatch.setattr(running.datasets, "history", history)
    monkeypatch.setattr(running, "features_frame", frame)
    return segment
