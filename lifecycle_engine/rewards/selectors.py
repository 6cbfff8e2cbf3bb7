"""Reading coupons: whether one is good, and which a customer has."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.profile import JSON
from lifecycle_engine.rewards.codes import code_normalise
from lifecycle_engine.rewards.models import Coupon, CouponState


@dataclass(frozen=True)
class CouponTerms:
    """A valid coupon's terms; ``discount`` is known when the order's value is."""

    code: str
    offer: str
    kind: str
    value: Decimal
    max_discount: Decimal
    minimum_order: Decimal
    currency: str
    expires_at: datetime
    discount: Decimal | None


def coupon_validate(
    *,
    code: str,
    at: datetime,
    order_value: Decimal | None = None,
    currency: str | None = None,
    customer: str | None = None,
) -> CouponTerms | None:
    """The terms of a coupon that could be redeemed now, or None, for whatever cause."""
    params = {
        "code": code_normalise(code),
        "at": at,
        "order_value": order_value,
        "currency": currency,
        "customer": customer,
    }
    rows = sql_rows("rewards", "coupon_validate", params)
    if not rows:
        return None
    return CouponTerms(*rows[0])


def coupons_of(*, customer_ids: Sequence[int], at: datetime) -> dict[int, list[Coupon]]:
    """The coupons that each customer can still redeem, those that run out first foremost."""
    found = Coupon.objects.select_related("offer").filter(
        customer_id__in=customer_ids, state=CouponState.ISSUED, expires_at__gt=at
    )
    by_customer: dict[int, list[Coupon]] = defaultdict(list)
    for coupon in found.order_by("expires_at", "pk"):
        by_customer[coupon.customer_id].append(coupon)
    return dict(by_customer)


def coupons_section(*, customer_ids: Sequence[int], at: datetime) -> dict[int, JSON]:
    """What a customer's profile says of their coupons."""
    return {
        customer_id: [
            {
                "code": coupon.code,
                "offer": coupon.offer.key,
                "name": coupon.offer.name,
                "expires_at": coupon.expires_at.isoformat(),
            }
            for coupon in coupons
        ]
        for customer_id, coupons in coupons_of(customer_ids=customer_ids, at=at).items()
    }
