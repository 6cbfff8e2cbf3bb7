"""What an occurrence caused, from exact small worlds."""

from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from django.db import connection

from campaigns.models import Arm, Enrolment, Occurrence
from campaigns.selectors import campaign_results
from campaigns.services import campaign_fire, enrolments_advance
from campaigns.tables import ENROLMENTS
from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.rewards.models import Coupon, Redemption
from lifecycle_engine.sdk.testing.tables import MemoryTables
from lifecycle_engine.warehouse.mirror import mirror_run
from lifecycle_engine.warehouse.session import warehouse_session
from tests.factories.campaigns import NOW, campaign_make

pytestmark = pytest.mark.django_db

UNTIL = NOW + timedelta(days=30)


@pytest.fixture
def occurrence():
    """Six customers; the first four are treated, the last two are held out."""
    campaign = campaign_make(size=6, policy={"holdout": 0.3})
    occurrence = campaign_fire(campaign_id=campaign.pk, fire_at=NOW, at=NOW)
    held_out = Enrolment.objects.order_by("customer_id").values_list("pk", flat=True)[4:]
    Enrolment.objects.update(arm=Arm.TREATED)
    Enrolment.objects.filter(pk__in=list(held_out)).update(arm=Arm.HOLDOUT)
    return occurrence


@pytest.fixture
def customers(occurrence):
    return list(Enrolment.objects.order_by("customer_id").values_list("customer_id", flat=True))


def world(*orders, events=()):
    rows = Enrolment.objects.values(*ENROLMENTS.names)
    return MemoryTables(
        as_of=NOW + timedelta(days=100),
        enrolments=pa.Table.from_pylist(list(rows), schema=ENROLMENTS),
        orders=[
            {"customer_id": customer, "occurred_at": NOW + timedelta(days=days), "value": value}
            for customer, days, value in orders
        ],
        events=[
            {"customer_id": customer, "occurred_at": NOW + timedelta(days=days), "name": name}
            for customer, days, name in events
        ],
    )


def results(occurrence, tables, until=UNTIL):
    return campaign_results(occurrence_id=occurrence.pk, until=until, tables=tables)


def test_both_sides_are_counted_in_the_window_and_nowhere_else(occurrence, customers):
    found = results(
        occurrence,
        world(
            (customers[0], 0, 10.0),  # The first moment counts,
            (customers[0], 29, 20.0),
            (customers[1], 30, 1000.0),  # the last doesn't,
            (customers[1], -1, 1000.0),  # nor does what came before,
            (customers[5], 5, 6.0),
            (max(customers) + 1, 5, 1000.0),  # nor who isn't in it.
        ),
    )
    assert (found.treated.customers, found.treated.converted, found.treated.revenue) == (4, 1, 30)
    assert (found.held_out.customers, found.held_out.converted) == (2, 1)
    assert found.treated.conversion_rate == 0.25
    assert found.revenue.estimate == pytest.approx(30 / 4 - 6 / 2)
    assert found.conversion.estimate == pytest.approx(0.25 - 0.5)


def test_an_interval_over_zero_is_called_no_effect(occurrence, customers):
    found = results(occurrence, world((customers[0], 1, 10.0), (customers[4], 1, 9.0)))
    assert not found.shows_effect
    assert found.verdict == (
        "Conversion rate: no effect shown (-25.0 percentage points, 95 % interval -70.4 to +35.5, "
        "which covers zero). Net revenue per customer: no effect shown (-2.00, 95 % interval "
        "-28.68 to +24.68, which covers zero)."
    )


def test_a_clear_difference_is_called_a_change(occurrence, customers):
    orders = [(customer, 1, 1100.0 + customer % 3) for customer in customers[:4]]
    found = results(occurrence, world(*orders))
    assert found.revenue.shows_effect
    assert found.revenue.low > 0
    assert "Net revenue per customer: a difference of +1,10" in found.verdict


def test_a_difference_that_rounds_to_nothing_has_no_minus(occurrence, customers):
    found = results(
        occurrence, world(*((customer, 1, 10 + 1e-4 * (customer % 2)) for customer in customers))
    )
    assert "(+0.0 percentage points, " in found.verdict
    assert "-0.00" not in found.verdict


def test_the_cost_of_its_own_redeemed_coupons_is_taken_off(occurrence, customers):
    enrolments_advance(limit=100, at=NOW)
    coupon = Coupon.objects.get(customer_id=customers[0])
    Redemption.objects.create(
        coupon=coupon,
        source="shop",
        idempotency_key="1",
        order_id="1",
        order_value=Decimal(50),
        discount=Decimal(5),
        redeemed_at=NOW + timedelta(days=2),
    )
    found = results(occurrence, world((customers[0], 2, 45.0)))
    assert (found.treated.revenue, found.treated.coupon_cost) == (45, 5)
    assert found.treated.net_revenue_per_customer == 10
    assert found.revenue.estimate == 10


def test_another_goal_counts_its_own_events(occurrence, customers):
    version = Occurrence.objects.get().version
    version.policy["goal"] = "Newsletter Read"
    version.save()
    tables = world((customers[0], 1, 10.0), events=[(customers[1], 1, "Newsletter Read")] * 2)
    found = results(occurrence, tables)
    assert (found.treated.converted, found.treated.revenue) == (1, 10)
    assert found.goal == "Newsletter Read"


def test_the_window_ends_with_the_goals_days(occurrence, customers):
    found = results(occurrence, world((customers[0], 31, 10.0)), until=NOW + timedelta(days=90))
    assert found.until == UNTIL
    assert found.treated.revenue == 0


def test_without_a_holdout_nothing_is_claimed(occurrence, customers):
    Enrolment.objects.update(arm=Arm.TREATED)
    found = results(occurrence, world((customers[0], 1, 10.0)))
    assert found.conversion is None
    assert found.revenue is None
    assert "Nothing can be compared" in found.verdict
    assert not found.shows_effect


def test_a_window_before_firing_is_refused(occurrence):
    with pytest.raises(ValueError, match="before the occurrence fired"):
        results(occurrence, world(), until=NOW - timedelta(days=1))


@pytest.mark.django_db(transaction=True)
def test_it_reads_the_warehouse(occurrence):
    shopper = Customer.objects.get(pk=Enrolment.objects.filter(arm=Arm.TREATED).first().customer_id)
    order = {
        "type": "track",
        "messageId": "order-1",
        "userId": shopper.external_id,
        "event": "Order Completed",
        "timestamp": (NOW + timedelta(days=3)).isoformat(),
        "properties": {"order_id": "1", "total": 12.5, "products": [{"sku": "a"}]},
    }
    assert events_ingest(source="shop", items=[order], received_at=UNTIL).rejected == []
    mirror_run()
    with warehouse_session(as_of=UNTIL) as tables:
        found = results(occurrence, tables)
    assert (found.treated.customers, found.treated.converted, found.treated.revenue) == (4, 1, 12.5)
    assert found.held_out.customers == 2


def test_the_warehouse_reads_what_the_ledger_wrote(occurrence):
    with connection.cursor() as cursor:
        cursor.execute(sql_text("campaigns", "enrolments_read"))
        assert [column.name for column in cursor.description] == ENROLMENTS.names
        assert len(cursor.fetchall()) == 6
