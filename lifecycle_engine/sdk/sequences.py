"""What a customer did last, one thing after another, for models that read sequences.

A scorer declares which (``Scorer.sequence``), and the engine fills them in beside its features as
of each cut-off date, so that all that holds for features holds for them: what happened from the
cut-off on is not in them, they are kept in the frames of runs, and shards are scored alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Tables

_SECONDS_PER_DAY = 86_400.0
#: Bytes of a token's digest: single precision holds whole numbers up to 2**24 exactly.
_DIGEST = 3


@dataclass(frozen=True)
class SequenceSpec:
    """Which of the things that a customer did a scorer reads.

    Each is three numbers: ``token``, which stands for what it was (``token_number``); ``days``, how
    long before the cut-off date; and ``amount``, its value in money. In frames they are columns
    such as ``order_days_3``, the newest being number 1, NaN where a customer has done less.

    Attributes:
        last: how many, at most.
        of: ``"orders"``, each told by the category for which most was paid; ``"events"``, all that
            is in the log, told by its product's category, else by its name, and orders as above.
    """

    FIELDS: ClassVar[tuple[str, ...]] = ("token", "days", "amount")

    last: int = 50
    of: Literal["orders", "events"] = "orders"

    def columns(self) -> tuple[str, ...]:
        """The names of the columns, field by field, each from the newest back."""
        one = self.of.removesuffix("s")
        return tuple(
            f"{one}_{field}_{place}" for field in self.FIELDS for place in range(1, self.last + 1)
        )


@dataclass(frozen=True)
class Sequences:
    """The sequences of a frame's rows, oldest first, those of customers with fewer shifted right.

    Attributes:
        token: what it was, 0 where there is none: (rows, length).
        days: how long before the cut-off date, 0 where there is none.
        amount: what it came to, 0 where that is unknown.
        known: where there is one.
    """

    token: NDArray[np.int64]
    days: NDArray[np.float32]
    amount: NDArray[np.float32]
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, frame: pd.DataFrame, spec: SequenceSpec, *, last: int | None = None) -> Sequences:
        """Read them from a frame.

        Args:
            frame: has the columns of the specification.
            spec: what is in them.
            last: no more than so many, the newest; by default all.
        """
        values = frame[list(spec.columns())].to_numpy(np.float32)
        values = values.reshape(len(frame), len(spec.FIELDS), spec.last)
        token, days, amount = np.moveaxis(values[:, :, : last or spec.last][:, :, ::-1], 1, 0)
        known = ~np.isnan(days)
        return cls(
            np.nan_to_num(token).astype(np.int64),
            np.nan_to_num(days),
            np.nan_to_num(amount),
            known,
        )


def token_number(text: str) -> int:
    """The number that stands for a text: the same at every time, on every machine.

    Two texts in 16 million share one, which then are the same to a model.
    """
    digest = hashlib.blake2b(text.encode(), digest_size=_DIGEST).digest()
    return int.from_bytes(digest, "big")


def sequence_rows(
    tables: Tables, spec: SequenceSpec, *, customers: tuple[int, int] | None = None
) -> ir.Table:
    """One row per customer and thing done, with ``text``, ``days`` and ``amount``.

    ``place`` 0 is the newest; of things done at one moment the one of the greater id.

    Args:
        tables: only what happened before ``tables.as_of``.
        spec: which things, and how many.
        customers: the first and the last customer to look at; None for everybody.
    """
    done = _within(_done(tables, spec), customers)
    back = ibis.window(group_by=done.customer_id, order_by=[done.at.desc(), done.id.desc()])
    done = done.mutate(place=ibis.row_number().over(back))
    done = done.filter(done.place < spec.last)
    main = _main_categories(_within(tables.order_lines, customers))
    joined = done.left_join(main, done.id == main.event_id)
    now = tables.moment(timedelta(0)).epoch_seconds()
    return joined.select(
        done.customer_id,
        done.place,
        text=ibis.coalesce(main.main_category, done.text, ""),
        days=(now - done.at.epoch_seconds()).cast("float64") / _SECONDS_PER_DAY,
        amount=done.amount,
    )


def texts_said(tables: Tables, spec: SequenceSpec) -> ir.Table:
    """One row for each text that a token of such a sequence may stand for, as ``text``."""
    lines = tables.order_lines.select(text=tables.order_lines.category)
    return ibis.union(_done(tables, spec).select("text"), lines).drop_null().distinct()


def _done(tables: Tables, spec: SequenceSpec) -> ir.Table:
    if spec.of == "orders":
        orders = tables.orders
        return orders.select(
            orders.customer_id,
            id=orders.event_id,
            at=orders.occurred_at,
            amount=orders.value.cast("float64"),
            text=ibis.null("string"),
        )
    events = tables.events
    return events.select(
        events.customer_id,
        events.id,
        at=events.occurred_at,
        amount=events.value.cast("float64"),
        text=ibis.coalesce(events.category, events.name),
    )


def _main_categories(lines: ir.Table) -> ir.Table:
    """Of each order the category for which most was paid; of equals the first by name."""
    lines = lines.filter(lines.category.notnull())
    paid = lines.group_by("event_id", "category").aggregate(paid=lines.value.sum())
    best = ibis.window(group_by=paid.event_id, order_by=[paid.paid.desc(), paid.category])
    paid = paid.mutate(place=ibis.row_number().over(best))
    paid = paid.filter(paid.place == 0)
    return paid.select(paid.event_id, main_category=paid.category)


def _within(table: ir.Table, customers: tuple[int, int] | None) -> ir.Table:
    return table if customers is None else table.filter(table.customer_id.between(*customers))
