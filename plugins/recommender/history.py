"""Who bought what in which order and when, read from the tables as arrays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Tables

_SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class History:
    """What was bought: one entry per product of an order, each product once, in no order.

    Attributes:
        customers: the id of the customer who bought.
        orders: a number per order, from 0.
        products: an index into ``skus``.
        ages: days between the order and the tables' ``as_of``.
        skus: the products, sorted.
    """

    customers: NDArray[np.int64]
    orders: NDArray[np.int64]
    products: NDArray[np.int64]
    ages: NDArray[np.float64]
    skus: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.customers)


def history_read(
    tables: Tables,
    *,
    excluded_departments: Collection[str],
    customer_ids: NDArray[np.int64] | None = None,
) -> History:
    """What was bought, without products that the catalogue lacks or whose department is excluded.

    Args:
        tables: history up to ``tables.as_of``.
        excluded_departments: departments that count as no merchandise, in upper or lower case.
        customer_ids: whose history to read, at least one; everybody's where None.
    """
    lines = tables.order_lines
    if customer_ids is not None:
        # Every engine prunes by a range; whom it holds beyond those asked for goes below.
        lines = lines.filter(
            lines.customer_id.between(int(customer_ids.min()), int(customer_ids.max()))
        )
    kept = merchandise(tables, excluded_departments=excluded_departments)
    lines = lines.semi_join(kept, "sku")
    bought = tables.execute(
        lines.group_by(["customer_id", "event_id", "sku"]).agg(occurred_at=lines.occurred_at.min())
    )
    if customer_ids is not None:
        asked = pa.array(customer_ids, pa.int64())
        bought = bought.filter(pc.is_in(bought["customer_id"], value_set=asked))
    return _history(bought, now=tables.as_of.timestamp())


def merchandise(tables: Tables, *, excluded_departments: Collection[str]) -> ir.Table:
    """The products of the catalogue except those of the excluded departments."""
    products = tables.products
    excluded = sorted(name.upper() for name in excluded_departments)
    if not excluded:
        return products
    return products.filter(products.department.fill_null("").upper().notin(excluded))


def _history(bought: pa.Table, *, now: float) -> History:
    skus, products = _encoded(bought["sku"])
    _, orders = _encoded(bought["event_id"])
    rank = np.argsort(skus)
    place = np.empty_like(rank)
    place[rank] = np.arange(len(rank))
    return History(
        customers=bought["customer_id"].to_numpy().astype(np.int64),
        orders=orders,
        products=place[products],
        ages=(now - _seconds(bought["occurred_at"])) / _SECONDS_PER_DAY,
        skus=skus[rank],
    )


def _seconds(moments: pa.ChunkedArray) -> NDArray[np.float64]:
    """Seconds since 1970, with their fractions, which SDKs send."""
    found: NDArray[np.float64] = (
        moments.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() / 1e6
    )
    return found


def _encoded(column: pa.ChunkedArray) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """The distinct strings of a column, and for each row which of them it is."""
    coded = pa.chunked_array(column, pa.string()).combine_chunks().dictionary_encode()
    strings = np.array(coded.dictionary.to_pylist(), dtype=np.str_)
    return strings, coded.indices.to_numpy().astype(np.int64)
