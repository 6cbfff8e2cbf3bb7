"""What a condition has to keep to, checked in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa
from pydantic import ValidationError

from lifecycle_engine.sdk.conditions import Condition

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Tables


def check_condition(
    condition: type[Condition[Any]], config: Mapping[str, Any], tables: Tables
) -> list[int]:
    """Check a condition with a valid configuration over some tables.

    The config is closed and survives a round trip through JSON, the sentence says something, the
    expression is one boolean per customer, gives the same answer twice, the same for one customer
    alone as among all, and accepts having nobody to look at.

    Returns:
        The ids of the customers for whom it holds, ascending.

    Raises:
        AssertionError: the condition breaks a promise; the message says which.
    """
    parsed = condition.Config.model_validate(dict(config))
    _check_config(condition, parsed.model_dump(mode="json", exclude_none=True))
    held = condition(parsed)
    assert held.sentence().strip(), f"{condition.key}: the sentence is empty"
    members = _members(held, tables, tables.customers)
    assert members == _members(held, tables, tables.customers), (
        f"{condition.key}: two evaluations differ"
    )
    nobody = tables.customers.filter(tables.customers.id < 0)
    assert _members(held, tables, nobody) == [], f"{condition.key}: selects from an empty table"
    everyone = tables.execute(tables.customers.select("id")).column("id").to_pylist()
    for customer_id in (*members[:2], *sorted(set(everyone) - set(members))[:2]):
        alone = _members(held, tables, tables.customers.filter(tables.customers.id == customer_id))
        assert (alone == [customer_id]) == (customer_id in members), (
            f"{condition.key}: customer {customer_id} alone and among all customers differ"
        )
    return members


def _check_config(condition: type[Condition[Any]], plain: dict[str, Any]) -> None:
    again = condition.Config.model_validate(plain).model_dump(mode="json", exclude_none=True)
    assert again == plain, f"{condition.key}: the config does not survive a round trip"
    try:
        condition.Config.model_validate({**plain, "no_such_field": 1})
    except ValidationError:
        return
    raise AssertionError(f"{condition.key}: the config accepts an unknown field")


def _members(held: Condition[Any], tables: Tables, customers: ir.Table) -> list[int]:
    expression = held.expression(tables, customers)
    assert isinstance(expression.type(), dt.Boolean), f"{held.key}: not a boolean expression"
    chosen: pa.Table = tables.execute(customers.filter(expression.fill_null(False)).select("id"))
    return sorted(chosen.column("id").to_pylist())
