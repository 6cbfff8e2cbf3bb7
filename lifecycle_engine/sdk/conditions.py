"""Conditions: the leaves of the rule language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import ibis.expr.types as ir

from lifecycle_engine.sdk.registry import Config, Extension, Registry

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Moment, Tables

ConfigT = TypeVar("ConfigT", bound=Config)


class Condition(Extension, Generic[ConfigT]):
    """Something that holds for a customer or doesn't, as of a moment.

    A subclass sets ``key``, ``label`` and ``Config`` (closed: unknown fields are refused) and says
    with ``expression`` when the condition holds and with ``sentence`` how people say it. The same
    expression selects an audience, tests the few customers that changed and explains one customer,
    so these can't disagree.

    In a rule a condition is written ``{"condition": "<key>", …fields of Config}``.
    """

    #: Whether only rows that come in change the outcome, never time alone; see ``expiring``.
    timeless: ClassVar[bool] = False

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Whether the condition holds, as one boolean column over ``customers``.

        Args:
            tables: what is known as of ``tables.as_of``; event tables hold nothing later. When
                only some customers are asked for, event tables may hold only their rows: never
                compare a customer with others through them.
            customers: the customers asked for, with the columns of ``tables.customers``.

        A null counts as false, also inside a negation.
        """
        raise NotImplementedError

    def sentence(self) -> str:
        """The condition in words that follow "the customer", such as "is in stage loyal"."""
        raise NotImplementedError

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:  # noqa: ARG002
        """What the condition saw of one customer, such as the number of orders; for explaining.

        Args:
            tables: as for ``expression``.
            customers: the one row of the customer that is asked about.

        Returns:
            A column of ``customers``, or a reduction made a value by ``as_scalar()``: a text, a
            number, a moment, a boolean. Null where there is nothing; None when there is never
            anything to show beside the outcome.
        """
        return None

    def note(self) -> str:
        """What whoever asks why should know of what the condition reads; usually nothing."""
        return ""

    def expiring(
        self,
        tables: Tables,
        since: Moment,  # noqa: ARG002 - conditions that look want it
    ) -> ir.Table | None:
        """Customers whose outcome may have changed since a moment only because time passed.

        A membership follows the rows that come in. This names those who need another look although
        nothing came in: an event left "the last 30 days", a consent ran out, a birthday came near.

        Take any customer for whom the condition's outcome on these very tables' rows differs as
        of ``since.at`` and as of ``tables.as_of``: they must be in the answer. Whoever else is in
        it costs a second look and does no harm; ids that belong to no customer are skipped, and
        so are repeated ones. What happened between the two moments counts as passing time too,
        since a row may have come in before the moment that it is about. Rows that were added or
        changed are found elsewhere.

        Args:
            tables: as for ``expression``, with the rows of all customers.
            since: the earlier moment, not later than ``tables.as_of``.

        Returns:
            A table with the one column ``customer_id``, or None when time alone changes nothing.
            Unless a condition says otherwise it is nobody where the condition is ``timeless``, and
            else everybody, which is right and dear.
        """
        return None if self.timeless else tables.customers.select(customer_id=tables.customers.id)

    def segments(self) -> Iterable[str]:
        """Keys of the segments whose membership the condition reads; for finding cycles."""
        return ()


#: All conditions by key; the engine's own register here exactly as a plugin's do.
conditions: Registry[Condition[Any]] = Registry("condition", Condition)
