"""A customer's events as staff read them, page by page."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from lifecycle_engine.core.documents import document_encode
from lifecycle_engine.events.models import Product
from lifecycle_engine.events.rows import LogEvent
from lifecycle_engine.events.timeline import Place, place_read, timeline

PAGE = 25
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
    "Customer Identified": "badge",
    "Page Viewed": "web",
}
_LINES = 20
_FACTS = 8
_TEXT = 120
#: What the heading and the lines of an event say already.
_SHOWN = {"products", "total", "currency"}


def timeline_context(
    request: HttpRequest, *, profile_ids: Sequence[int], at: datetime
) -> dict[str, Any]:
    """A page of what happened up to ``at``, newest first, and where the next one begins.

    The address says from where on (``before``), and may ask for one name and for days.
    """
    name = request.GET.get("event", "").strip().replace("\0", "")
    since, until = (_day(request.GET.get(key, "")) for key in ("since", "until"))
    latest = at if until is None else min(at, _midnight(until + timedelta(days=1)) - _INSTANT)
    place = place_read(request.GET.get("before", ""))
    before = place if place is not None and place.occurred_at <= latest else Place(latest)
    found = timeline(
        customer_ids=profile_ids,
        before=before,
        limit=PAGE + 1,
        start=None if since is None else _midnight(since),
        names=[name] if name else None,
    )
    shown = found[:PAGE]
    following = Place(shown[-1].occurred_at, shown[-1].id) if len(found) > PAGE else None
    filters = {"event": name, "since": _iso(since), "until": _iso(until)}
    return {
        "events": events_read(shown),
        "events_next": str(following) if following else "",
        "events_query": _query(filters),
        "events_first": before != place,
        "events_filter": filters,
        "events_filtered": any(filters.values()),
        "events_names": sorted({*_ICONS, *(event.name for event in shown)}),
    }


def events_read(events: Sequence[LogEvent]) -> list[dict[str, Any]]:
    """What the page shows of each event: an icon, its lines if it has some, and the rest."""
    names = _product_names(events)
    return [
        {
            "event": event,
            "icon": _ICONS.get(event.name, "bolt"),
            "lines": [_line(line, names) for line in _lines(event)[:_LINES]],
            "more_lines": max(0, len(_lines(event)) - _LINES),
            "facts": _facts(event, names),
            "link": _link(event),
        }
        for event in events
    ]


def _lines(event: LogEvent) -> list[Mapping[str, Any]]:
    products = _said(event).get("products")
    found = products if isinstance(products, list) else []
    return [line for line in found if isinstance(line, dict)]


def _said(event: LogEvent) -> Mapping[str, Any]:
    return event.properties if isinstance(event.properties, dict) else {}


def _sku(line: Mapping[str, Any]) -> str:
    return str(line.get("product_id") or line.get("sku") or "")


def _product_names(events: Sequence[LogEvent]) -> dict[str, str]:
    """The names of the products that the events name, where the catalogue has them."""
    skus = {event.product_sku for event in events if event.product_sku}
    skus |= {_sku(line) for event in events for line in _lines(event)[:_LINES]}
    known = Product.objects.filter(sku__in=[sku for sku in skus if "\0" not in sku])
    return dict(known.values_list("sku", "name"))


def _line(line: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    sku = _sku(line)
    return {
        "name": names.get(sku) or _text(line.get("name") or sku or "–"),
        "sku": sku if sku in names else "",
        "quantity": _text(line.get("quantity", "")),
        "price": _text(line.get("price", "")),
        "value": _text(line.get("value", "")),
    }


def _facts(event: LogEvent, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """The first few things that the event says and that are not shown elsewhere."""
    said = {
        key: value
        for key, value in _said(event).items()
        if key not in _SHOWN and not key.endswith("_hash") and value not in ("", None)
    }
    facts = [(_text(key), _text(value)) for key, value in said.items()]
    if product := names.get(event.product_sku or ""):
        facts.insert(0, (_("Product"), product))
    if event.campaign and "campaign" not in said:
        facts.append((_("Campaign"), event.campaign))
    more = len(facts) - _FACTS
    return [*facts[:_FACTS], *([("…", _("%(count)d more") % {"count": more})] if more > 0 else [])]


def _link(event: LogEvent) -> str:
    """Where the record is that the engine's own event tells of."""
    if event.source != "engine":
        return ""
    for key, page in (("coupon_id", "rewards_coupon"), ("message_id", "messaging_message")):
        if found := _said(event).get(key):
            return reverse(f"admin:{page}_change", args=[str(found)])
    return ""


def _text(value: object) -> str:
    text = value if isinstance(value, str) else document_encode(value).decode()
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


_INSTANT = timedelta(microseconds=1)


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _query(filters: Mapping[str, str]) -> str:
    query = QueryDict(mutable=True)
    query.update({key: value for key, value in filters.items() if value})
    return query.urlencode()
