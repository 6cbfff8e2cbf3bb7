"""Who moved between stages, and recency by frequency."""

import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments.stage_models import StageThresholds
from lifecycle_engine.segments.stage_reports import (
    RfmCell,
    StageFlow,
    rfm_grid,
    stage_flows,
    stage_moves,
)
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.segments import NOW, ago

pytestmark = pytest.mark.django_db(transaction=True)


def orders(user, *days, total=10, known=300):
    items = [
        {
            "type": "track",
            "event": "Order Completed",
            "userId": user,
            "messageId": f"{user}-{day}",
            "timestamp": ago(day).isoformat(),
            "properties": {"order_id": f"{user}-{day}", "total": total, "products": []},
        }
        for day in days
    ]
    assert not events_ingest(source="shop", items=items, received_at=NOW).rejected
    Customer.objects.filter(external_id=user).update(created_at=ago(known))


def test_flows_are_from_the_stage_then_to_the_stage_now():
    orders("stays", 1, 95)
    orders("lapses", 95)
    orders("comes", 5, known=20)
    orders("early", 5, known=200)
    Customer.objects.create(external_id="looks", created_at=ago(10))
    mirror_run()

    flows = stage_flows(start=ago(90), end=NOW, thresholds=StageThresholds(gap_days=20))

    assert flows == [
        StageFlow("", "activated", 1),  # comes
        StageFlow("", "prospect", 1),  # looks
        StageFlow("activated", "lapsed", 1),
        StageFlow("activated", "won_back", 1),  # stays: 94 days are more than four gaps
        StageFlow("prospect", "activated", 1),  # early
    ]


def test_flows_want_a_start_before_the_end():
    with pytest.raises(ValueError, match="is not before"):
        stage_flows(start=NOW, end=NOW, thresholds=StageThresholds())


def test_moves_compare_two_sets_of_thresholds_at_one_moment():
    orders("quiet", 70)
    orders("fresh", 1)
    mirror_run()

    moves = stage_moves(at=NOW, before=StageThresholds(), after=StageThresholds(lapsed_gaps=2.3))

    assert moves == [
        StageFlow("activated", "activated", 1),
        StageFlow("at_risk", "lapsed", 1),
    ]


def test_the_grid_holds_buyers_by_fifths_and_those_alike_together():
    # Frequencies 1, 2, 3, 4 and 5 within the year; recency runs the other way.
    for count in range(1, 6):
        orders(f"c{count}", *(10 * count + day for day in range(count)), total=count)
    orders("old", 400, total=50)  # Before the year: of no frequency and no value.
    Customer.objects.create(external_id="never")
    mirror_run()

    assert rfm_grid(at=NOW) == [
        RfmCell(1, 1, 1, 0.0),
        RfmCell(2, 5, 1, 25.0),
        RfmCell(3, 5, 1, 16.0),
        RfmCell(4, 4, 1, 9.0),
        RfmCell(5, 2, 1, 1.0),
        RfmCell(5, 3, 1, 4.0),
    ]


def test_buyers_who_are_alike_are_not_parted():
    for number in range(10):
        orders(f"c{number}", 30)
    mirror_run()

    assert rfm_grid(at=NOW) == [RfmCell(1, 1, 10, 10.0)]


def test_an_empty_shop_has_no_grid_and_no_flows():
    assert rfm_grid(at=NOW) == []
    assert stage_flows(start=ago(1), end=NOW, thresholds=StageThresholds()) == []
