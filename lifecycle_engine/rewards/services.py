"""Issuing coupons within a budget, and redeeming each of them once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lifecycle_engine.rewards.codes import code_generate
from lifecycle_engine.rewards.models import Coupon


@dataclass(frozen=True)
class IssueResult:
    """The coupons by customer id, old and new, and the customers whom the budget refused."""

    coupons: dict[int, Coupon]
    refused: list[int]


@dataclass(frozen=True)
class RedemptionResult:
    """What a redemption is worth."""

    coupon_id: int
    code: str
    order_id: str
    discount: Decimal
    currency: str
    replayed: bool


def coupons_issue(
    *,
    offer_id: int,
    customer_ids: Sequence[int],
    occasion: str,
    at: datetime,
    code: Callable[[], str] = code_generate,
) -> IssueResult:
    """Give each customer a coupon of the offer, as far as its budget goes, in the order given."""
    raise NotImplementedError


def coupon_redeem(
    *,
    code: str,
    order_id: str,
    order_value: Decimal,
    currency: str,
    source: str,
    idempotency_key: str,
    at: datetime,
    customer: str | None = None,
) -> RedemptionResult:
    """Redeem a coupon for an order, once; the same key gives the same answer again."""
    raise NotImplementedError
