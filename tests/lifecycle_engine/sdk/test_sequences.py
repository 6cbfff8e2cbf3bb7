"""What a customer did last: in its order, told by its category, and nothing of the future."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.sequences import (
    Sequences,
    SequenceSpec,
    sequence_rows,
    texts_said,
    token_number,
)
from lifecycle_engine.sdk.testing.tables import MemoryTables

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def order(number, customer, days, value=10.0):
    return {
        "event_id": f"e{number}",
        "customer_id": customer,
        "occurred_at": AS_OF - timedelta(days=days),
        "value": value,
    }


def line(number, category, value):
    return {
        "event_id": f"e{number}",
        "customer_id": 1,
        "occurred_at": AS_OF - timedelta(days=1),
        "category": category,
        "value": value,
    }


@pytest.fixture(scope="module")
def tables():
    orders = [
        order(1, 1, 30),
        order(2, 1, 2.5, 7.0),
        order(3, 1, 1),
        order(4, 1, -3),
        order(5, 2, 4),
    ]
    return MemoryTables(
        as_of=AS_OF,
        orders=orders,
        order_lines=[line(2, "Tea", 1), line(2, "Ale", 2), line(2, "Tea", 3), line(3, None, 9)],
        events=[
            {
                **{name: row[name] for name in ("customer_id", "occurred_at")},
                "id": row["event_id"],
                "name": "Order Completed",
                "value": row["value"],
            }
            for row in orders
        ]
        + [
            {
                "id": "e9",
                "customer_id": 1,
                "name": "Product Viewed",
                "category": "Ale",
                "occurred_at": AS_OF - timedelta(days=1),
            }
        ],
    )


def rows(tables, spec, **given):
    found = tables.execute(sequence_rows(tables, spec, **given)).to_pandas()
    found = found.sort_values(["customer_id", "place"]).astype(object)
    return found.where(found.notna(), None).to_dict("records")


def test_orders_come_newest_first_told_by_what_most_was_paid_for(tables):
    found = rows(tables, SequenceSpec(last=2, of="orders"))

    assert found == [
        {"customer_id": 1, "place": 0, "text": "", "days": 1.0, "amount": 10.0},
        {"customer_id": 1, "place": 1, "text": "Tea", "days": 2.5, "amount": 7.0},
        {"customer_id": 2, "place": 0, "text": "", "days": 4.0, "amount": 10.0},
    ]


def test_events_are_told_by_category_else_by_name(tables):
    found = rows(tables, SequenceSpec(of="events"), customers=(1, 1))

    # At one moment the greater id is the newer.
    assert [row["text"] for row in found] == ["Ale", "Order Completed", "Tea", "Order Completed"]
    assert {row["customer_id"] for row in found} == {1}


@pytest.mark.parametrize("of", ["orders", "events"])
def test_every_text_of_a_sequence_is_among_those_that_tokens_stand_for(tables, of):
    spec = SequenceSpec(of=of)

    said = set(tables.execute(texts_said(tables, spec))["text"].to_pylist())

    assert {row["text"] for row in rows(tables, spec)} - {""} <= said
    assert ("Order Completed" in said) == (of == "events")


@pytest.mark.parametrize("of", ["orders", "events"])
def test_an_event_of_the_future_is_in_no_sequence(tables, of):
    spec = SequenceSpec(of=of)
    whole, ended = (rows(some, spec) for some in (tables, tables.without_future()))

    assert whole == ended
    assert min(row["days"] for row in whole) > 0


def test_a_frames_columns_are_read_oldest_first_the_missing_ones_before():
    spec = SequenceSpec(last=3, of="orders")
    values = [[7, 8, np.nan, 1, 5, np.nan, 20, np.nan, np.nan]]
    frame = pd.DataFrame(values, columns=list(spec.columns()), dtype=np.float32)

    found = Sequences.of(frame, spec)

    assert found.token.tolist() == [[0, 8, 7]]
    assert found.days.tolist() == [[0.0, 5.0, 1.0]]
    assert found.amount.tolist() == [[0.0, 0.0, 20.0]]
    assert found.known.tolist() == [[False, True, True]]
    assert Sequences.of(frame, spec, last=1).token.tolist() == [[7]]


def test_a_token_is_the_same_everywhere_and_exact_in_single_precision():
    numbers = [token_number(text) for text in ("", "Tea", "茶")]

    assert numbers == [13551594, 4512970, 2589937]
    assert [int(np.float32(number)) for number in numbers] == numbers
