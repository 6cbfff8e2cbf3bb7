"""A session of some customers holds what a whole one holds of them, and waits for no mirror."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lifecycle_engine.customers.consents import ConsentRow, consents_record
from lifecycle_engine.customers.models import Customer, Identifier
from lifecycle_engine.events.identity import customers_merge
from lifecycle_engine.events.models import Product
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.warehouse.mirror import mirror_run
from lifecycle_engine.warehouse.schemas import LOG_TABLES
from lifecycle_engine.warehouse.session import warehouse_session
from tests.factories.events import identify, track
from tests.factories.segments import NOW, MembershipFactory, SegmentFactory, ago

pytestmark = pytest.mark.django_db(transaction=True)


def ingest(*items):
    result = events_ingest(source="shop", items=items, received_at=NOW)
    assert result.rejected == []


def order(message_id, *, days=3.0, event="Order Completed", **who):
    return track(
        message_id,
        event=event,
        timestamp=ago(days).isoformat(),
        properties={"order_id": message_id, "total": 10, "products": [{"sku": "tea"}]},
        **who,
    )


def customer_of(user):
    return Identifier.objects.get(kind="user_id", value=user).customer_id


def rows_of(tables, name, column="customer_id", only=None):
    rows = tables.execute(tables[name]).to_pylist()
    kept = [row for row in rows if only is None or row[column] in only]
    for row in kept:
        if "attributes" in row:
            row["attributes"] = json.loads(row["attributes"])
    return sorted(kept, key=repr)


def test_it_has_what_the_columnar_copy_lacks():
    ingest(order("m1", userId="ada"), order("m2", userId="bob"))
    ada = customer_of("ada")

    with warehouse_session(as_of=NOW, customer_ids=[ada]) as tables:
        assert [row["order_id"] for row in rows_of(tables, "orders")] == ["m1"]
        assert [row["sku"] for row in rows_of(tables, "order_lines")] == ["tea"]
        assert {row["customer_id"] for row in rows_of(tables, "events")} == {ada}
        assert [row["id"] for row in rows_of(tables, "customers")] == [ada]
    with warehouse_session(as_of=NOW) as tables:
        assert rows_of(tables, "orders") == []


def test_of_nobody_it_holds_nothing_but_what_has_no_customers():
    Product.objects.create(sku="tea", name="Tea")
    ingest(order("m1", userId="ada"))

    with warehouse_session(as_of=NOW, customer_ids=[]) as tables:
        assert [rows_of(tables, name) for name in (*LOG_TABLES, "customers")] == [[], [], [], []]
        assert [row["sku"] for row in rows_of(tables, "products")] == ["tea"]


def test_tables_with_customers_hold_only_theirs():
    ingest(order("m1", userId="ada"), order("m2", userId="bob"), order("m3", userId="eve"))
    ada, bob, eve = (customer_of(user) for user in ("ada", "bob", "eve"))
    customers_merge(customer_id=eve, into_id=ada, actor="anna", reason="", at=NOW)
    consents_record(
        rows=[
            ConsentRow(
                customer_id=customer_id,
                channel="email",
                purpose="marketing",
                granted=True,
                source="form",
                recorded_at=ago(1),
            )
            for customer_id in (bob, eve)
        ]
    )
    segment = SegmentFactory()
    for customer_id in (ada, bob):
        MembershipFactory(segment=segment, customer_id=customer_id)

    with warehouse_session(as_of=NOW, customer_ids=[ada]) as tables:
        found = {
            name: [row["customer_id"] for row in rows_of(tables, name)]
            for name in ("memberships", "consents", "orders", "stages", "scores", "coupons")
        }

    # A profile's consent counts for the customer that it is part of, and so do its orders.
    assert found == {
        "memberships": [ada],
        "consents": [ada],
        "orders": [ada, ada],
        "stages": [],
        "scores": [],
        "coupons": [],
    }


USERS = ("ada", "bob", "eve", "kim")
happenings = st.lists(
    st.one_of(
        st.tuples(
            st.just("event"),
            st.sampled_from(USERS),
            st.sampled_from(["Order Completed", "Product Viewed"]),
            st.floats(-0.9, 60, allow_nan=False),
        ),
        st.tuples(st.just("identify"), st.sampled_from(USERS), st.sampled_from(["DE", "FR"])),
        st.tuples(st.just("merge"), st.sampled_from(USERS), st.sampled_from(USERS)),
    ),
    max_size=12,
)


@hypothesis_settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=happenings, asked=st.sets(st.sampled_from(USERS)))
def test_it_equals_the_whole_session_s_rows_of_these_customers(story, asked, tmp_path, settings):
    run = Customer.objects.count()
    settings.WAREHOUSE_URL = f"duckdb://{tmp_path}/{run}?threads=1"
    name_of = {user: f"{user}-{run}" for user in USERS}
    ingest(*(order(f"first-{name}", userId=name) for name in name_of.values()))
    for number, (kind, user, *how) in enumerate(story):
        name, message = name_of[user], f"{run}-{number}"
        if kind == "event":
            ingest(order(message, userId=name, event=how[0], days=how[1]))
        elif kind == "identify":
            ingest(identify(message, country=how[0]) | {"userId": name})
        else:
            this, into = (root_of(name_of[one]) for one in (user, how[0]))
            if this != into:
                customers_merge(customer_id=this, into_id=into, actor="anna", reason="", at=NOW)
    mirror_run()
    customer_ids = {root_of(name_of[user]) for user in asked}

    start, end = ago(30), NOW + timedelta(days=1)
    with (
        warehouse_session(as_of=NOW) as whole,
        warehouse_session(as_of=NOW, customer_ids=customer_ids) as some,
    ):
        for name in LOG_TABLES:
            assert rows_of(some, name) == rows_of(whole, name, only=customer_ids)
            assert rows_of(some.window(start, end), name) == rows_of(
                whole.window(start, end), name, only=customer_ids
            )
            assert rows_of(some.before(start), name) == rows_of(
                whole.before(start), name, only=customer_ids
            )
        assert rows_of(some, "customers") == rows_of(whole, "customers", "id", customer_ids)


def root_of(user):
    customer = Customer.objects.get(pk=customer_of(user))
    return customer.merged_into_id or customer.pk
