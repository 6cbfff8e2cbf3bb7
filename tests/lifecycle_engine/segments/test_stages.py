"""Lifecycle stages: who is where, and who moved."""

from datetime import timedelta

import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.profile import profiles_compose
from lifecycle_engine.events.models import Event
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments import stages
from lifecycle_engine.segments.models import CustomerStage, StageTransition
from lifecycle_engine.segments.stage_models import StageThresholds
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.segments import NOW, MemoryTables, ago, customer_row, order_row


def _stages(engine, *histories):
    """The stage of one customer per list of days ago."""
    customers = [customer_row(number) for number in range(1, len(histories) + 1)]
    orders = [
        order_row(number, days) for number, history in enumerate(histories, 1) for days in history
    ]
    tables = MemoryTables(engine, customers=customers, orders=orders)
    expression = stages.stages_expression(tables, thresholds=StageThresholds())
    found = tables.execute(expression).to_pylist()
    return [row["stage"] for row in sorted(found, key=lambda row: row["customer_id"])]


@pytest.mark.parametrize(
    ("history", "stage"),
    [
        ([], "prospect"),
        ([-1], "prospect"),
        ([0.5], "activated"),
        # With one or two orders the default gap of 30 days counts.
        ([59.9], "activated"),
        ([60], "at_risk"),
        ([119.9], "at_risk"),
        ([120], "lapsed"),
        ([1, 20], "retained"),
        ([1, 122], "won_back"),
        # With three the customer's own: every 10 days.
        ([19, 29, 39], "retained"),
        ([20, 30, 40], "at_risk"),
        ([40, 50, 60], "lapsed"),
        ([1, 11, 21, 31], "developing"),
        ([1, 41, 51, 61], "won_back"),
        ([1, 40, 50, 60], "developing"),
        (range(1, 100, 10), "loyal"),
        # Two orders of one day, and the least gap of 7 days.
        ([13, 13, 13], "retained"),
        ([14, 14, 14], "at_risk"),
    ],
)
def test_a_customer_is_in_a_stage(engine, history, stage):
    assert _stages(engine, history) == [stage]


def _order(user, days):
    item = {
        "type": "track",
        "event": "Order Completed",
        "userId": user,
        "messageId": f"{user}-{days}",
        "timestamp": ago(days).isoformat(),
        "properties": {"order_id": f"{user}-{days}", "total": 5, "products": []},
    }
    assert events_ingest(source="shop", items=[item], received_at=ago(-90)).accepted == 1
    mirror_run()


def _events():
    events = Event.objects.filter(name="Stage Changed").order_by("occurred_at", "customer_id")
    return [(event.customer.external_id, event.occurred_at, event.properties) for event in events]


@pytest.mark.django_db(transaction=True)
def test_refresh_logs_who_moved_and_records_events_after_the_first_time():
    Customer.objects.create(external_id="new")
    _order("old", 10)

    first = stages.stages_refresh(at=NOW)
    again = stages.stages_refresh(at=NOW)
    later = NOW + timedelta(days=51)
    _order("new", 0)
    Customer.objects.create(external_id="third")
    third = stages.stages_refresh(at=later)

    assert (first.moved, first.events) == (2, 0)
    assert (again.moved, again.events) == (0, 0)
    assert (third.moved, third.events) == (3, 3)
    stored = CustomerStage.objects.order_by("customer__external_id")
    assert list(stored.values_list("customer__external_id", "stage", "since")) == [
        ("new", "activated", later),
        ("old", "at_risk", later),
        ("third", "prospect", later),
    ]
    moves = StageTransition.objects.filter(customer__external_id="old").order_by("at")
    assert list(moves.values_list("from_stage", "to_stage", "at")) == [
        ("", "activated", NOW),
        ("activated", "at_risk", later),
    ]
    assert sorted(_events()) == [
        ("new", later, {"from": "prospect", "to": "activated"}),
        ("old", later, {"from": "activated", "to": "at_risk"}),
        ("third", later, {"from": "", "to": "prospect"}),
    ]


@pytest.mark.django_db
def test_the_profile_shows_the_stage():
    customer = Customer.objects.create(external_id="c")
    CustomerStage.objects.create(customer=customer, stage="loyal", since=NOW)

    profile = profiles_compose(customer_ids=[customer.pk], at=NOW)[customer.pk]

    assert profile["stage"] == {"stage": "loyal", "since": NOW.isoformat()}
    assert profile["segments"] is None
