"""The SQL that engines over files share."""

from datetime import UTC, datetime, timedelta

import ibis.expr.types as ir
import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """A moment as a number, counted from 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def log_statement(
    source: str,
    schema: pa.Schema,
    *,
    start: datetime | None,
    end: datetime,
    merged: ir.Table | None,
    quote: str,
    moment: str,
) -> str:
    """A SELECT of a table of the columnar copy with ``start <= occurred_at < end``.

    Written out, since Ibis nests a query for each join on such a table.

    Args:
        source: what to read from, as the engine writes it.
        schema: the table's columns.
        start: the first moment; from the beginning where None.
        end: the moment behind the last.
        merged: the profiles that are part of customers; their rows come under the customer.
        quote: what the engine puts around names.
        moment: what the engine calls a time with a zone.
    """
    columns = ", ".join(f"{quote}{column}{quote}" for column in schema.names)
    joined = ""
    if merged is not None:
        root = "coalesce(root_id, customer_id) AS customer_id"
        columns = columns.replace(f"{quote}customer_id{quote}", root)
        joined = f" LEFT JOIN {quote}{merged.get_name()}{quote} ON profile_id = customer_id"
    bounds = [f"occurred_at < {moment} '{end.astimezone(UTC).isoformat()}'"]
    if start is not None:
        bounds.append(f"occurred_at >= {moment} '{start.astimezone(UTC).isoformat()}'")
    where = " AND ".join(bounds)
    return f"SELECT {columns} FROM {source}{joined} WHERE {where}"  # noqa: S608 - all our own
