"""Issuing a coupon to each customer."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field

from lifecycle_engine.rewards.models import Coupon, Offer, OfferKind
from lifecycle_engine.rewards.services import coupons_issue
from lifecycle_engine.sdk.actions import Action, ActionOutcome, Batch, ConfigProblem, actions
from lifecycle_engine.sdk.registry import Config


class CouponConfig(Config):
    """Which offer the coupons are of."""

    offer: str = Field(min_length=1, title="Offer", description="Key of the offer.")


@actions.register
class CouponIssue(Action[CouponConfig]):
    """Issues one coupon of an offer per customer and occurrence, as far as the budget goes.

    Required: a message that promises a coupon must not go to someone who was refused one.
    """

    key = "coupon.issue"
    label = gettext_lazy("Issue a coupon")
    Config = CouponConfig
    required = True

    def execute(self, batch: Batch) -> Mapping[int, ActionOutcome]:
        """Issue coupons for all; whoever the budget refuses is refused by the gate ``budget``."""
        if not batch.recipients:
            return {}
        offer = Offer.objects.get(key=self.config.offer)
        issued = coupons_issue(
            offer_id=offer.pk,
            customer_ids=[recipient.id for recipient in batch.recipients],
            occasion=batch.occasion,
            at=batch.at,
        )
        refusal = ActionOutcome.refused(
            gate="budget", reason=_("The offer “%s” has nothing left.") % offer.key
        )
        return {
            recipient.id: _issued(issued.coupons[recipient.id], offer)
            if recipient.id in issued.coupons
            else refusal
            for recipient in batch.recipients
        }

    def problems(self) -> Iterable[ConfigProblem]:
        """The offer has to exist and be active."""
        if not Offer.objects.filter(key=self.config.offer, active=True).exists():
            yield ConfigProblem("offer", self.config.offer, _("there is no such active offer"))

    def sentence(self) -> str:
        """The step in words."""
        return _("issue a coupon of the offer “%s”") % self.config.offer


def _issued(coupon: Coupon, offer: Offer) -> ActionOutcome:
    context: dict[str, Any] = {
        "code": coupon.code,
        "value_text": _value_text(offer),
        "expires_on": date_format(coupon.expires_at, "j F Y"),
        "expires_at": coupon.expires_at.isoformat(),
        "offer": offer.name,
        "kind": offer.kind,
        "value": str(offer.value),
        "minimum_order": str(offer.minimum_order),
        "currency": offer.currency,
    }
    return ActionOutcome.acted(reference=coupon.code, context={"coupon": context})


def _value_text(offer: Offer) -> str:
    if offer.kind == OfferKind.PERCENT:
        return f"{offer.value.normalize():f}%"
    return f"{offer.value:.2f} {offer.currency}"
