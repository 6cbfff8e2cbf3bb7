"""The event log, its readers and the catalogue in the admin."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.modeladmin import RecordAdmin
from lifecycle_engine.events.models import Event, EventReceipt, Product, Reader


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


@admin.register(Reader)
class ReaderAdmin(RecordAdmin):
    """How far each reader of the log is."""

    list_display = ["name", "read_total", "batch", "moved_at", "error"]
    ordering = ["name"]


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
