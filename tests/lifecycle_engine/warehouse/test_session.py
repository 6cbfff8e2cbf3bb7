"""Reading the warehouse."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Product
from lifecycle_engine.sdk.tables import Tables, json_text
from lifecycle_engine.warehouse import schemas
from lifecycle_engine.warehouse.delta import DeltaStore, batch_append
from lifecycle_engine.warehouse.engines.opening import engine_open, store_open
from lifecycle_engine.warehouse.errors import (
    TableRegistrationError,
    UnknownTableError,
    WarehouseUrlError,
)
from lifecycle_engine.warehouse.registry import table_register
from lifecycle_engine.warehouse.session import warehouse_session

DECEMBER = datetime(2017, 12, 1, tzinfo=UTC)


def event_rows(*moments: datetime) -> pa.Table:
    """Events whose id says which of the given moments is theirs."""
    return pa.Table.from_pylist(
        [
            {"id": str(i), "customer_id": 1, "name": "Seen", "occurred_at": at, "received_at": at}
            for i, at in enumerate(moments)
        ],
        schema=schemas.EVENTS,
    )


def write(store: DeltaStore, rows: pa.Table) -> None:
    table = store.create("events", schemas.EVENTS, description="")
    batch_append(table, rows, writer="test", batch=1)


def event_ids(tables: Tables) -> list[str]:
    return sorted(tables.execute(tables.events.select("id"))["id"].to_pylist())


@pytest.mark.django_db(transaction=True)
def test_empty_warehouse_has_every_table_with_its_columns():
    with warehouse_session(as_of=DECEMBER) as tables:
        found = {
            name: tables.execute(tables[name])
            for name in ("customers", "products", "events", "orders", "order_lines")
        }

    assert found["customers"].schema == schemas.CUSTOMERS
    assert found["products"].schema == schemas.PRODUCTS
    assert found["events"].schema == schemas.EVENTS
    assert found["orders"].schema == schemas.ORDERS
    assert found["order_lines"].schema == schemas.ORDER_LINES
    assert [table.num_rows for table in found.values()] == [0, 0, 0, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_live_tables_come_from_the_database():
    customer = Customer.objects.create(
        external_id="1", attributes={"age": "35-44", "a.b": 1, "none": None}
    )
    Product.objects.create(sku="7", name="Milk", price="1.25")

    with warehouse_session(as_of=DECEMBER) as tables:
        customers = tables.customers
        attributes = tables.execute(
            customers.select(
                "id",
                age=json_text(customers.attributes, "age"),
                dotted=json_text(customers.attributes, "a.b"),
                none=json_text(customers.attributes, "none"),
                missing=json_text(customers.attributes, "missing"),
            )
        )
        prices = tables.execute(tables.products.select("sku", "price", "available"))

    assert attributes.to_pylist() == [
        {"id": customer.pk, "age": "35-44", "dotted": "1", "none": None, "missing": None}
    ]
    assert prices.to_pylist() == [{"sku": "7", "price": 1.25, "available": True}]


@pytest.mark.django_db(transaction=True)
def test_live_tables_are_read_only_when_asked_for():
    with warehouse_session(as_of=DECEMBER) as tables:
        read = tables._live._tables

        assert read == {}
        assert tables.customers is tables["customers"]
        assert list(read) == ["customers"]


def test_event_tables_end_before_as_of(settings):
    before = datetime(2017, 11, 30, 23, 59, 59, 999999, tzinfo=UTC)
    january = datetime(2017, 1, 5, tzinfo=UTC)
    after = datetime(2018, 1, 1, tzinfo=UTC)
    write(store_open(settings.WAREHOUSE_URL), event_rows(january, before, DECEMBER, after))

    with warehouse_session(as_of=DECEMBER) as tables:
        november = tables.window(datetime(2017, 11, 1, tzinfo=UTC), DECEMBER)
        future = tables.window(DECEMBER, datetime(2018, 1, 1, tzinfo=UTC))

        assert event_ids(tables) == ["0", "1"]
        assert event_ids(november) == ["1"]
        assert event_ids(future) == ["2"]
        assert (tables.as_of, november.as_of) == (DECEMBER, DECEMBER)


def test_only_the_files_of_the_months_asked_for_are_read(tmp_path):
    store = DeltaStore(tmp_path / "store")
    moments = [datetime(2017, month, 15, tzinfo=UTC) for month in range(1, 13)]
    write(store, event_rows(*moments))

    year = store.files("events", start=None, end=datetime(2018, 1, 1, tzinfo=UTC))
    spring = store.files(
        "events", start=datetime(2017, 3, 1, tzinfo=UTC), end=datetime(2017, 5, 31, tzinfo=UTC)
    )

    assert len(year) == 12
    assert sorted(file.split("month=")[1][:7] for file in spring) == [
        "2017-03",
        "2017-04",
        "2017-05",
    ]


def test_expressions_may_bring_rows_along():
    with warehouse_session(as_of=DECEMBER) as tables:
        wanted = ibis.memtable(pa.table({"customer_id": [3, 1]}))

        found = tables.execute(wanted.order_by("customer_id"))

    assert found["customer_id"].to_pylist() == [1, 3]


def test_session_runs_in_utc():
    moment = datetime(2017, 7, 1, 23, 30, tzinfo=UTC)
    with warehouse_session(as_of=DECEMBER) as tables:
        found = tables.execute(
            ibis.memtable(pa.table({"at": [moment]})).select(hour=ibis._.at.hour())
        )

    assert found["hour"].to_pylist() == [23]


def test_naive_time_is_refused():
    with (
        pytest.raises(ValueError, match=r"as_of=.* has no time zone"),
        warehouse_session(as_of=datetime(2017, 12, 1)),  # noqa: DTZ001
    ):
        pass


@pytest.mark.django_db(transaction=True)
def test_unknown_table_is_named():
    with (
        warehouse_session(as_of=DECEMBER) as tables,
        pytest.raises(UnknownTableError, match=r"No table 'oders'; there is: .*\bcustomers, "),
    ):
        tables["oders"]


def test_table_name_is_taken_once():
    with pytest.raises(TableRegistrationError, match="'customers'"):
        table_register("customers", schema=schemas.CUSTOMERS, read="SELECT 1")
    with pytest.raises(TableRegistrationError, match="'events'"):
        table_register("events", schema=schemas.EVENTS, read="SELECT 1")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///tmp/x",
        "duckdb:///tmp/x?threads=many",
        "duckdb:///tmp/x?treads=2",
        "spark://host:7077",
        "spark:///tmp/x",
        "spark://host:7077/tmp/x?threads=2",
    ],
)
def test_wrong_url_is_named(url):
    with pytest.raises(WarehouseUrlError, match="WAREHOUSE_URL="):
        engine_open(url)


def test_the_columnar_copy_of_a_cluster_is_below_the_path_of_its_url():
    assert store_open("spark://host:7077/mnt/copy").folder == Path("/mnt/copy")


def test_a_cluster_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    monkeypatch.delitem(sys.modules, "lifecycle_engine.warehouse.engines.spark", raising=False)

    with pytest.raises(WarehouseUrlError, match=r"install requirements/spark\.txt"):
        engine_open("spark://host:7077/tmp/x")
