"""Reading the log's tables broken on purpose: what a session holds tells each change.

``RULE_MUTANTS=all`` tries every change, as ``make test-mutations`` does; otherwise a sample.
"""

import os
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.customers.models import Identifier
from lifecycle_engine.events.identity import customers_merge
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.warehouse.mirror import mirror_run
from lifecycle_engine.warehouse.session import warehouse_session
from tests.engines import ON_SPARK
from tests.factories.events import track
from tests.mutants import applied, mutants

pytestmark = pytest.mark.django_db(transaction=True)

_ENGINE = "lifecycle_engine.warehouse.engines.duckdb"
_READING = {
    "lifecycle_engine.warehouse.engines.statements": ("log_statement",),
    "lifecycle_engine.warehouse.delta": ("DeltaStore.files", "DeltaStore.table", "_month"),
    "lifecycle_engine.warehouse.customers_log": ("CustomersLog.table", "CustomersLog._events"),
    "lifecycle_engine.warehouse.registry": ("LiveTable.rows", "LiveTable._narrowed"),
    "lifecycle_engine.warehouse.session": (
        *("LiveTables.__getitem__", "SessionTables.__getitem__", "SessionTables._log_table"),
        *("SessionTables.before", "SessionTables.window"),
    ),
} | ({} if ON_SPARK else {_ENGINE: ("DuckDBEngine.log_table", "DuckDBEngine.execute")})
#: Changes that nothing read can tell from the original, and why.
EQUIVALENT: dict[str, str] = {}

_MONTH = datetime(2017, 11, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_MOMENTS = (
    *(_MONTH - timedelta(days=20), _MONTH - _TICK, _MONTH, _MONTH + _TICK),
    *(_MONTH + timedelta(days=9), _MONTH + timedelta(days=29)),
)
_WINDOWS = (
    *((None, _MONTH), (None, _MONTH + timedelta(days=9)), (_MONTH, _MONTH + timedelta(days=29))),
    *((_MONTH - timedelta(days=20), _MONTH + _TICK), (_MONTH + _TICK, _MONTH + timedelta(days=90))),
)


def _mutants():
    found = [
        mutant
        for module, functions in _READING.items()
        for mutant in mutants(module, lambda name, _node, among=functions: name in among)
    ]
    return found if os.environ.get("RULE_MUTANTS") == "all" else found[1::12]


def _happened():
    """Orders of two customers and of a profile that is part of the first; by order, whose, when."""
    rows = [
        (f"{user}-{i}", user, at) for user in ("ada", "bob", "eve") for i, at in enumerate(_MOMENTS)
    ]
    items = [
        track(
            order,
            event="Order Completed",
            userId=user,
            timestamp=at.isoformat(),
            properties={"order_id": order, "total": 10, "products": [{"sku": "tea"}]},
        )
        for order, user, at in rows
    ]
    assert events_ingest(source="shop", items=items, received_at=_MOMENTS[-1]).rejected == []
    ids = dict(Identifier.objects.filter(kind="user_id").values_list("value", "customer_id"))
    customers_merge(
        customer_id=ids["eve"], into_id=ids["ada"], actor="anna", reason="", at=_MOMENTS[-1]
    )
    mirror_run()
    root = ids | {"eve": ids["ada"]}
    return [(order, root[user], at) for order, user, at in rows]


def _read(customer_ids, start, end):
    with warehouse_session(as_of=end, customer_ids=customer_ids) as tables:
        inside = tables.before(end) if start is None else tables.window(start, end)
        orders = inside.execute(inside.orders.select("order_id", "customer_id", "occurred_at"))
        # The merge is an event, too.
        placed = inside.events.filter(inside.events.name == "Order Completed")
        events = inside.execute(placed.select("customer_id", "occurred_at"))
        customers = inside.execute(inside.customers.select("id"))
        # A table without a column of customers is read whole in every session.
        products = inside.execute(inside.products.select("sku"))
    return (
        sorted(tuple(row.values()) for row in orders.to_pylist()),
        sorted(tuple(row.values()) for row in events.to_pylist()),
        sorted(customers["id"].to_pylist()),
        products["sku"].to_pylist(),
    )


def _wanted(happened, customer_ids, start, end):
    rows = [
        (order, customer_id, at)
        for order, customer_id, at in happened
        if (start is None or at >= start)
        and at < end
        and (customer_ids is None or customer_id in customer_ids)
    ]
    known = {customer_id for _order, customer_id, _at in happened}
    return (
        sorted(rows),
        sorted((customer_id, at) for _order, customer_id, at in rows),
        sorted(known if customer_ids is None else customer_ids),
        [],
    )


def _is_told(happened):
    ada = happened[0][1]
    for start, end in _WINDOWS:
        for customer_ids in (None, [ada]):
            wanted = _wanted(happened, customer_ids, start, end)
            # Broken code raises whatever it likes, and that is red as well.
            try:
                if _read(customer_ids, start, end) != wanted:
                    return True
            except Exception:  # noqa: BLE001
                return True
    return False


def test_a_broken_reader_is_told_from_a_whole_one():
    happened = _happened()
    assert not _is_told(happened)

    survived = []
    for mutant in _mutants():
        with applied(mutant):
            if str(mutant) not in EQUIVALENT and not _is_told(happened):
                survived.append(str(mutant))

    assert survived == []
