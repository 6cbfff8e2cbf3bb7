"""Importing events from files."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from django.db.models.functions import Now

from lifecycle_engine.customers.models import Customer, Identifier
from lifecycle_engine.events.imports import limits, parquet_table, text_tables
from lifecycle_engine.events.imports.limits import ImportFileError
from lifecycle_engine.events.imports.running import ATTEMPTS_LIMIT, import_run
from lifecycle_engine.events.models import Event, EventReceipt, Import, ImportState
from lifecycle_engine.events.services import events_ingest
from tests.lifecycle_engine.events.imports.conftest import AT

FORMATS = ["events.parquet", "events.csv", "events.jsonl", "events.csv.gz", "events.jsonl.gz"]


def row(number, **other):
    return {
        "message_id": f"m{number}",
        "user_id": f"u{number % 3}",
        "anonymous_id": "",
        "event": "Order Completed",
        "timestamp": f"2026-02-{number % 28 + 1:02d}T10:00:00Z",
        "properties": json.dumps({"total": number + 0.5, "currency": "EUR"}),
    } | other


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_every_row_is_in_the_log(name, write, run, figures):
    path = write([row(number) for number in range(5)], name)

    done = run("events", path)

    assert (done.state, done.error) == (ImportState.SUCCEEDED, "")
    assert figures(done) == (5, 5, 0, 0, 0)
    assert Customer.objects.count() == 3
    event = Event.objects.get(message_id="m4")
    assert event.customer.external_id == "u1"
    assert (event.source, event.name) == ("shop", "Order Completed")
    assert (event.value, event.currency) == (Decimal("4.50"), "EUR")
    assert event.properties == {"total": 4.5, "currency": "EUR"}
    assert event.occurred_at == datetime(2026, 2, 5, 10, tzinfo=UTC)
    assert event.received_at == AT
    assert event.id.version == 7
    assert EventReceipt.objects.filter(source="shop").count() == 5


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_the_same_file_again_stores_nothing_twice(name, write, run, figures):
    # Given rows without message ids, two of them alike
    rows = [row(number // 2) for number in range(4)]
    for each in rows:
        del each["message_id"]
    path = write(rows, name)

    first, second = run("events", path), run("events", path)

    assert figures(first) == (4, 4, 0, 0, 0)
    assert figures(second) == (4, 0, 0, 4, 0)
    assert Event.objects.count() == 4
    assert first.pk != second.pk


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["events.parquet", "events.csv", "events.jsonl"])
@pytest.mark.parametrize(
    ("_case", "wrong", "field", "message"),
    [
        ("no name", {"event": ""}, "event", "is missing"),
        ("nobody's", {"user_id": ""}, "user_id", "is missing, and so is anonymousId"),
        (
            "long id",
            {"message_id": "x" * 101},
            "message_id",
            f"has 101 characters, the limit is 100: '{'x' * 56}...",
        ),
        ("NUL", {"user_id": "a\0b"}, "user_id", "holds a NUL character"),
        (
            "time",
            {"timestamp": "yesterday"},
            "timestamp",
            "is not a time as in ISO 8601: 'yesterday'",
        ),
        (
            "month",
            {"timestamp": "2026-13-01T00:00:00Z"},
            "timestamp",
            "is not a time as in ISO 8601: '2026-13-01T00:00:00Z'",
        ),
        (
            "future",
            {"timestamp": "2027-01-01T00:00:00Z"},
            "timestamp",
            "is not between 1970 and one day after it was received: '2027-01-01T00:00:00+00:00'",
        ),
        ("list", {"properties": "[1]"}, "properties", "wants a JSON object, got [1]"),
    ],
)
def test_a_bad_row_is_refused_with_field_and_value_and_the_others_go_in(
    _case, wrong, field, message, name, write, run, figures, refused
):
    path = write([row(0), row(1, **wrong), row(2)], name)

    done = run("events", path)

    assert done.state == ImportState.SUCCEEDED
    assert figures(done) == (3, 2, 0, 0, 1)
    assert sorted(Event.objects.values_list("message_id", flat=True)) == ["m0", "m2"]
    ((number, named, told),) = refused(done)
    assert (number, named) == (2, field)
    assert told.replace("+00:00", "Z") == message.replace("+00:00", "Z")
    kept = json.loads(done.rejections.get().values)
    assert kept["properties"] == wrong.get("properties", row(1)["properties"])


@pytest.mark.django_db
def test_a_file_whose_receipts_are_gone_is_refused(write, run, figures):
    path = write([row(0)], "events.csv")
    first = run("events", path)
    Import.objects.update(created_at=Now() - timedelta(days=29, hours=1))

    with pytest.raises(ImportFileError, match="can't be told from new ones"):
        run("events", path)

    assert run("events", path, dry_run=True).state == ImportState.SUCCEEDED
    assert figures(run("events", path, source="other")) == figures(first)
    assert Import.objects.filter(source="shop", dry_run=False).count() == 1


@pytest.mark.django_db
def test_properties_may_be_columns(write, run):
    rows = [
        row(1, **{"properties.total": "12.50", "properties.sku": "0042", "properties.new": "true"})
    ]
    path = write(rows, "events.csv")

    run("events", path)

    event = Event.objects.get()
    assert event.properties == {"total": 12.5, "currency": "EUR", "sku": "0042", "new": True}
    assert (event.value, event.product_sku) == (Decimal("12.50"), "0042")


@pytest.mark.django_db
def test_columns_of_a_parquet_file_have_types(write, run, figures):
    moment = datetime(2026, 2, 1, 8, tzinfo=UTC)
    table = pa.table(
        {
            "Customer ID": pa.array([7, None], pa.int64()),
            "anonymousId": pa.array([None, "a"], pa.string()),
            "event": pa.array(["Seen", "Seen"]).dictionary_encode(),
            "time": pa.array([moment.replace(tzinfo=None)] * 2, pa.timestamp("ns")),
            "properties.price": pa.array([Decimal("9.95"), None], pa.decimal128(9, 2)),
        }
    )

    done = run("events", write(table, "typed.parquet"))

    assert figures(done) == (2, 2, 0, 0, 0)
    known, unknown = Event.objects.order_by("message_id")
    assert known.customer.external_id == "7"
    assert known.properties == {"price": 9.95}
    assert known.occurred_at == moment
    assert Identifier.objects.get(value="a").customer_id == unknown.customer_id
    assert unknown.properties == {}


@pytest.mark.django_db
def test_columns_are_named_by_a_mapping(write, run, figures):
    path = write([{"kunde": "1", "was": "Seen", "event": "x"}], "events.csv")

    done = run("events", path, mapping={"kunde": "user_id", "was": "event"})

    assert figures(done) == (1, 1, 0, 0, 0)
    assert Event.objects.get().name == "Seen"


@pytest.mark.django_db
def test_json_lines_may_be_items_of_the_segment_specification(write, run, figures, refused):
    items = [
        {"type": "identify", "messageId": "1", "userId": "u", "traits": {"firstName": "Ada"}},
        {"type": "track", "messageId": "2", "userId": "u", "event": "Seen", "properties": {}},
        {"type": "alias", "messageId": "3", "userId": "u", "previousId": "a"},
        {"type": "track", "userId": "u"},
        {"type": "track", "userId": "u", "event": "Seen"},
    ]

    done = run("events", write(items, "items.jsonl"))

    assert figures(done) == (5, 4, 0, 0, 1)
    assert refused(done) == [(4, "event", "is missing")]
    assert Customer.objects.get().first_name == "Ada"
    assert Identifier.objects.filter(value="a", customer__external_id="u").exists()
    assert Event.objects.filter(message_id=f"{done.digest[:40]}-0000000005").exists()


@pytest.mark.django_db
def test_an_import_stores_what_ingestion_stores(write, run):
    """The vectorised checks and those of the API agree, value by value."""
    said = [
        {"total": "1_0"}, {"total": 0.125, "value": 3}, {"revenue": "12.345"}, {"value": True},
        {"total": 1e15, "revenue": 2}, {"product_id": 42}, {"sku": "s" * 101}, {"currency": "EURO"},
        {"campaign": "c", "category": "x" * 200}, {"a": {"b": [1, None, "ü"]}}, {},
        {"total": "NaN"},
    ]  # fmt: skip
    times = [
        "2026-01-01T00:00:00+02:00", "2026-01-01 00:00:00", "2026-01-01",
        "2026-01-01T00:00:00.123456Z",
        "2026-01-01T00:00Z", "20260101T000000Z", "2026-W01-1", "2026-01-01T00:00:00.1-05:30",
        "2026-01-01T24:00:00Z", "2026-02-30T00:00:00Z", "1969-12-31T23:59:59Z",
        "2026-03-02T11:59:59Z",
    ]  # fmt: skip
    rows = [
        row(number, properties=json.dumps(each), timestamp=time)
        for number, (each, time) in enumerate(zip(said, times, strict=True))
    ]
    items = [
        {
            "type": "track",
            "messageId": each["message_id"],
            "userId": each["user_id"],
            "event": each["event"],
            "timestamp": each["timestamp"],
            "properties": json.loads(each["properties"]),
        }
        for each in rows
    ]

    done = run("events", write(rows, "events.csv"))
    told = events_ingest(source="api", items=items, received_at=AT)

    columns = (
        *("message_id", "customer_id", "name", "properties", "value", "currency"),
        *("product_sku", "category", "campaign", "occurred_at", "received_at"),
    )
    stored = Event.objects.order_by("message_id").values_list(*columns)
    assert list(stored.filter(source="shop")) == list(stored.filter(source="api"))
    assert (done.created, done.rejected) == (told.accepted, len(told.rejected))


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["events.parquet", "events.csv"])
def test_what_only_the_database_refuses_stops_no_other(name, write, run, figures, refused):
    # Such a number is JSON, and no numeric.
    odd = '{"n": 0.' + "1" * 20_000 + "}"

    done = run("events", write([row(0), row(1, properties=odd), row(2), row(3)], name))

    assert figures(done) == (4, 3, 0, 0, 1)
    ((number, field, message),) = refused(done)
    assert (number, field) == (2, "row")
    assert message.startswith("can't be stored: ")


@pytest.mark.django_db
def test_a_large_cell_is_refused_and_no_other(write, run, figures, refused):
    rows = [row(0), row(1, properties='"' + "x" * limits.CELL_LIMIT + '"'), row(2)]

    done = run("events", write(rows, "events.parquet"))

    assert figures(done) == (3, 2, 0, 0, 1)
    assert refused(done) == [(2, "properties", f"has more than {limits.CELL_LIMIT} bytes")]


@pytest.mark.django_db
def test_a_dry_run_says_the_same_and_keeps_nothing(write, run, figures, refused):
    path = write([row(0), row(1), row(2, event="")], "events.parquet")

    done = run("events", path, dry_run=True)

    assert (done.state, figures(done)) == (ImportState.SUCCEEDED, (3, 2, 0, 0, 1))
    assert refused(done) == [(3, "event", "is missing")]
    assert Event.objects.count() == EventReceipt.objects.count() == Customer.objects.count() == 0
    assert figures(run("events", path)) == (3, 2, 0, 0, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_an_import_goes_on_where_it_was_broken_off(name, write, run, figures, monkeypatch):
    for module in (text_tables, parquet_table):
        monkeypatch.setattr(module, "CHUNK_ROWS", 100)
    rows = [row(number) for number in range(350)]
    rows[120]["event"] = ""
    path = write(rows, name)

    # When its time is up after each chunk
    runs = [run("events", path, seconds=0.0) for _ in range(5)]

    assert {run.pk for run in runs} == {runs[0].pk}
    assert [run.rows for run in runs[:4]] == [100, 200, 300, 350]
    assert [run.state for run in runs] == [ImportState.RUNNING] * 4 + [ImportState.SUCCEEDED]
    assert figures(runs[-1]) == (350, 349, 0, 0, 1)
    assert runs[-1].rejections.get().row == 121
    assert Event.objects.count() == 349


@pytest.mark.django_db
def test_an_import_that_gets_no_further_is_given_up(write, run):
    path = write([row(0)], "events.csv")
    import_id = run("events", path, dry_run=True).pk
    Import.objects.filter(pk=import_id).update(state=ImportState.RUNNING, attempts=ATTEMPTS_LIMIT)

    done = import_run(import_id=import_id, at=AT, path=path)

    assert done.state == ImportState.FAILED
    assert done.error == "was started 5 times and got no further"


@pytest.mark.django_db
def test_a_stopped_import_stays_where_it_is(write, run):
    path = write([row(0)], "events.csv")
    import_id = run("events", path, dry_run=True).pk
    Import.objects.filter(pk=import_id).update(state=ImportState.STOPPED, dry_run=False, rows=0)

    done = import_run(import_id=import_id, at=AT, path=path)

    assert (done.state, Event.objects.count()) == (ImportState.STOPPED, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["events.parquet", "events.csv", "events.jsonl"])
def test_what_happened_before_the_log_begins_is_refused(
    name, write, run, figures, refused, settings
):
    settings.EVENT_RETENTION_MONTHS = 2
    rows = [row(0), row(1, timestamp="2025-12-31T23:59:59Z"), row(2)]

    done = run("events", write(rows, name))

    assert figures(done) == (3, 2, 0, 0, 1)
    assert refused(done) == [
        (2, "timestamp", "is 2025-12-31T23:59:59+00:00, before the log begins: 2026-01-01")
    ]
