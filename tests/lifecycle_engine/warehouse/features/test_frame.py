"""Whom a frame of features is about, and in what shape."""

import math
import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.warehouse.features import (
    UnknownFeatureError,
    feature,
    features_frame,
    features_known,
)
from lifecycle_engine.warehouse.features.registry import FeatureRegistrationError
from tests.factories.warehouse import (
    AS_OF,
    customer,
    event,
    order,
    row_tables,
)

YESTERDAY = AS_OF - timedelta(days=1)
TOMORROW = AS_OF + timedelta(days=1)


def test_customer_first_then_the_features_in_the_order_asked_for(tmp_path):
    rows = {"customers": [customer(2), customer(1)], "orders": [order(2, YESTERDAY, value=7.5)]}
    with row_tables(tmp_path, **rows) as tables:
        found = features_frame(
            names=["revenue_30d", "recency_days", "orders_30d"], as_of=AS_OF, tables=tables
        )

    assert found.schema == pa.schema(
        {
            "customer_id": pa.int64(),
            "revenue_30d": pa.float64(),
            "recency_days": pa.float64(),
            "orders_30d": pa.float64(),
        }
    )
    assert found["customer_id"].to_pylist() == [1, 2]
    assert found["revenue_30d"].to_pylist() == [0.0, 7.5]
    assert found["orders_30d"].to_pylist() == [0.0, 1.0]
    assert math.isnan(found["recency_days"][0].as_py())
    assert found["recency_days"][1].as_py() == 1.0


def test_customers_of_later_are_left_out_unless_their_history_was_imported(tmp_path):
    rows = {
        "customers": [
            customer(1, created_at=YESTERDAY),
            customer(2, created_at=AS_OF),
            customer(3, created_at=TOMORROW),
            customer(4, created_at=TOMORROW),
        ],
        "events": [event(3, YESTERDAY, "Seen"), event(4, AS_OF, "Seen")],
    }
    with row_tables(tmp_path, **rows) as tables:
        found = features_frame(names=["orders_total"], as_of=AS_OF, tables=tables)
        chosen = features_frame(
            names=["orders_total"], as_of=AS_OF, tables=tables, customer_ids=[3, 4, 99]
        )
        nobody = features_frame(names=["orders_total"], as_of=AS_OF, tables=tables, customer_ids=[])

    assert found["customer_id"].to_pylist() == [1, 3]
    assert chosen["customer_id"].to_pylist() == [3]
    assert nobody.num_rows == 0


@pytest.mark.django_db(transaction=True)
def test_who_objects_to_profiling_is_left_out():
    willing, objecting, changed_mind = (
        Customer.objects.create(external_id=str(i), created_at=YESTERDAY) for i in range(3)
    )
    for who, granted, day in (
        (willing, True, 1),
        (objecting, True, 1),
        (objecting, False, 2),
        (changed_mind, False, 1),
        (changed_mind, True, 2),
    ):
        Consent.objects.create(
            customer=who,
            purpose="profiling",
            granted=granted,
            source="test",
            recorded_at=datetime(2018, 1, day, tzinfo=UTC),
        )

    found = features_frame(names=["orders_total"], as_of=AS_OF)

    assert found["customer_id"].to_pylist() == [willing.pk, changed_mind.pk]


def test_no_names_give_customers_alone(tmp_path):
    with row_tables(tmp_path, customers=[customer(1)]) as tables:
        found = features_frame(names=[], as_of=AS_OF, tables=tables)

    assert found.to_pylist() == [{"customer_id": 1}]


def test_unknown_feature_is_named():
    with pytest.raises(UnknownFeatureError, match="No feature 'recency'; there is: active_weeks"):
        features_frame(names=["orders_total", "recency"], as_of=AS_OF)


@pytest.mark.parametrize("known", features_known(), ids=lambda known: known.name)
def test_every_feature_says_what_it_is(known):
    assert known.description.endswith(".")
    assert known.unit
    assert known.missing == 0 or math.isnan(known.missing)
    window = re.search(r"_(\d+)d$", known.name)
    assert known.window_days is None or known.window_days > 0
    if window:
        assert known.window_days == int(window[1])


@pytest.mark.parametrize(
    ("source", "name", "description"),
    [
        ("orders", "recency_days", "Taken."),
        ("oders", "new", "Wrong source."),
        ("orders", "new", ""),
    ],
)
def test_wrong_feature_is_refused(source, name, description):
    before = features_known()

    with pytest.raises(FeatureRegistrationError, match=f"'{name}'"):
        feature(source=source, unit="days", name=name, description=description)(
            lambda rows, as_of: rows.count()
        )

    assert features_known() == before
