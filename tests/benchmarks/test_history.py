"""The history that benchmarks measure is always the same, and hangs together."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.benchmarks import history as module
from tests.benchmarks.history import AS_OF, history


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[module.History]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FOLDER", tmp_path_factory.mktemp("histories"))
        yield history(customers=50, events=1_000)


def _rows(made: module.History, name: str) -> pa.Table:
    table = made.store.table(name)
    return table.to_pyarrow_table().sort_by([(table.schema().fields[0].name, "ascending")])


def test_the_same_numbers_make_the_same_history(made, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", tmp_path / "again")
    again = history(customers=50, events=1_000)

    assert again.customers().equals(made.customers())
    assert _rows(again, "events").equals(_rows(made, "events"))
    assert _rows(again, "orders").equals(_rows(made, "orders"))


def test_what_is_there_is_not_made_again(made, monkeypatch):
    monkeypatch.setattr(module, "_months", None)

    assert history(customers=50, events=1_000) == made


def test_events_orders_and_customers_belong_together(made):
    events, orders, lines = (_rows(made, name) for name in ("events", "orders", "order_lines"))
    completed = [row for row in events.to_pylist() if row["name"] == "Order Completed"]
    came = {row["id"]: row["created_at"] for row in made.customers().to_pylist()}

    assert events.num_rows == 1_000
    assert [row["id"] for row in completed] == orders["event_id"].to_pylist()
    assert [row["value"] for row in completed] == orders["value"].to_pylist()
    assert sum(orders["lines"].to_pylist()) == lines.num_rows
    assert all(came[row["customer_id"]] <= row["occurred_at"] for row in events.to_pylist())
    with made.tables(customers=made.customers()) as tables:
        newest = tables.execute(tables.events.aggregate(newest=tables.events.occurred_at.max()))
    assert newest["newest"][0].as_py() < AS_OF
