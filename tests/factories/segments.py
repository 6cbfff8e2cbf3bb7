"""Segments, and tables held in memory for rules to run on."""

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import factory
import pyarrow as pa

from lifecycle_engine.rewards.registrations import COUPONS
from lifecycle_engine.scoring.tables import RECOMMENDATIONS, SCORES
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.segments.models import Membership, Segment
from lifecycle_engine.segments.tables import CONSENTS, MEMBERSHIPS, STAGES
from lifecycle_engine.warehouse.engines.base import Engine
from lifecycle_engine.warehouse.schemas import CUSTOMERS, EVENTS, ORDER_LINES, ORDERS, PRODUCTS

NOW = datetime(2017, 12, 1, tzinfo=UTC)

SCHEMAS = {
    "customers": CUSTOMERS,
    "products": PRODUCTS,
    "events": EVENTS,
    "orders": ORDERS,
    "order_lines": ORDER_LINES,
    "memberships": MEMBERSHIPS,
    "stages": STAGES,
    "consents": CONSENTS,
    "coupons": COUPONS,
    "recommendations": RECOMMENDATIONS,
    "scores": SCORES,
}


class SegmentFactory(factory.django.DjangoModelFactory):
    """A live segment of everybody in Germany, not computed yet."""

    class Meta:
        model = Segment

    key = factory.Sequence(lambda n: f"segment-{n}")
    name = factory.LazyAttribute(lambda segment: segment.key.title())
    rule = factory.LazyFunction(lambda: country_rule("DE"))
    #: Of the members that a test says were computed.
    members_version = factory.LazyAttribute(lambda segment: segment.as_of and 1)
    as_of = None


class MembershipFactory(factory.django.DjangoModelFactory):
    """A customer in a segment since "now"."""

    class Meta:
        model = Membership

    segment = factory.SubFactory(SegmentFactory)
    joined_at = NOW


def rule(*conditions: dict[str, Any], group: str = "all") -> dict[str, Any]:
    """A rule's document of one group."""
    return {"version": 1, "rule": {group: list(conditions)}}


def country_rule(country: str) -> dict[str, Any]:
    """A rule that holds for the customers of a country."""
    return rule({"condition": "attribute", "field": "country", "operator": "is", "value": country})


def ago(days: float) -> datetime:
    """So many times 24 hours before "now"."""
    return NOW - timedelta(days=days)


class MemoryTables:
    """The warehouse's tables over given rows; columns that a row leaves out are null."""

    def __init__(self, engine: Engine, **rows: list[dict[str, Any]]) -> None:
        self.as_of = NOW
        self._engine = engine
        self._ids: list[int] | None = None
        self._tables = {
            name: engine.live_table(name, pa.Table.from_pylist(rows.get(name, []), schema=schema))
            for name, schema in SCHEMAS.items()
        }

    def at(self, moment: datetime) -> "MemoryTables":
        """The same rows as of another moment."""
        other = object.__new__(MemoryTables)
        other.__dict__.update(self.__dict__, as_of=moment)
        return other

    def of(self, customer_ids: Collection[int]) -> "MemoryTables":
        """The same, but of rows that are about customers those of some customers only."""
        other = self.at(self.as_of)
        other._ids = list(customer_ids)
        return other

    def __getitem__(self, name):
        table = self._tables[name]
        if "occurred_at" in table:
            table = table.filter(table.occurred_at < self.as_of)
        column = "id" if name == "customers" else "customer_id"
        if self._ids is None or column not in table:
            return table
        return table.filter(table[column].isin(self._ids))

    def __getattr__(self, name):
        return self[name]

    moment = Tables.moment

    def execute(self, expression):
        return self._engine.execute(expression)


def customer_row(customer_id: int, **columns: Any) -> dict[str, Any]:
    """A row of the customers table; ``attributes`` as a dictionary."""
    attributes = json.dumps(columns.pop("attributes", {}))
    return {
        "id": customer_id,
        "external_id": f"c{customer_id}",
        "created_at": ago(300),
        "attributes": attributes,
        **columns,
    }


def event_row(customer_id: int, name: str, days: float, **properties: Any) -> dict[str, Any]:
    """A row of the events table."""
    return {
        "id": f"{customer_id}-{name}-{days}",
        "customer_id": customer_id,
        "name": name,
        "occurred_at": ago(days),
        "properties": json.dumps(properties),
    }


def order_row(customer_id: int, days: float, value: float = 10.0) -> dict[str, Any]:
    """A row of the orders table."""
    return {
        "event_id": f"{customer_id}-{days}-{value}",
        "customer_id": customer_id,
        "occurred_at": ago(days),
        "value": value,
    }


def line_row(customer_id: int, days: float, department: str, order: str = "") -> dict[str, Any]:
    """A row of the order lines table."""
    return {
        "event_id": order or f"{customer_id}-{days}",
        "customer_id": customer_id,
        "occurred_at": ago(days),
        "sku": "s1" if department == "PASTRY" else "s2",
        "department": department,
        "category": department.title(),
    }
