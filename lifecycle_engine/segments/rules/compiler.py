"""From a rule to one Ibis expression: selecting an audience, and explaining one customer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial, reduce
from operator import and_, or_
from typing import Any, TypeVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.common.exceptions import IbisError

from lifecycle_engine.sdk.errors import SdkError
from lifecycle_engine.sdk.tables import Moment, Tables
from lifecycle_engine.segments.rules.tree import Group, Leaf, Rule
from lifecycle_engine.warehouse.errors import WarehouseError
from lifecycle_engine.warehouse.kept import Question
from lifecycle_engine.warehouse.session import SessionTables

_SCHEMA = pa.schema([pa.field("customer_id", pa.int64())])

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class Outcome:
    """What came of a condition for one customer.

    Attributes:
        holds: whether it holds.
        observed: what it saw, such as a number of orders; None where it has nothing to show.
    """

    holds: bool
    observed: object = None


class RuleEvaluationError(Exception):
    """A rule could not be evaluated: that is neither true nor false for anybody."""


def rule_select(rule: Rule, tables: Tables) -> pa.Table:
    """The customers for whom the rule holds as of ``tables.as_of``.

    Args:
        rule: what ``rule_parse`` gave; one that is not finished selects nobody.
        tables: where to look; those of some customers select among these.

    Returns:
        One column, ``customer_id``, int64, in no particular order.

    Raises:
        RuleEvaluationError: a condition can't be compiled or the query fails.
    """
    if rule.root is None or not rule.finished:
        return _SCHEMA.empty_table()
    question = partial(_selection, rule.root)
    key = ("rule", _key(rule.root))
    found = _evaluated("rule", lambda: _selected(key, question, tables, tables.as_of))
    return found.cast(_SCHEMA)


def rule_expression(rule: Rule, tables: Tables) -> ir.Table:
    """The customers for whom the rule holds, as a table of ``customer_id`` yet to be computed.

    Args:
        rule: a finished one.
        tables: where to look.

    Raises:
        RuleEvaluationError: the rule is not finished, or a condition can't be compiled.
    """
    if rule.root is None or not rule.finished:
        raise RuleEvaluationError("rule: it is not finished")
    return _selection(rule.root, tables, Moment(tables.as_of))


def _selected(key: Hashable, question: Question, tables: Tables, since: datetime) -> Any:
    if isinstance(tables, SessionTables):
        return tables.select(key, question, since=since)
    expression = question(tables, Moment(since))
    return None if expression is None else tables.execute(expression)


def _key(node: Group | Leaf) -> Hashable:
    """What a rule's expression depends on: the conditions themselves, and their configurations."""
    if isinstance(node, Leaf):
        return type(node.condition), node.condition.config.model_dump_json()
    return node.kind, tuple(_key(child) for child in node.children)


def rule_explain(rule: Rule, tables: Tables, *, customer_id: int) -> dict[str, Outcome]:
    """What came of each condition for one customer, by the condition's path.

    Best asked of this customer's tables only, ``warehouse_session(customer_ids=[customer_id])``.
    Empty when the customer is unknown to the warehouse or the rule has no condition.

    Raises:
        RuleEvaluationError: a condition can't be compiled or the query fails.
    """
    if not rule.leaves:
        return {}
    customer = tables.customers.filter(tables.customers.id == customer_id)
    columns = {f"leaf_{i}": _leaf(leaf, tables, customer) for i, leaf in enumerate(rule.leaves)}
    for i, leaf in enumerate(rule.leaves):
        observed = _observed(leaf, tables, customer)
        if observed is not None:
            columns[f"observed_{i}"] = observed
    rows = _evaluated("rule", lambda: tables.execute(customer.select(**columns))).to_pylist()
    if not rows:
        return {}
    return {
        leaf.path: Outcome(rows[0][f"leaf_{i}"], rows[0].get(f"observed_{i}"))
        for i, leaf in enumerate(rule.leaves)
    }


def rule_expiring(rule: Rule, tables: Tables, *, since: datetime) -> pa.Table:
    """Customers for whom the rule may have changed since then only because time passed.

    Costs what there is to look at: tables that no condition asks for are not read, and a rule
    that time alone never changes reads nothing.

    Args:
        rule: what ``rule_parse`` gave.
        tables: the rows of all customers, as of the later moment.
        since: the earlier moment.

    Returns:
        One column, ``customer_id``, int64, each once; perhaps ids that are no customer's.

    Raises:
        RuleEvaluationError: a condition can't be compiled or the query fails.
    """
    if rule.root is None or not rule.finished:
        return _SCHEMA.empty_table()
    question = partial(_expired, rule.leaves)
    key = ("expiring", *(_key(leaf) for leaf in rule.leaves))
    found = _evaluated("rule", lambda: _selected(key, question, tables, since))
    return _SCHEMA.empty_table() if found is None else found.cast(_SCHEMA)


def _expired(leaves: Sequence[Leaf], tables: Tables, since: Moment) -> ir.Table | None:
    found = [_expiring(leaf, tables, since) for leaf in leaves]
    ids = [
        table.select(customer_id=table.customer_id.cast("int64"))
        for table in found
        if table is not None
    ]
    if not ids:
        return None
    every = ids[0] if len(ids) == 1 else ibis.union(*ids)
    return every.drop_null().distinct()


def _selection(root: Group | Leaf, tables: Tables, _since: Moment) -> ir.Table:
    customers = tables.customers
    return customers.filter(_node(root, tables)).select(customer_id=customers.id)


def _node(node: Group | Leaf, tables: Tables) -> ir.BooleanValue:
    if isinstance(node, Leaf):
        return _leaf(node, tables, tables.customers)
    children = [_node(child, tables) for child in node.children]
    if node.kind == "all":
        return reduce(and_, children)
    either = reduce(or_, children)
    return ~either if node.kind == "none" else either


def _leaf(leaf: Leaf, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
    """The condition's expression, never null: a null that met a NOT would stay null."""
    return _asked(leaf, lambda: leaf.condition.expression(tables, customers).fill_null(False))


def _observed(leaf: Leaf, tables: Tables, customers: ir.Table) -> ir.Value | None:
    return _asked(leaf, lambda: leaf.condition.observed(tables, customers))


def _expiring(leaf: Leaf, tables: Tables, since: Moment) -> ir.Table | None:
    return _asked(leaf, lambda: leaf.condition.expiring(tables, since))


def _asked(leaf: Leaf, question: Callable[[], AnswerT]) -> AnswerT:
    """What the condition says, with whatever its plugin may raise given one type.

    Nothing is swallowed here: it is raised again with its cause. A list of types would not do:
    nobody knows what a plugin's own error is derived from, and one plugin's mistake must not keep
    the segments of others from being computed.
    """
    try:
        return question()
    except Exception as error:
        raise RuleEvaluationError(f"{leaf.path}: {type(error).__name__}: {error}") from error


def _evaluated(path: str, work: Callable[[], Any]) -> Any:
    """Run what plugins and the query engine do, and give their failures one type."""
    try:
        return work()
    except (IbisError, pa.ArrowException, SdkError, WarehouseError) as error:
        raise RuleEvaluationError(f"{path}: {error}") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise RuleEvaluationError(f"{path}: {type(error).__name__}: {error}") from error
