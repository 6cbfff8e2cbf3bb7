"""Issuing coupons within a budget, redeeming each of them once, and letting them run out."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.utils.translation import gettext as _

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.events.rows import EngineEvent
from lifecycle_engine.events.services import events_record
from lifecycle_engine.rewards.codes import code_generate, code_normalise
from lifecycle_engine.rewards.models import Coupon, Offer, Redemption

_CODE_TRIES = 5


class OfferUnknownError(Exception):
    """There is no such offer."""


class CodesExhaustedError(Exception):
    """No free coupon code was found."""


class CouponRefusedError(Exception):
    """The coupon can't be redeemed for this order.

    Unknown, expired, used, another customer's, another currency's, too small an order: all are
    refused alike, so that who guesses codes learns nothing.
    """

    def __init__(self) -> None:
        super().__init__(_("This coupon can't be redeemed for this order."))


class IdempotencyError(Exception):
    """An idempotency key came again with another request."""


@dataclass(frozen=True)
class IssueResult:
    """The coupons by customer id, old and new, and the customers whom the budget refused."""

    coupons: dict[int, Coupon]
    refused: list[int]


@dataclass(frozen=True)
class RedemptionResult:
    """What a redemption is worth, and whether the answer was given before."""

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
    """Give each customer a coupon of the offer, as far as its budget goes, in the order given.

    Who has one for this occasion keeps it, so a second call returns the same coupons and reserves
    nothing. The offer stays locked until the caller's transaction ends.

    Args:
        offer_id: the offer.
        customer_ids: who is to get one; the first ones are served first.
        occasion: what for, such as a campaign's occurrence; one coupon per customer and occasion.
        at: business time of the issue.
        code: makes a code; taken ones are tried again.

    Raises:
        OfferUnknownError: the offer doesn't exist.
    """
    wanted = list(dict.fromkeys(customer_ids))
    with transaction.atomic():
        # Everyone who issues coupons of this offer waits here, and so sees what the one before
        # has issued. Without the lock two calls for the same customers would both reserve.
        offer = Offer.objects.select_for_update(no_key=True).filter(pk=offer_id).first()
        if offer is None:
            raise OfferUnknownError(f"There is no offer {offer_id}")
        coupons = _coupons_of(offer, wanted, occasion)
        missing = [customer_id for customer_id in wanted if customer_id not in coupons]
        served = missing[: _reserve(offer, len(missing))]
        if served:
            _coupons_insert(offer, served, occasion, at, code)
            fresh = _coupons_of(offer, served, occasion)
            events_record(rows=[_issued(coupon, offer) for coupon in fresh.values()])
            coupons |= fresh
    return IssueResult(
        coupons={each: coupons[each] for each in wanted if each in coupons},
        refused=missing[len(served) :],
    )


def _coupons_of(offer: Offer, customer_ids: Collection[int], occasion: str) -> dict[int, Coupon]:
    found = Coupon.objects.filter(offer=offer, occasion=occasion, customer_id__in=customer_ids)
    return {coupon.customer_id: coupon for coupon in found}


def _reserve(offer: Offer, wanted: int) -> int:
    granted = sql_rows("rewards", "offer_reserve", {"offer_id": offer.pk, "wanted": wanted})
    return int(granted[0][0]) if granted else 0


def _coupons_insert(
    offer: Offer, customer_ids: list[int], occasion: str, at: datetime, code: Callable[[], str]
) -> None:
    left = customer_ids
    for _try in range(_CODE_TRIES):
        params = {
            "offer_id": offer.pk,
            "customer_ids": left,
            "codes": [code() for _customer in left],
            "occasion": occasion,
            "reserved": offer.max_discount,
            "issued_at": at,
            "expires_at": at + timedelta(days=offer.valid_days),
        }
        written = {customer_id for (customer_id,) in sql_rows("rewards", "coupons_insert", params)}
        left = [customer_id for customer_id in left if customer_id not in written]
        if not left:
            return
    raise CodesExhaustedError(
        f"Offer {offer.key!r}: no free code for {len(left)} coupons in {_CODE_TRIES} tries"
    )


def _issued(coupon: Coupon, offer: Offer) -> EngineEvent:
    return EngineEvent(
        customer_id=coupon.customer_id,
        name="Coupon Issued",
        message_id=f"coupon-issued:{coupon.pk}",
        occurred_at=coupon.issued_at,
        properties={
            "coupon_id": coupon.pk,
            "offer": offer.key,
            "occasion": coupon.occasion,
            "expires_at": coupon.expires_at.isoformat(),
        },
        value=coupon.reserved,
        currency=offer.currency,
    )


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
    """Redeem a coupon for an order, once; the same key gives the same answer again.

    Args:
        code: the code as somebody typed it.
        order_id: the shop's number of the order.
        order_value: what the order comes to before the discount.
        currency: the order's currency; a coupon is good for its offer's currency only.
        source: who redeems; idempotency keys are unique per source.
        idempotency_key: names this request.
        at: business time.
        customer: the shop's number of who orders; a coupon of somebody else is refused.

    Raises:
        CouponRefusedError: the coupon can't be redeemed, for whatever cause; nothing changes.
        IdempotencyError: the key came before, with another coupon or order.
    """
    read_code = code_normalise(code)
    with transaction.atomic():
        # Two requests with one key go one after the other; the second then finds the answer.
        _key_lock(source, idempotency_key)
        answered = _redemption_answered(source, idempotency_key)
        if answered is not None:
            _same_check(answered, (read_code, order_id, order_value))
            return _result(answered, replayed=True)
        params = {
            "code": read_code,
            "order_id": order_id,
            "order_value": order_value,
            "currency": currency,
            "source": source,
            "idempotency_key": idempotency_key,
            "at": at,
            "customer": customer,
        }
        if not sql_rows("rewards", "coupon_redeem", params):
            raise CouponRefusedError
        redemption = _redemption_answered(source, idempotency_key)
        assert redemption is not None  # noqa: S101 - the statement above has just written it.
        events_record(rows=[_redeemed(redemption)])
    return _result(redemption, replayed=False)


def _key_lock(source: str, idempotency_key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"redemption:{source}:{idempotency_key}"],
        )


def _redemption_answered(source: str, idempotency_key: str) -> Redemption | None:
    found = Redemption.objects.select_related("coupon__offer")
    return found.filter(source=source, idempotency_key=idempotency_key).first()


def _same_check(answered: Redemption, asked: tuple[str, str, Decimal]) -> None:
    if (answered.coupon.code, answered.order_id, answered.order_value) != asked:
        raise IdempotencyError(
            _("The idempotency key %(key)r was used for another request.")
            % {"key": answered.idempotency_key}
        )


def _result(redemption: Redemption, *, replayed: bool) -> RedemptionResult:
    return RedemptionResult(
        coupon_id=redemption.coupon_id,
        code=redemption.coupon.code,
        order_id=redemption.order_id,
        discount=redemption.discount,
        currency=redemption.coupon.offer.currency,
        replayed=replayed,
    )


def _redeemed(redemption: Redemption) -> EngineEvent:
    coupon = redemption.coupon
    return EngineEvent(
        customer_id=coupon.customer_id,
        name="Coupon Redeemed",
        message_id=f"coupon-redeemed:{coupon.pk}",
        occurred_at=redemption.redeemed_at,
        properties={
            "coupon_id": coupon.pk,
            "offer": coupon.offer.key,
            "occasion": coupon.occasion,
            "order_id": redemption.order_id,
            "order_value": str(redemption.order_value),
        },
        value=redemption.discount,
        currency=coupon.offer.currency,
    )


def coupons_expire(*, at: datetime, limit: int) -> int:
    """Let coupons run out and free what was reserved for them; returns how many."""
    ((expired,),) = sql_rows("rewards", "coupons_expire", {"at": at, "limit": limit})
    return int(expired)
