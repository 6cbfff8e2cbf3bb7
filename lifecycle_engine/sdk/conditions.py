"""Conditions: the leaves of the rule language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import ibis.expr.types as ir

from lifecycle_engine.sdk.registry import Config, Extension, Registry

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Tables

ConfigT = TypeVar("ConfigT", bound=Config)


class Condition(Extension, Generic[ConfigT]):
    """Something that holds for a customer or doesn't, as of a moment.

    A subclass sets ``key``, ``label`` and ``Config`` (closed: unknown fields are refused) and says
    with ``expression`` when the condition holds and with ``sentence`` how people say it. The same
    expression selects an audience, tests the few customers that changed and explains one customer,
    so these can't disagree.

    In a rule a condition is written ``{"condition": "<key>", …fields of Config}``.
    """

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

    def segments(self) -> Iterable[str]:
        """Keys of the segments whose membership the condition reads; for finding cycles."""
        return ()


#: All conditions by key; the engine's own register here exactly as a plugin's do.
conditions: Registry[Condition[Any]] = Registry("condition", Condition)
