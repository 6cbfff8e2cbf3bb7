"""A customer's page: all the engine knows of one person, and what happened, page by page."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.customers.consents import consents_newest
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Event, Product
from lifecycle_engine.messaging.models import Message
from lifecycle_engine.rewards.models import Coupon
from lifecycle_engine.scoring.models import Recommendation, Score
from lifecycle_engine.segments.models import CustomerStage, Membership

PAGE = 25
_ROWS = 10
_ICONS = {
    "Order Completed": "shopping_bag",
    "Product Viewed": "visibility",
    "Product Added": "add_shopping_cart",
    "Campaign Received": "campaign",
    "Coupon Issued": "confirmation_number",
    "Coupon Redeemed": "redeem",
    "Email Sent": "mail",
    "SMS Sent": "sms",
    "Stage Changed": "stairs",
}


def customer_context(request: HttpRequest, customer: Customer) -> dict[str, Any]:
    """What the page shows; a fixed number of short queries, whatever the customer's history."""
    at = business_now()
    return {
        "customer": customer,
        "title": str(customer),
        "attributes": sorted(customer.attributes.items()),
        "identifiers": customer.identifiers.order_by("kind", "value")[:_ROWS],
        "consents": [
            (entry, entry.stands(at=at))
            for entry in consents_newest(customer_id=customer.pk, at=at)
        ],
        "stage": CustomerStage.objects.filter(customer=customer).first(),
        "segments": Membership.objects.filter(customer=customer)
        .select_related("segment")
        .order_by("segment__name")[:_ROWS],
        "scores": Score.objects.filter(customer=customer).order_by("scorer_key"),
        "recommended": recommended_products(customer=customer),
        "coupons": Coupon.objects.filter(customer=customer)
        .select_related("offer", "redemption")
        .order_by("-id")[:_ROWS],
        "messages_sent": Message.objects.filter(customer=customer)
        .select_related("template")
        .order_by("-id")[:_ROWS],
        **timeline(customer=customer, at=at, before=request.GET.get("before", "")),
    }


def recommended_products(*, customer: Customer) -> list[dict[str, Any]]:
    """The recommended products with their names, best first."""
    newest = Recommendation.objects.filter(customer=customer).order_by("-as_of").first()
    items = newest.items[:_ROWS] if newest else []
    products = Product.objects.in_bulk([item["sku"] for item in items], field_name="sku")
    return [
        {
            "sku": item["sku"],
            "name": products[item["sku"]].name if item["sku"] in products else item["sku"],
            "reason": item.get("reason", ""),
        }
        for item in items
    ]


def timeline(*, customer: Customer, at: datetime, before: str) -> dict[str, Any]:
    """A page of what happened up to ``at``, newest first, and where the next one begins.

    Args:
        customer: whose.
        at: nothing later is shown.
        before: the place that an earlier page named; anything else means the beginning.
    """
    events = Event.objects.filter(customer=customer, occurred_at__lte=at)
    place = _place_read(before)
    if place is not None:
        # As a row comparison would: the index of (customer, occurred_at) leads straight there.
        same_moment = events.filter(occurred_at=place[0], id__lt=place[1])
        events = events.filter(occurred_at__lt=place[0]) | same_moment
    rows = list(events.order_by("-occurred_at", "-id")[: PAGE + 1])
    shown, more = rows[:PAGE], len(rows) > PAGE
    return {
        "events": [_event(event) for event in shown],
        "events_next": _place(shown[-1]) if more else "",
        "events_first": place is None,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "event": event,
        "icon": _ICONS.get(event.name, "bolt"),
        "summary": _summary(event),
    }


def _summary(event: Event) -> str:
    properties = event.properties if isinstance(event.properties, dict) else {}
    parts = []
    products = properties.get("products")
    if isinstance(products, list):
        parts.append(_("%(count)d lines") % {"count": len(products)})
    more = (event.product_sku, event.category, event.campaign, properties.get("store"))
    parts += [str(value) for value in more if value]
    return " · ".join(parts)


def _place(event: Event) -> str:
    return f"{event.occurred_at.isoformat()}~{event.id}"


def _place_read(text: str) -> tuple[datetime, UUID] | None:
    moment, _tilde, event_id = text.partition("~")
    try:
        place = datetime.fromisoformat(moment), UUID(event_id)
    except ValueError:
        return None
    return place if place[0].tzinfo else None
