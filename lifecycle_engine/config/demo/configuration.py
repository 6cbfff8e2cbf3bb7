"""What a marketer would set up in the admin: segments, an offer, templates, a campaign."""

from decimal import Decimal
from typing import Any

from campaigns.models import Campaign, CampaignState
from campaigns.services import campaign_publish, campaign_save
from lifecycle_engine.config.demo import NOW
from lifecycle_engine.config.environment import ROOT
from lifecycle_engine.messaging.services import template_save
from lifecycle_engine.rewards.models import Offer, OfferKind
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.services import segment_save

AUDIENCE = "valuable-at-risk"
CAMPAIGN = "win-back-december"
OFFER = "win-back-5-off"
#: The scorers, in the order in which the summary shows them.
SCORERS = ("churn.risk", "value.spend_30d", "recommender.next_products")

_SEGMENTS: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
    AUDIENCE: (
        "Valuable customers at risk",
        "Likely to spend, and likelier than most to stop: worth a coupon before they go.",
        [
            {
                "condition": "score.percentile",
                "scorer": "value.spend_30d",
                "operator": "at_least",
                "percentile": 30,
            },
            {
                "condition": "score.percentile",
                "scorer": "churn.risk",
                "operator": "at_least",
                "percentile": 50,
            },
        ],
    ),
    "lapsed-seafood-buyers": (
        "Lapsed seafood buyers",
        "Bought fresh seafood before, but not for sixty days.",
        [{"condition": "category.lapsed", "department": "SEAFOOD", "days": 60}],
    ),
    "regulars": (
        "Regular customers",
        "At least eight orders in the last ninety days.",
        [{"condition": "event.count", "name": "Order Completed", "at_least": 8, "days": 90}],
    ),
    "gone-quiet": (
        "Gone quiet",
        "No order for thirty days, but some before.",
        [{"condition": "order.recency", "at_least_days": 30}],
    ),
}
_TEMPLATES = ROOT / "templates" / "messages"


def segments_configure() -> list[Segment]:
    """Save the demo's segments; what is there already stays as it is."""
    return [
        segment_save(
            key=key,
            name=name,
            description=description,
            rule={"version": 1, "rule": {"all": conditions}},
            by="demo",
        )
        for key, (name, description, conditions) in _SEGMENTS.items()
    ]


def campaign_configure(audience: Segment) -> Campaign:
    """Save and publish the demo's campaign with its offer and templates, unless it is there."""
    known = Campaign.objects.filter(key=CAMPAIGN).first()
    if known is not None and known.state != CampaignState.DRAFT:
        return known
    _offer_configure()
    _templates_configure()
    campaign = campaign_save(
        key=CAMPAIGN,
        name="Win back valuable customers",
        segment_id=audience.pk,
        trigger={
            "kind": "schedule",
            "every": "once",
            "date": NOW.date().isoformat(),
            "time": "00:00",
            "zone": "UTC",
        },
        journey={
            "start": "coupon",
            "steps": {
                "coupon": {
                    "action": "coupon.issue",
                    "config": {"offer": OFFER},
                    "next": "email",
                },
                "email": {
                    "action": "message.email",
                    "config": {"template": "win-back-email", "recommendations": 3},
                    "next": "sms",
                },
                "sms": {"action": "message.sms", "config": {"template": "win-back-sms"}},
            },
        },
        policy={"holdout": 0.1, "goal": "Order Completed", "goal_days": 30},
    )
    campaign_publish(campaign_id=campaign.pk, at=NOW)
    return campaign


def _offer_configure() -> None:
    Offer.objects.get_or_create(
        key=OFFER,
        defaults={
            "name": "5 USD off your next shopping",
            "kind": OfferKind.AMOUNT,
            "value": Decimal(5),
            "max_discount": Decimal(5),
            "minimum_order": Decimal(20),
            "currency": "USD",
            "budget": Decimal(5000),
            "valid_days": 30,
        },
    )


def _templates_configure() -> None:
    template_save(
        key="win-back-email",
        name="Win-back e-mail",
        channel="email",
        subject="{{ customer.first_name | default: 'Hello' }}, 5 USD off your next shopping",
        text=(_TEMPLATES / "winback_email.txt.liquid").read_text(),
        html=(_TEMPLATES / "winback_email.html.liquid").read_text(),
    )
    template_save(
        key="win-back-sms",
        name="Win-back SMS",
        channel="sms",
        text=(_TEMPLATES / "winback_sms.txt.liquid").read_text(),
    )
