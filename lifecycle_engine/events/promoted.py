"""The columns of the log that everything needs, taken out of what an event says."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

_CENT = Decimal("0.01")
_VALUE_LIMIT = Decimal(10) ** 12 - 1


def columns_promoted(said: Mapping[str, Any], context_campaign: object) -> dict[str, Any]:
    """The columns that everything needs. What doesn't fit one stays in the properties only."""
    # Every event comes by here, and most say little: what is not said costs no call.
    get = said.get
    sku = get("product_id") or get("sku")
    campaign = get("campaign") or context_campaign
    return {
        "value": _first_money(get("total"), get("revenue"), get("value")),
        "currency": _fitting(get("currency"), 3) if "currency" in said else None,
        "product_sku": None if sku is None else _fitting(sku, 100),
        "category": _fitting(get("category"), 200) if "category" in said else None,
        "campaign": None if campaign is None else _fitting(campaign, 100),
    }


def _first_money(*values: object) -> Decimal | None:
    for value in values:
        if value is not None and (money := _money(value)) is not None:
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
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and 0 < len(value) <= limit else None
