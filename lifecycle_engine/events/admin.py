"""The event log, its readers and the catalogue in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.views import ChangeList

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.modeladmin import RecordAdmin, labelled
from lifecycle_engine.core.words import count_words, duration_words
from lifecycle_engine.events import (
    attribute_admin,  # noqa: F401 - registers its pages
    catalogue_admin,  # noqa: F401 - registers its pages
    services,
)
from lifecycle_engine.events.imports import admin as imports_admin  # noqa: F401 - registers
from lifecycle_engine.events.models import (
    Event,
    EventReceipt,
    QuarantinedEvent,
    QuarantineState,
    Reader,
    RejectedEvent,
)
from lifecycle_engine.events.readers import LAG_COUNTED_TO, readers_lag
from lifecycle_engine.events.rows import ReaderState


@admin.register(Event)
class EventAdmin(RecordAdmin):
    """What happened, up to now."""

    list_display = ["name", "customer", "value", "currency", "campaign", "source", "occurred_at"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id", "=name"]
    # The key, not the time: it is the one order that every partition has an index for.
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """Events of the log that business time has reached."""
        return super().get_queryset(request).filter(occurred_at__lte=business_now())  # type: ignore[no-any-return]


@admin.register(EventReceipt)
class EventReceiptAdmin(RecordAdmin):
    """Message ids that were accepted."""

    list_display = ["message_id", "source", "received_at"]
    search_fields = ["=message_id"]
    ordering = ["-id"]


@admin.register(RejectedEvent)
class RejectedEventAdmin(RecordAdmin):
    """Events that were refused, with the reason; kept for two weeks."""

    list_display = ["received_at", "source", "field", "message", "message_id"]
    list_display_links = ["received_at", "message"]
    search_fields = ["=message_id", "=source"]
    ordering = ["-id"]
    actions = ["replay"]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Who may have events taken in after all."""
        return bool(request.user.has_perm("events.change_rejectedevent"))

    @admin.action(description=_("Take in again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[RejectedEvent]) -> None:
        """Take the chosen events in, if nothing is wrong with them any more."""
        result = services.rejected_replay(ids=list(queryset.values_list("pk", flat=True)))
        if result.taken:
            taken = ngettext(
                "%(count)d event was taken in.", "%(count)d events were taken in.", result.taken
            )
            self.message_user(request, taken % {"count": result.taken}, messages.SUCCESS)
        if result.refused:
            refused = ngettext(
                "%(count)d event was refused again.",
                "%(count)d events were refused again.",
                result.refused,
            )
            self.message_user(request, refused % {"count": result.refused}, messages.WARNING)


class ReaderChangeList(ChangeList):  # type: ignore[misc]
    """The readers on the page, each with how far it is behind."""

    def get_results(self, request: HttpRequest) -> None:
        """Ask for the lag of all of them at once."""
        super().get_results(request)
        lags = {lag.name: lag for lag in readers_lag()}
        for reader in self.result_list:
            reader.lag = lags[reader.name]


@admin.register(Reader)
class ReaderAdmin(RecordAdmin):
    """How far each reader of the log is, and how it is."""

    list_display = [
        *("name", "state_shown", "behind", "oldest", "in_quarantine", "read_total", "moved_at"),
        "last_error",
    ]
    ordering = ["name"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ReaderChangeList]:
        """A list that knows the lag."""
        return ReaderChangeList

    @labelled(
        description=_("state"),
        colours={
            ReaderState.READING: "success",
            ReaderState.WAITING: "warning",
            ReaderState.SEARCHING: "warning",
            ReaderState.STUCK: "danger",
        },
    )
    def state_shown(self, reader: Any) -> tuple[str, str]:
        """The state as a coloured label."""
        return reader.lag.state, str(reader.lag.state.label)

    @admin.display(description=_("events behind"))
    def behind(self, reader: Any) -> str:
        """Unread events; counting stops somewhere, which a plus says."""
        return count_words(reader.lag.rows, counted_to=LAG_COUNTED_TO)

    @admin.display(description=_("oldest waits"))
    def oldest(self, reader: Any) -> str:
        """How long ago the oldest unread event was received."""
        return duration_words(reader.lag.seconds) if reader.lag.rows else "–"

    @admin.display(description=_("in quarantine"))
    def in_quarantine(self, reader: Any) -> int:
        """Events that staff have not resolved."""
        return int(reader.lag.quarantined)

    @admin.display(description=_("last error"))
    def last_error(self, reader: Reader) -> str:
        """The beginning of what went wrong."""
        return Truncator(reader.error).chars(80)


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(RecordAdmin):
    """Events that a reader failed at and went past."""

    list_display = [
        *("event_id", "reader", "state_shown", "error_shown", "quarantined_at", "resolved_by"),
        "reason",
    ]
    list_filter = ["state", "reader"]
    list_select_related = ["reader"]
    search_fields = ["=event_id"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            QuarantineState.OPEN: "danger",
            QuarantineState.HANDLED: "success",
            QuarantineState.DISMISSED: "info",
        },
    )
    def state_shown(self, quarantined: QuarantinedEvent) -> tuple[str, str]:
        """The state as a coloured label."""
        return quarantined.state, str(quarantined.get_state_display())

    @admin.display(description=_("error"))
    def error_shown(self, quarantined: QuarantinedEvent) -> str:
        """The beginning of what went wrong."""
        return Truncator(quarantined.error).chars(80)
