"""The columns of the log that everything needs, taken out of what an event says."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

_CENT = Decimal("0.01")
_VALUE_LIMIT = Decimal(10) ** 12 - 1
#: What says how much an event is worth, the first that does.
_MONEY = ("total", "revenue", "value")


class Promoted(NamedTuple):
    """The columns that everything needs, in the order in which an item has them."""

    value: Decimal | None
    currency: str | None
    product_sku: str | None
    category: str | None
    campaign: str | None


def columns_promoted(said: Mapping[str, Any], context_campaign: object) -> Promoted:
    """What an event says of them. What doesn't fit one stays in the properties only."""
    # Every event comes by here, and most say little: what is not said costs no call.
    get = said.get
    sku = get("product_id") or get("sku")
    campaign = get("campaign") or context_campaign
    return Promoted(
        _first_money(said),
        _fitting(get("currency"), 3) if "currency" in said else None,
        None if sku is None else _fitting(sku, 100),
        _fitting(get("category"), 200) if "category" in said else None,
        None if campaign is None else _fitting(campaign, 100),
    )


def _first_money(said: Mapping[str, Any]) -> Decimal | None:
    for name in _MONEY:
        if name in said and (money := _money(said[name])) is not None:
            return money
    return None


def _money(value: object) -> Decimal | None:
    # Nearly all are JSON numbers, and a shop's prices come again and again.
    if type(value) is float:
        return _price(value)
    return _amount(str(value)) if _is_amount(value) else None


@lru_cache(maxsize=10_000)
def _price(value: float) -> Decimal | None:
    return _amount(str(value))


def _amount(text: str) -> Decimal | None:
    try:
        money = Decimal(text)
    except (InvalidOperation, ValueError):
        return None
    if not money.is_finite() or not -_VALUE_LIMIT < money < _VALUE_LIMIT:
        return None
    return money.quantize(_CENT)


def _is_amount(value: object) -> bool:
    return isinstance(value, int | str | Decimal) and not isinstance(value, bool)


def _fitting(value: object, limit: int) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and 0 < len(value) <= limit else None
