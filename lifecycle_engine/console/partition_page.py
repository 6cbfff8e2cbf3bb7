"""The months of the log: how large they are, which are to go, and what holds them up."""

from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.events.retention import (
    Hold,
    log_floor,
    partition_hold,
    partitions_expired,
    partitions_list,
)


@admin.site.admin_view
def log_months(request: HttpRequest) -> HttpResponse:
    """The months, newest first. Rows are PostgreSQL's estimate: nothing is counted here."""
    if not request.user.has_perm("events.view_reader"):
        raise PermissionDenied
    at = min(timezone.now(), business_now())
    held = {part.month: partition_hold(part) for part in partitions_expired(at=at)}
    partitions = partitions_list()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Months of the log"),
        "kept": settings.EVENT_RETENTION_MONTHS,
        "floor": log_floor(at=at),
        "months": [
            {"partition": partition, **_state(partition.month, held)} for partition in partitions
        ],
        "rows": sum(partition.rows or 0 for partition in partitions),
        "bytes": sum(partition.bytes for partition in partitions),
        "held": any(held.values()),
    }
    return TemplateResponse(request, "console/log_months.html", context)


def _state(month: date, held: dict[date, Hold]) -> dict[str, Any]:
    if month not in held:
        return {"tone": "good", "state": _("kept"), "reasons": []}
    hold = held[month]
    if not hold:
        return {"tone": "info", "state": _("goes with the next sweep"), "reasons": []}
    reasons = [
        _("Log reader %(name)s has not read all of it.") % {"name": name} for name in hold.readers
    ]
    if hold.unread:
        reasons.append(_("No log reader has begun to read."))
    if hold.quarantined:
        reasons.append(_("An event of it is in quarantine: retry or dismiss it."))
    return {"tone": "warn", "state": _("old enough, but held up"), "reasons": reasons}
