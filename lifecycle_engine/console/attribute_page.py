"""What was said of a customer's attributes, change by change."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from lifecycle_engine.console.privacy_pages import staff_access_note
from lifecycle_engine.console.site import site_context
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.privacy_models import AccessAction
from lifecycle_engine.events.attribute_log import (
    AttributeChange,
    HistoryPlace,
    attribute_history,
)

_CHARACTERS = 200


def attribute_history_view(request: HttpRequest, customer_id: int) -> HttpResponse:
    """The customer's changes by the page, the newest first; who looks is written down.

    Raises:
        Http404: there is no such customer.
        PermissionDenied: this member of staff may not see customers.
    """
    customer = Customer.objects.filter(pk=customer_id, erased_at=None).first()
    if customer is None:
        raise Http404
    if not request.user.has_perm("customers.view_customer"):
        raise PermissionDenied
    staff_access_note(request, AccessAction.VIEWED, customer.pk)
    history = attribute_history(customer_id=customer.pk, after=_place(request))
    context = {
        "title": _("Attributes of %(customer)s") % {"customer": customer},
        "customer": customer,
        "changes": [_shown(change) for change in history.changes],
        "earlier": _query(history.following),
    }
    return TemplateResponse(
        request, "console/attribute_history.html", site_context(request) | context
    )


def _shown(change: AttributeChange) -> dict[str, Any]:
    return {
        "at": change.at,
        "name": change.name,
        "source": change.source,
        "hidden": change.hidden,
        "before": _text(change.previous),
        "after": _text(change.value),
    }


def _text(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"


def _query(place: HistoryPlace | None) -> str:
    if place is None:
        return ""
    return urlencode({"at": place.at.isoformat(), "event": place.event_id, "name": place.name})


def _place(request: HttpRequest) -> HistoryPlace | None:
    """Where the page begins; the newest change where the address makes no sense."""
    try:
        at = datetime.fromisoformat(request.GET["at"])
        event_id = UUID(request.GET["event"])
    except (KeyError, ValueError):
        return None
    if at.tzinfo is None:
        return None
    return HistoryPlace(at, event_id, request.GET.get("name", "").replace("\0", ""))
