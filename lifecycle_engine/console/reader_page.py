"""A log reader's page: how it is, what it failed at, and what staff can do about it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from lifecycle_engine.core.words import count_words, duration_words
from lifecycle_engine.events.failures import LONGEST_WAIT, QUARANTINE_ROOM
from lifecycle_engine.events.models import QuarantinedEvent, QuarantineState, Reader
from lifecycle_engine.events.quarantine import (
    QuarantineError,
    quarantined_dismiss,
    quarantined_retry,
    reader_retries,
)
from lifecycle_engine.events.readers import LAG_COUNTED_TO, reader_retry_now, readers_lag
from lifecycle_engine.events.rows import ReaderLag, ReaderState

_OPEN_SHOWN = 50
_RESOLVED_SHOWN = 10
_TONES = {
    ReaderState.READING: "good",
    ReaderState.WAITING: "warn",
    ReaderState.SEARCHING: "warn",
    ReaderState.STUCK: "bad",
}


@dataclass(frozen=True)
class ReaderFigures:
    """A reader as pages show it."""

    lag: ReaderLag
    tone: str
    behind: str
    oldest: str
    url: str


def reader_figures() -> list[ReaderFigures]:
    """Every reader, by name."""
    ids = dict(Reader.objects.values_list("name", "pk"))
    return [
        ReaderFigures(
            lag=lag,
            tone=_TONES[lag.state],
            behind=count_words(lag.rows, counted_to=LAG_COUNTED_TO),
            oldest=duration_words(lag.seconds) if lag.rows else "–",
            url=reverse("admin:events_reader_change", args=[ids[lag.name]]),
        )
        for lag in readers_lag(names=ids)
    ]


def reader_context(request: HttpRequest, reader: Reader) -> dict[str, Any]:
    """What the page shows."""
    (lag,) = readers_lag(names=[reader.name])
    quarantine = QuarantinedEvent.objects.filter(reader=reader)
    return {
        "reader": reader,
        "title": _("Log reader %(name)s") % {"name": reader.name},
        "lag": lag,
        "tone": _TONES[lag.state],
        "behind": count_words(lag.rows, counted_to=LAG_COUNTED_TO),
        "oldest": duration_words(lag.seconds) if lag.rows else "–",
        "advice": _advice(lag),
        "retries": reader_retries(reader.name),
        "may_act": request.user.has_perm("events.change_reader"),
        "open": quarantine.filter(state=QuarantineState.OPEN).order_by("-quarantined_at")[
            :_OPEN_SHOWN
        ],
        "resolved": quarantine.exclude(state=QuarantineState.OPEN).order_by("-resolved_at")[
            :_RESOLVED_SHOWN
        ],
    }


@require_POST
def reader_retry_view(request: HttpRequest, reader_id: int) -> HttpResponse:
    """Let the reader try again at once."""
    reader = get_object_or_404(Reader, pk=_allowed(request, reader_id))
    reader_retry_now(reader.name)
    messages.success(request, _("The reader tries again with its next turn, within seconds."))
    return _back(reader.pk)


@require_POST
def quarantined_retry_view(request: HttpRequest, quarantined_id: int) -> HttpResponse:
    """Have a quarantined event handled after all."""
    found = get_object_or_404(QuarantinedEvent, pk=_allowed(request, quarantined_id))
    try:
        quarantined_retry(quarantined_id=found.pk, by=request.user.get_username())
    except QuarantineError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The event was handled."))
    return _back(found.reader_id)


@require_POST
def quarantined_dismiss_view(request: HttpRequest, quarantined_id: int) -> HttpResponse:
    """Let a quarantined event go, for the reason given."""
    found = get_object_or_404(QuarantinedEvent, pk=_allowed(request, quarantined_id))
    try:
        quarantined_dismiss(
            quarantined_id=found.pk,
            by=request.user.get_username(),
            reason=request.POST.get("reason", ""),
        )
    except QuarantineError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The event was dismissed."))
    return _back(found.reader_id)


def _allowed(request: HttpRequest, pk: int) -> int:
    if not request.user.has_perm("events.change_reader"):
        raise PermissionDenied
    return pk


def _back(reader_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:events_reader_change", args=[reader_id]))


def _advice(lag: ReaderLag) -> str:
    """What the state means and what to do, where there is anything to do."""
    minutes = LONGEST_WAIT.seconds // 60
    if lag.state == ReaderState.WAITING:
        return _("It tries again by itself. What it reads is not lost, only late.")
    if lag.state == ReaderState.SEARCHING:
        return _(
            "A batch failed again and again. The reader takes it in ever smaller parts until it "
            "has found the event that fails; everything else is handled."
        )
    if lag.state == ReaderState.STUCK and lag.quarantined >= QUARANTINE_ROOM:
        return _(
            "%(count)d events are in quarantine, so the fault is likely in the reader and not in "
            "the events. No more are passed. Have it mended; the reader then goes on by itself."
        ) % {"count": lag.quarantined}
    if lag.state == ReaderState.STUCK:
        return _(
            "The same batch fails each time, and this reader can't leave an event out. Have the "
            "cause mended: it tries again every %(minutes)d minutes, or at once by the button."
        ) % {"minutes": minutes}
    return ""
