"""What the local sinks received, as the receiver would see it."""

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from lifecycle_engine.messaging.sinks import sink_email, sink_messages

CHANNELS = ("email", "sms")
PAGE = 10
EMAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
)


@admin.site.admin_view
def delivered(request: HttpRequest) -> HttpResponse:
    """A page of the newest messages of a sink; e-mails are drawn in a frame that may do nothing.

    Every e-mail is attacker text: it is a document of its own (``delivered_email``) in a frame with
    an empty ``sandbox``. So it runs no script, sends no form and opens no window.
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


@admin.site.admin_view
def delivered_email(request: HttpRequest, key: str) -> HttpResponse:
    """An e-mail's HTML as it is, under a policy that lets its own styles in and nothing else.

    The sandbox is part of the policy, so that it holds also where the address is opened by itself.
    """
    message = sink_email(key=key)
    if message is None:
        raise Http404
    return HttpResponse(message.html, headers={"Content-Security-Policy": EMAIL_POLICY})


def _read(channel: str, before: str) -> list[Any]:
    try:
        return sink_messages(channel=channel, limit=PAGE + 1, before=before)
    except ValueError:
        # The place in the address is none of this sink's: begin at the beginning.
        return sink_messages(channel=channel, limit=PAGE + 1)
