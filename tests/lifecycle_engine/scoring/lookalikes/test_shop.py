"""A search in a real shop: events in the log, features of the library, less the rule's own."""

from datetime import timedelta

import numpy as np
import pytest

from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.scoring.lookalikes import ranking
from lifecycle_engine.scoring.lookalikes.results import Result
from lifecycle_engine.scoring.lookalikes.running import lookalike_run
from lifecycle_engine.scoring.lookalikes.services import lookalike_start
from lifecycle_engine.segments.models import Membership
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.segments import NOW, SegmentFactory, rule

pytestmark = pytest.mark.django_db(transaction=True)

CUSTOMERS = 360


def _order(customer, ago, skus):
    """An order of so many different things, so many days ago; all cost the same."""
    lines = [{"sku": f"sku-{n}", "quantity": 1, "price": 1, "value": 1} for n in range(skus)]
    return {
        "type": "track",
        "messageId": f"{customer}-{ago}",
        "userId": f"c-{customer}",
        "event": "Order Completed",
        "timestamp": (NOW - timedelta(days=ago)).isoformat(),
        "properties": {"order_id": f"{customer}-{ago}", "total": 20, "products": lines},
    }


def test_seeds_are_told_by_what_their_rule_does_not_read(transactional_db, monkeypatch):
    monkeypatch.setattr(ranking, "TREES", 8)
    rng = np.random.default_rng(1)
    # The first half fill their baskets; of these most, and nobody else, spent over the bound.
    items = [
        _order(n, ago, int(rng.integers(8, 12) if n < CUSTOMERS // 2 else rng.integers(1, 5)))
        for n in range(CUSTOMERS)
        for ago in (5, 40)
    ]
    # After the moment: it must not be seen.
    items += [_order(n, -1, 30) for n in range(CUSTOMERS // 2, CUSTOMERS)]
    events_ingest(source="shop", items=items, received_at=NOW + timedelta(days=2))
    Customer.objects.update(created_at=NOW - timedelta(days=100))
    mirror_run()
    ids = {c.external_id: c.pk for c in Customer.objects.all()}
    segment = SegmentFactory(
        key="big", size=130, as_of=NOW, rule=rule({"condition": "order.total", "at_least": 100})
    )
    seeds = [ids[f"c-{n}"] for n in range(130)]
    Membership.objects.bulk_create(
        Membership(segment=segment, customer_id=pk, joined_at=NOW) for pk in seeds
    )
    objectors = [ids["c-0"], ids["c-140"]]
    for pk in objectors:
        Consent.objects.create(
            customer_id=pk, purpose="profiling", granted=False, source="test", recorded_at=NOW
        )

    run = lookalike_run(lookalike_id=lookalike_start(segment=segment, at=NOW, by="anna").pk)

    assert (run.state, run.seeds, run.others) == ("ready", 129, CUSTOMERS - 130 - 1)
    ranked = list(run.customers.order_by("rank").values_list("customer_id", flat=True))
    assert not set(ranked) & {*seeds, *objectors}
    of_their_kind = {ids[f"c-{n}"] for n in range(130, CUSTOMERS // 2)}
    assert len(of_their_kind & set(ranked[:40])) >= 36
    assert "revenue_90d" in run.left_out
    assert "revenue_90d" not in run.features
    result = Result.read(run.result)
    assert result.traits[0].name in {"products_90d", "lines_per_order_90d"}
    assert result.traits[0].seeds > result.traits[0].others
