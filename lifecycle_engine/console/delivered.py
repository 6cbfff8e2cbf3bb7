"""What the local sinks received, as the receiver would see it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from lifecycle_engine.messaging.sinks import sink_messages

CHANNELS = ("email", "sms")
PAGE = 10


@admin.site.admin_view
def delivered(request: HttpRequest) -> HttpResponse:
    """A page of the newest messages of a sink; e-mails are drawn in a frame that may do nothing.

    Every e-mail is attacker text: it stands in ``srcdoc`` of a frame with an empty ``sandbox``, so
    it runs no script, sends no form, opens no window, and inherits the page's policy.
    """
    channel = request.GET.get("channel", "")
    channel = channel if channel in CHANNELS else CHANNELS[0]
    rows = _read(channel, request.GET.get("before", ""))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Delivered"),
        "channel": channel,
        "channels": [("email", _("E-mail")), ("sms", _("SMS"))],
        "rows": rows[:PAGE],
        "first": not request.GET.get("before"),
        "next": rows[PAGE - 1].key if len(rows) > PAGE else "",
    }
    return TemplateResponse(request, "console/delivered.html", context)


def _read(channel: str, before: str) -> list[Any]:
    try:
        return sink_messages(channel=channel, limit=PAGE + 1, before=before)
    except ValueError:
        # The place in the address is none of this sink's: begin at the beginning.
        return sink_messages(channel=channel, limit=PAGE + 1)
