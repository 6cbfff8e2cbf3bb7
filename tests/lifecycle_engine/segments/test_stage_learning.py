"""The thresholds of the stages follow from how the shop's customers buy."""

import pytest
from django.core.exceptions import ValidationError

from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments.models import CustomerStage
from lifecycle_engine.segments.stage_learning import (
    Return,
    thresholds_in_force,
    thresholds_learn,
    thresholds_set,
)
from lifecycle_engine.segments.stage_models import StageThresholds
from lifecycle_engine.segments.stages import stages_refresh
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.segments import NOW, MemoryTables, ago, customer_row, order_row


def learned(engine, histories):
    """What is learned from one customer per list of days ago."""
    customers = [customer_row(number) for number in range(1, len(histories) + 1)]
    orders = [
        order_row(number, days) for number, history in enumerate(histories, 1) for days in history
    ]
    return thresholds_learn(MemoryTables(engine, customers=customers, orders=orders))


def test_too_few_customers_teach_nothing(engine):
    found = learned(engine, [[10, 20, 30, 40]] * 99)

    assert found.thresholds.values() == StageThresholds().values()
    assert (found.rhythms, found.silences.count, found.returns) == (99, 99, [])
    assert found.missing == list(StageThresholds.VALUES)


def test_an_empty_shop_teaches_nothing(engine):
    found = learned(engine, [])

    assert found.thresholds.values() == StageThresholds().values()
    assert found.missing == list(StageThresholds.VALUES)


def test_gaps_are_the_median_and_the_ends_of_the_mean_gaps(engine):
    # 101 customers with three orders each, whose mean gaps are 10, 11, … 110 days
    found = learned(engine, [[1, 1 + gap, 1 + 2 * gap] for gap in range(10, 111)]).thresholds

    assert (found.gap_days_least, found.gap_days, found.gap_days_most) == (15.0, 60.0, 105.0)


def test_silences_are_measured_in_the_customers_own_gaps(engine):
    # Everybody had two gaps of 10 days. Then 85 waited for 10, ten for 45 and six for 70 more.
    waits = [10] * 85 + [45] * 10 + [70] * 6

    found = learned(engine, [[1, 1 + wait, 11 + wait, 21 + wait] for wait in waits])

    assert found.thresholds.gap_days_least == 10.0
    assert found.silences.count == 101
    in_steps = {step: count for step, count in enumerate(found.silences.by_step) if count}
    assert in_steps == {2: 85, 9: 10, 14: 6}  # 1, 4.5 and 7 gaps, by the half
    # The 91st and the 100th of 101.
    assert (found.thresholds.at_risk_gaps, found.thresholds.lapsed_gaps) == (4.5, 7.0)


def test_a_shop_that_buys_like_clockwork_has_some_patience(engine):
    found = learned(engine, [[1, 11, 21, 31]] * 100).thresholds

    assert (found.at_risk_gaps, found.lapsed_gaps) == (1.2, 1.8)


def test_loyal_is_from_where_on_nearly_all_come_back(engine):
    # 200 customers buy every 10 days: half stop after one order, 15 more after five, the others
    # go on to twelve. All of it was long ago.
    def history(orders):
        return [300 - 10 * number for number in range(orders)]

    histories = [history(1)] * 100 + [history(5)] * 15 + [history(12)] * 185

    found = learned(engine, histories)

    assert found.returns[:6] == [
        Return(1, 300, pytest.approx(200 / 300)),
        Return(2, 200, 1.0),
        Return(3, 200, 1.0),
        Return(4, 200, 1.0),
        Return(5, 200, 185 / 200),
        Return(6, 185, 1.0),
    ]
    assert found.returns[-1] == Return(12, 185, 0.0)
    assert (found.thresholds.developing_orders, found.thresholds.loyal_orders) == (4, 10)


def test_orders_too_young_to_tell_are_left_out(engine):
    # Of 150 with one order long ago all came back; 500 have made their first order yesterday.
    found = learned(engine, [[300, 290, 280, 270]] * 150 + [[1]] * 500)

    assert found.returns[0] == Return(1, 150, 1.0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"loyal_orders": 4}, "loyal more than developing"),
        ({"developing_orders": 2}, "3 orders or more"),
        ({"lapsed_gaps": 2.0}, "longer silence"),
        ({"at_risk_gaps": 0.0}, "longer silence"),
        ({"gap_days": 6.0}, "between the shortest and the longest"),
        ({"gap_days_most": 9999.0}, "ten years"),
    ],
)
def test_thresholds_that_contradict_each_other_are_refused(wrong, message):
    thresholds = StageThresholds(**{**StageThresholds().values(), **wrong})

    with pytest.raises(ValidationError, match=message):
        thresholds_set(thresholds=thresholds, by="ada")

    assert thresholds_in_force() is None


def _orders(user, *days):
    items = [
        {
            "type": "track",
            "event": "Order Completed",
            "userId": user,
            "messageId": f"{user}-{day}",
            "timestamp": ago(day).isoformat(),
            "properties": {"order_id": f"{user}-{day}", "total": 5, "products": []},
        }
        for day in days
    ]
    assert not events_ingest(source="shop", items=items, received_at=NOW).rejected


@pytest.mark.django_db(transaction=True)
def test_the_first_refresh_learns_and_only_staff_change_what_is_in_force():
    for number in range(120):
        _orders(f"c{number}", 5, 10, 15, 20)
    _orders("late", 12)
    mirror_run()

    stages_refresh(at=NOW)
    first = thresholds_in_force()
    for number in range(120):
        _orders(f"c{number}", 100, 200, 300)
    mirror_run()
    stages_refresh(at=NOW)

    assert (first.learned, first.set_by, first.gap_days) == (True, "", 5.0)
    assert thresholds_in_force() == first
    # "late" has been silent for 12 days, which is more than 1.2 and than 1.8 gaps of 5.
    assert CustomerStage.objects.get(customer__external_id="late").stage == "lapsed"

    thresholds_set(thresholds=StageThresholds(**{**first.values(), "lapsed_gaps": 3.0}), by="ada")
    stages_refresh(at=NOW)

    assert CustomerStage.objects.get(customer__external_id="late").stage == "at_risk"
    assert (thresholds_in_force().set_by, thresholds_in_force().learned) == ("ada", False)


@pytest.mark.django_db(transaction=True)
def test_a_shop_without_evidence_goes_by_the_defaults_and_learns_later():
    _orders("only", 1)
    mirror_run()

    stages_refresh(at=NOW)

    assert thresholds_in_force() is None
    assert CustomerStage.objects.get().stage == "activated"
