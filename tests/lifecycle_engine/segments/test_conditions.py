"""Each built-in condition: whom it selects, and that it keeps the SDK's promises."""

import pytest

from lifecycle_engine.customers.contacts import email_hash
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.sdk.testing.conditions import check_condition
from tests.factories.segments import (
    MemoryTables,
    ago,
    customer_row,
    event_row,
    line_row,
    order_row,
)


def _tables(engine):
    return MemoryTables(
        engine,
        customers=[
            customer_row(
                1,
                country="DE",
                email_hash=email_hash("ada@example.com"),
                attributes={
                    "age": 40,
                    "vip": True,
                    "city.zip": "1",
                    "born": "1990-12-03",
                    "latitude": "52.52",
                    "longitude": 13.4,
                },
            ),
            customer_row(
                2,
                country="FR",
                email_hash=email_hash("Eve@example.com"),
                attributes={"age": "17", "tier": "gold", "likes": ["tea", "jam"]},
            ),
            customer_row(3, country="", created_at=ago(3), attributes={"age": None}),
        ],
        events=[
            event_row(1, "Product Viewed", 30, colour="red"),
            event_row(1, "Product Viewed", 30.5, colour="red"),
            event_row(2, "Product Viewed", 2, colour="blue"),
            event_row(3, "Signed Up", 3),
            event_row(1, "Rated", 9, stars=5),
            event_row(1, "Rated", 8, stars="1"),
            event_row(2, "Rated", 9, stars=4),
            event_row(3, "Product Viewed", -1),
        ],
        orders=[order_row(1, 30, 99.99), order_row(1, 60, 0.01), order_row(2, 5, 50.0)],
        order_lines=[
            line_row(1, 30, "PASTRY"),
            line_row(1, 60, "PASTRY"),
            line_row(1, 61, "PASTRY", order="1-60"),
            line_row(2, 5, "PASTRY"),
            line_row(2, 90, "PASTRY"),
            line_row(3, 40, "DELI"),
        ],
        products=[{"sku": "s1", "brand": "Acme"}],
        memberships=[{"segment": "vips", "customer_id": 2, "joined_at": ago(1)}],
        stages=[
            {"customer_id": 1, "stage": "loyal", "since": ago(9)},
            {"customer_id": 2, "stage": "at_risk", "since": ago(9)},
        ],
        consents=[
            _consent(1, granted=True, days=9),
            _consent(1, granted=False, days=5),
            _consent(2, granted=False, days=9),
            _consent(2, granted=True, days=5),
            _consent(2, granted=False, days=-1),
            _consent(3, granted=True, days=5, channel="sms"),
            _consent(1, granted=True, days=9, purpose="sharing:acme", until=-9),
            _consent(2, granted=True, days=9, purpose="sharing:acme", until=0),
            _consent(3, granted=True, days=9, purpose="sharing:acme"),
            _consent(3, granted=False, days=9, purpose="sharing:acme"),
        ],
    )


def _consent(customer_id, *, granted, days, channel="email", purpose="marketing", until=None):
    return {
        "customer_id": customer_id,
        "channel": channel,
        "purpose": purpose,
        "granted": granted,
        "recorded_at": ago(days),
        "expires_at": None if until is None else ago(until),
    }


def _attribute(field, operator, value=None):
    return ("attribute", {"field": field, "operator": operator, "value": value})


@pytest.mark.parametrize(
    ("condition", "config", "members"),
    [
        (*_attribute("country", "is", "DE"), [1]),
        (*_attribute("country", "is_not", "DE"), [2]),
        (*_attribute("country", "one_of", ["DE", "FR"]), [1, 2]),
        (*_attribute("country", "missing"), [3]),
        (*_attribute("email", "is", "Ada@example.com"), [1]),
        (*_attribute("email", "is_not", "ada@example.com"), [2]),
        (*_attribute("email", "one_of", ["ada@example.com", "eve@example.com"]), [1, 2]),
        (*_attribute("email", "missing"), [3]),
        (*_attribute("created_at", "at_least", "2017-11-28T01:00:00+01:00"), [3]),
        (*_attribute("created_at", "at_most", "2017-11-27"), [1, 2]),
        (*_attribute("attributes.age", "at_least", 17), [1, 2]),
        (*_attribute("attributes.age", "at_most", 39.5), [2]),
        (*_attribute("attributes.age", "missing"), [3]),
        (*_attribute("attributes.vip", "is", value=True), [1]),
        (*_attribute("attributes.city.zip", "is", "1"), [1]),
        (*_attribute("attributes.tier", "one_of", ["gold", 5]), [2]),
        ("event.count", {"name": "Product Viewed", "at_least": 2}, [1]),
        ("event.count", {"name": "Product Viewed", "at_least": 1, "days": 30}, [1, 2]),
        ("event.count", {"name": "Product Viewed", "at_most": 1}, [2, 3]),
        ("event.count", {"name": "Product Viewed", "at_least": 1, "at_most": 1}, [2]),
        (
            "event.count",
            {
                "name": "Product Viewed",
                "at_least": 1,
                "where": [{"property": "colour", "operator": "is", "value": "blue"}],
            },
            [2],
        ),
        ("event.absent", {"name": "Product Viewed"}, [3]),
        ("event.absent", {"name": "Product Viewed", "days": 29}, [1, 3]),
        ("order.recency", {"at_least_days": 30}, [1]),
        ("order.recency", {"at_most_days": 30}, [1, 2]),
        ("order.recency", {"at_least_days": 6, "at_most_days": 29}, []),
        ("order.total", {"at_least": 100}, [1]),
        ("order.total", {"at_least": 50, "days": 30}, [1, 2]),
        ("order.total", {"at_most": 50}, [2, 3]),
        ("order.total", {"at_least": 20, "at_most": 60}, [2]),
        ("category.bought", {"department": "PASTRY"}, [1, 2]),
        ("category.bought", {"department": "PASTRY", "at_least": 2, "days": 60}, [1]),
        ("category.bought", {"category": "Deli"}, [3]),
        ("category.lapsed", {"department": "PASTRY", "days": 29}, [1]),
        ("category.lapsed", {"department": "PASTRY", "days": 30}, []),
        ("category.lapsed", {"department": "DELI", "days": 7, "at_least": 2}, []),
        ("segment.member", {"segment": "vips"}, [2]),
        ("stage.is", {"one_of": ["loyal", "won_back"]}, [1]),
        ("consent.granted", {"channel": "email"}, [2]),
        ("consent.granted", {"channel": "sms", "purpose": "marketing"}, [3]),
        ("consent.granted", {"channel": "email", "purpose": "sharing:acme"}, [1]),
        ("random.bucket", {"salt": "june", "below_percent": 100}, [1, 2, 3]),
        (*_attribute("attributes.tier", "present"), [2]),
        (*_attribute("attributes.tier", "contains", "ol"), [2]),
        (*_attribute("country", "starts_with", "D"), [1]),
        (*_attribute("attributes.likes", "includes", "tea"), [2]),
        (*_attribute("created_at", "present"), [1, 2, 3]),
        ("event.count", {"name": "Product Viewed", "at_least": 1, "skip_days": 30}, [1]),
        (
            "event.count",
            {"name": "Product Viewed", "at_least": 1, "days": 31, "skip_days": 30},
            [1],
        ),
        (
            "event.absent",
            {"name": "Signed Up", "first_day": "2017-11-28", "last_day": "2017-11-28"},
            [1, 2],
        ),
        (
            "event.absent",
            {"name": "Signed Up", "last_day": "2017-11-27", "time_zone": "America/New_York"},
            [1, 2],
        ),
        (
            "event.first_or_last",
            {"name": "Product Viewed", "which": "first", "days": 30},
            [2],
        ),
        (
            "event.first_or_last",
            {"name": "Product Viewed", "which": "last", "skip_days": 29},
            [1],
        ),
        (
            "event.figure",
            {"name": "Rated", "property": "stars", "measure": "sum", "at_least": 6},
            [1],
        ),
        (
            "event.figure",
            {"name": "Rated", "property": "stars", "measure": "average", "at_most": 3.1},
            [1],
        ),
        (
            "event.figure",
            {"name": "Rated", "property": "stars", "measure": "minimum", "at_least": 4},
            [2],
        ),
        (
            "event.figure",
            {"name": "Rated", "property": "stars", "measure": "maximum", "at_least": 5},
            [1],
        ),
        (
            "event.figure",
            {"name": "Rated", "property": "stars", "measure": "distinct", "at_most": 1},
            [2, 3],
        ),
        (
            "event.sequence",
            {"name": "Rated", "then": {"name": "Rated"}, "within_hours": 24},
            [1],
        ),
        (
            "event.sequence",
            {
                "name": "Rated",
                "then": {"name": "Order Completed"},
                "within_hours": 24,
                "followed": False,
            },
            [1, 2],
        ),
        ("category.bought", {"brand": "Acme"}, [1, 2]),
        ("category.bought", {"sku": "s1"}, [1, 2]),
        ("category.share", {"department": "PASTRY", "at_least_percent": 100}, [1, 2]),
        (
            "date.near",
            {"field": "attributes.born", "yearly": True, "from_days": 0, "to_days": 3},
            [1],
        ),
        ("date.near", {"field": "created_at", "from_days": -3}, [3]),
        ("identity.kind", {"kind": "known"}, [1, 2, 3]),
        ("identity.kind", {"kind": "email"}, [1, 2]),
        ("location.near", {"latitude": 52.4, "longitude": 13.1, "kilometres": 30}, [1]),
    ],
)
def test_selects(engine, condition, config, members):
    assert check_condition(conditions.get(condition), config, _tables(engine)) == members


def test_every_builtin_condition_is_tested():
    tested = {
        mark.args[1][i][0] for mark in test_selects.pytestmark for i in range(len(mark.args[1]))
    }
    builtin = {
        key
        for key in (extension.key for extension in conditions)
        if conditions.owner(key).startswith("lifecycle_engine.segments")
    }

    assert builtin - tested == set()


def test_random_slices_partition_everybody_and_keep_their_size(engine):
    tables = MemoryTables(engine, customers=[customer_row(i) for i in range(1, 2001)])
    bucket = conditions.get("random.bucket")

    def members(low, high, salt="june"):
        config = bucket.Config(salt=salt, from_percent=low, below_percent=high)
        held = bucket(config).expression(tables, tables.customers)
        return set(tables.execute(tables.customers.filter(held).select("id"))["id"].to_pylist())

    low, high = members(0, 25), members(25, 100)

    assert low | high == set(range(1, 2001))
    assert low & high == set()
    assert abs(len(low) - 500) < 60
    # Independent of another split.
    assert abs(len(low & members(0, 25, salt="july")) - 125) < 35
