"""The event log, its readers and the catalogue in the admin."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.modeladmin import RecordAdmin
from lifecycle_engine.events import services
from lifecycle_engine.events.models import (
    Event,
    EventReceipt,
    Product,
    QuarantinedEvent,
    Reader,
    RejectedEvent,
)


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


@admin.register(Reader)
class ReaderAdmin(RecordAdmin):
    """How far each reader of the log is."""

    list_display = ["name", "read_total", "batch", "moved_at", "error"]
    ordering = ["name"]


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(RecordAdmin):
    """Events that a reader failed at and went past."""

    list_display = ["event_id", "reader", "state", "error", "quarantined_at", "resolved_by"]
    list_filter = ["state", "reader"]
    list_select_related = ["reader"]
    search_fields = ["=event_id"]
    ordering = ["-id"]


@admin.register(Product)
class ProductAdmin(RecordAdmin):
    """The catalogue, as the shop sends it through the API."""

    list_display = ["sku", "name", "brand", "department", "category", "price", "available"]
    list_display_links = ["sku", "name"]
    # Named, so that no form field is made for them: Django warns of every URL field's scheme.
    fields = [
        *("sku", "name", "brand", "department", "category", "price", "currency", "available"),
        *("url", "image_url", "attributes", "updated_at"),
    ]
    list_filter = ["available"]
    search_fields = ["=sku", "^name"]
    ordering = ["-id"]
