"""Keeping the catalogue of products."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
from django.db import transaction

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.rows import Rejection, UpsertResult, text_problem
from lifecycle_engine.events.rows import (
    PRODUCT_COLUMNS,
    ProductRow,
    figures_problem,
    product_row_problem,
)

#: What is not said, and stays as it is; None is said, and empties.
UNSAID = msgspec.UNSET
Unsaid: TypeAlias = msgspec.UnsetType

_SKU_LIMIT = 100
_CHANGE_STAGED = (
    "position", "sku", "says_price", "price", "says_stock", "stock", "available",
)  # fmt: skip


class CatalogueError(Exception):
    """What is said to be the whole catalogue can't be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductChange:
    """What changes of a product that is there."""

    sku: str
    price: Decimal | Unsaid | None = UNSAID
    stock: int | Unsaid | None = UNSAID
    available: bool | Unsaid = UNSAID


@dataclass(frozen=True, slots=True)
class CatalogueResult:
    """What became of a whole catalogue.

    Attributes:
        withdrawn: products that were available and are not in it.
    """

    created: int
    updated: int
    withdrawn: int
    rejected: list[Rejection]


def products_upsert(*, rows: Sequence[ProductRow]) -> UpsertResult:
    """Make or replace products of the catalogue by SKU; the last of several rows for one counts.

    A wrong row is refused and named; the others are written. A product that stays the same is not
    touched.
    """
    good: dict[str, ProductRow] = {}
    rejected = []
    for index, row in enumerate(rows):
        if problem := product_row_problem(row):
            rejected.append(Rejection(index, str(row.sku), *problem))
        else:
            good[row.sku] = row
    if not good:
        return UpsertResult(created=0, updated=0, rejected=rejected)
    with transaction.atomic():
        sql_execute("events", "products_stage")
        copy_rows("products_staged", PRODUCT_COLUMNS, map(_values, good.values()))
        ((created, updated),) = sql_rows("events", "products_upsert_staged")
    return UpsertResult(created=created, updated=updated, rejected=rejected)


def products_change(*, rows: Sequence[ProductChange]) -> UpsertResult:
    """Change price, stock and availability of products by SKU; the rest of them stays.

    A wrong row, or one that names no product, is refused and named; the others are written. Of two
    rows for one product the later one counts. A product that stays the same is not touched.
    """
    good: dict[str, tuple[Any, ...]] = {}
    rejected = []
    for index, row in enumerate(rows):
        if problem := _change_problem(row):
            rejected.append(Rejection(index, str(row.sku), *problem))
        else:
            good[row.sku] = (index, *_change_values(row))
    if not good:
        return UpsertResult(created=0, updated=0, rejected=rejected)
    with transaction.atomic():
        sql_execute("events", "product_changes_stage")
        copy_rows("product_changes_staged", _CHANGE_STAGED, good.values())
        rejected += [
            Rejection(index, sku, "sku", f"names no product: {sku}")
            for index, sku in sql_rows("events", "product_changes_refuse_unknown")
        ]
        updated = sql_execute("events", "product_changes_apply")
    rejected.sort(key=lambda rejection: rejection.index)
    return UpsertResult(created=0, updated=updated, rejected=rejected)


@transaction.atomic
def products_complete(
    *, rows: Sequence[ProductRow], also_there: Collection[str] = ()
) -> CatalogueResult:
    """Make these all products that there are: what is missing is no longer available.

    A product that is refused counts as there: it stays as it was.

    Args:
        rows: the products, whole.
        also_there: SKUs of products that could not be read.

    Raises:
        CatalogueError: none of them can be kept; nothing was changed. An empty list is a mistake
            far more often than a shop without products.
    """
    result = products_upsert(rows=rows)
    if len(result.rejected) == len(rows):
        raise CatalogueError("holds no product that can be kept: nothing is withdrawn")
    withdrawn = products_withdraw(skus_there=[*(row.sku for row in rows), *also_there])
    return CatalogueResult(result.created, result.updated, withdrawn, result.rejected)


def products_withdraw(*, skus_there: Collection[str]) -> int:
    """Say of all products but these that they are not available; returns how many that changes."""
    there = [sku for sku in skus_there if text_problem(sku, _SKU_LIMIT) is None]
    return sql_execute("events", "products_withdraw", {"there": there})


def _values(row: ProductRow) -> tuple[Any, ...]:
    values = (getattr(row, name) for name in PRODUCT_COLUMNS[:-1])
    return (*values, msgspec.json.encode(row.attributes).decode())


def _change_problem(row: ProductChange) -> tuple[str, str] | None:
    """The first field that is wrong and why, or None."""
    if problem := text_problem(row.sku, _SKU_LIMIT):
        return "sku", problem
    if not row.sku:
        return "sku", "is missing"
    if row.price is row.stock is row.available is UNSAID:
        return "price", "is missing, and so are stock and available"
    return figures_problem(price=_said(row.price), stock=_said(row.stock))


def _change_values(row: ProductChange) -> tuple[Any, ...]:
    return (
        row.sku,
        row.price is not UNSAID,
        _said(row.price),
        row.stock is not UNSAID,
        _said(row.stock),
        _said(row.available),
    )


def _said(value: Any) -> Any:
    return None if value is UNSAID else value
