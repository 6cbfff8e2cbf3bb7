"""Customers, identifiers and consents in the admin."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin
from lifecycle_engine.customers.models import Consent, Customer, Identifier


@admin.register(Customer)
class CustomerAdmin(EngineAdmin):
    """Who our customers are."""

    list_display = ["external_id", "name", "email", "phone", "country", "language", "created_at"]
    list_display_links = ["external_id", "name"]
    search_fields = ["=external_id", "^email", "=phone", "^last_name"]
    search_help_text = _("Customer number, e-mail, telephone or the start of a last name")
    readonly_fields = ["created_at", "updated_at"]
    ordering = ["-id"]

    @admin.display(description=_("name"))
    def name(self, customer: Customer) -> str:
        """First and last name, or whatever the customer is known by."""
        return str(customer)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Customers arrive with their events or through the API."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        """A customer is erased by the erasure service, which reaches the log as well."""
        return False


@admin.register(Identifier)
class IdentifierAdmin(RecordAdmin):
    """The names a customer is known by."""

    list_display = ["value", "kind", "customer", "created_at"]
    list_filter = ["kind"]
    list_select_related = ["customer"]
    search_fields = ["=value"]
    ordering = ["-id"]


@admin.register(Consent)
class ConsentAdmin(RecordAdmin):
    """The consent ledger."""

    list_display = ["customer", "purpose", "channel", "granted", "source", "recorded_at"]
    list_filter = ["purpose", "granted"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]
