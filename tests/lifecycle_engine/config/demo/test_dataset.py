"""The Complete Journey as events."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from lifecycle_engine.config.demo import END, NOW
from lifecycle_engine.config.demo.dataset import Dataset

_BEFORE_ALL = datetime(2016, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def dataset():
    return Dataset()


@pytest.fixture(scope="module")
def households(dataset):
    return dataset.customers(start=_BEFORE_ALL, end=END)


def test_every_basket_receipt_and_redemption_is_one_event(dataset):
    assert dataset.event_count(start=_BEFORE_ALL, end=END) == 155_848 + 6_589 + 2_102


def test_the_future_holds_all_that_the_past_does_not(dataset):
    past = dataset.event_count(start=_BEFORE_ALL, end=NOW)
    future = dataset.event_count(start=NOW, end=END)

    assert (past, future) == (150_565, 13_974)


def test_every_household_is_a_customer_once(households):
    assert len({event["userId"] for event in households}) == len(households) == 2_469


def test_addresses_and_numbers_are_those_kept_for_fiction(households):
    traits = [event["traits"] for event in households]
    phones = [trait["phone"] for trait in traits if "phone" in trait]

    assert all(re.fullmatch(r"household-\d+@example\.com", trait["email"]) for trait in traits)
    assert all(re.fullmatch(r"\+1[2-9]\d{2}55501\d{2}", phone) for phone in phones)
    assert len(set(phones)) == len(phones) > 1_000


def test_december_is_the_same_every_time_and_in_order(dataset):
    sent = [event for piece in dataset.events(start=NOW, end=END) for event in piece]
    again = [event for piece in Dataset().events(start=NOW, end=END) for event in piece]

    assert sent == again
    first = [msgspec.json.decode(event) for event in sent]
    assert len({event["messageId"] for event in first}) == len(first) == 13_974
    assert [event["timestamp"] for event in first] == sorted(e["timestamp"] for e in first)
    assert all("2017-12-01" <= event["timestamp"] < "2018-01-02" for event in first)


def test_an_order_is_worth_what_its_products_are(dataset):
    pieces = dataset.events(start=NOW, end=END)
    events = map(msgspec.json.decode, next(pieces))
    orders = [event for event in events if event["event"] == "Order Completed"]

    assert orders
    for order in orders:
        lines = order["properties"]["products"]
        total = sum(Decimal(str(line["value"])) for line in lines)
        assert total == Decimal(str(order["properties"]["total"])).quantize(Decimal("0.01"))


def test_consents_are_made_up_for_the_channels_a_household_has(dataset, households):
    with_phone = {event["userId"] for event in households if "phone" in event["traits"]}
    consents = dataset.consents(start=_BEFORE_ALL, end=END)

    assert {c["userId"] for c in consents if c["channel"] == "sms"} == with_phone
    granted = [c["granted"] for c in consents if c["channel"] == "email"]
    assert 0.87 < sum(granted) / len(granted) < 0.93
