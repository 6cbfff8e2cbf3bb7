"""What the engine knows, as tables: the one way for extensions to read data.

Tables are Ibis expressions that no engine owns: the same expression runs on DuckDB and on a Spark
cluster. Build it from these tables, and let :meth:`Tables.execute` compute it.
"""

from datetime import datetime, timedelta
from typing import Protocol

import ibis
import ibis.expr.types as ir
import pyarrow as pa


class Moment:
    """An earlier moment that an extension is asked about.

    An expression that is made with ``before``, and not with ``at``, need not be compiled again for
    another moment.
    """

    def __init__(self, at: datetime) -> None:
        self._at = at

    @property
    def at(self) -> datetime:
        """The moment itself, in UTC."""
        return self._at

    def before(self, age: timedelta = timedelta(0)) -> ir.TimestampScalar:
        """The moment so long before this one, to compare a column with."""
        return literal_moment(self.at - age)


class Tables(Protocol):
    """The tables as of a point in time.

    ``events``, ``orders`` and ``order_lines`` hold only rows with ``occurred_at < as_of``, so that
    nothing built on them can see the future. All times are in UTC. A table costs nothing until an
    attribute asks for it. What other apps registered is under its name: ``tables["scores"]``.
    Whoever inherits from this class gets the five attributes from its own ``__getitem__``.

    The columns:

    ``customers``
        id, external_id, email_hash, phone_hash, first_name, last_name, language, time_zone,
        country, attributes (JSON text, see :func:`json_text`), created_at. The hashes are empty
        where there is no address or number, and say no more. Scorers get id, language and
        created_at: the others change in place, and would tell the future.
    ``products``
        sku, name, brand, department, category, price, available. The last two are of today:
        scorers don't get the price, and to all but a run of recommendations everything is
        available.
    ``events``
        id, customer_id, source, name, properties (JSON text), value, currency, product_sku,
        category, campaign, occurred_at, received_at. Scorers don't get the last one.
    ``orders``
        event_id, order_id, customer_id, occurred_at, value, currency, discount, coupon_discount,
        lines, quantity, store
    ``order_lines``
        event_id, order_id, customer_id, occurred_at, sku, quantity, price, value, discount,
        department, category
    """

    @property
    def as_of(self) -> datetime:
        """The first moment that the event tables don't hold any more."""

    def moment(self, age: timedelta = timedelta(0)) -> ir.TimestampScalar:
        """The moment so long before ``as_of``, to compare a column with.

        An expression that is made with this, and not with ``as_of`` itself, need not be compiled
        again for another moment.
        """
        return literal_moment(self.as_of - age)

    @property
    def customers(self) -> ir.Table:
        """One row per customer, as they are now."""
        return self["customers"]

    @property
    def products(self) -> ir.Table:
        """One row per product of the catalogue, as it is now."""
        return self["products"]

    @property
    def events(self) -> ir.Table:
        """One row per event."""
        return self["events"]

    @property
    def orders(self) -> ir.Table:
        """One row per ``Order Completed``."""
        return self["orders"]

    @property
    def order_lines(self) -> ir.Table:
        """One row per product of an order."""
        return self["order_lines"]

    def __getitem__(self, name: str) -> ir.Table:
        """The table of that name, built-in or registered.

        Raises:
            UnknownTableError: there is none; the message names it and what there is.
        """

    def window(self, start: datetime, end: datetime) -> "Tables":
        """The same tables with ``start <= occurred_at < end`` in the event tables; for labels.

        Its ``as_of`` is ``end``.
        """

    def execute(self, expression: ir.Expr) -> pa.Table:
        """Compute a table expression."""


def literal_moment(at: datetime) -> ir.TimestampScalar:
    """A moment as the engines compare it."""
    found: ir.TimestampScalar = ibis.literal(at, type="timestamp('UTC', 6)")
    return found


@ibis.udf.scalar.builtin(name="json_text")  # type: ignore[untyped-decorator]
def _json_text(document: str, key: str) -> str:  # type: ignore[empty-body]
    """Stands for the function of that name that every engine's session defines."""


@ibis.udf.scalar.builtin(name="json_values")  # type: ignore[untyped-decorator]
def _json_values(document: str, key: str) -> list[str]:  # type: ignore[empty-body]
    """Stands for the function of that name that every engine's session defines."""


def json_values(document: ir.StringValue, key: str) -> ir.ArrayValue:
    """The texts of the entries of a JSON document's list; empty or null where there is no list.

    Args:
        document: a column of JSON text, such as ``tables.customers.attributes``.
        key: the name of a top-level member, taken literally.
    """
    return _json_values(document, key)


def json_text(document: ir.StringValue, key: str) -> ir.StringValue:
    """The text of a JSON document's member, null where it is missing or null.

    Ibis's own unwrapping of JSON yields SQL that not every engine takes.

    Args:
        document: a column of JSON text, such as ``tables.customers.attributes``.
        key: the name of a top-level member, taken literally.
    """
    return _json_text(document, key)
