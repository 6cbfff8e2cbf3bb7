"""Customers and identifiers in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin
from lifecycle_engine.customers import (  # noqa: F401 - register their pages
    consent_admin,
    privacy_admin,
)
from lifecycle_engine.customers.models import Customer, Identifier, Merge, MergeSuggestion
from lifecycle_engine.customers.selectors import customers_complete, customers_search


class CustomerChangeList(ChangeList):  # type: ignore[misc]
    """The customers on the page, each with what is known of all its profiles."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the profiles of all of them at once."""
        super().get_results(request)
        customers_complete(customers=self.result_list)


@admin.register(Customer)
class CustomerAdmin(EngineAdmin):
    """Who our customers are."""

    list_display = ["external_id", "name", "email", "phone", "country", "language", "created_at"]
    list_display_links = ["external_id", "name"]
    # What the words are looked for in, customers_search says.
    search_fields = ["external_id"]
    search_help_text = _(
        "Start of a customer number or last name, or a whole e-mail address or telephone"
    )
    readonly_fields = ["created_at", "updated_at"]
    ordering = ["-id"]

    @admin.display(description=_("name"))
    def name(self, customer: Customer) -> str:
        """First and last name, or whatever the customer is known by."""
        return str(customer)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CustomerChangeList]:
        """A list of whole customers."""
        return CustomerChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        """Not those who are part of another, or erased; a link still finds them."""
        every: QuerySet[Customer] = super().get_queryset(request)
        match = request.resolver_match
        listing = match is not None and match.url_name == "customers_customer_changelist"
        return every.filter(merged_into=None, erased_at=None) if listing else every

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        """By the hashes of encrypted columns too."""
        found = customers_search(term=search_term.strip()) if search_term.strip() else queryset
        return queryset & found, False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Customers arrive with their events or through the API."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        """A customer is erased by the erasure service, which reaches the log as well."""
        return False


@admin.register(Merge)
class MergeAdmin(RecordAdmin):
    """Which profiles became part of which customers, and which were taken apart again."""

    list_display = ["profile", "into", "cause", "actor", "reason", "merged_at", "undone_at"]
    list_filter = ["cause", ("undone_at", EmptyFieldListFilter)]
    list_select_related = ["profile", "into"]
    search_fields = ["=profile__external_id", "=into__external_id"]
    ordering = ["-id"]


@admin.register(MergeSuggestion)
class MergeSuggestionAdmin(RecordAdmin):
    """Known customers who may be one: staff decide."""

    list_display = ["first", "second", "cause", "seen_at", "dismissed_by"]
    list_filter = ["cause", ("dismissed_at", EmptyFieldListFilter)]
    list_select_related = ["first", "second"]
    search_fields = ["=first__external_id", "=second__external_id"]
    ordering = ["-id"]


@admin.register(Identifier)
class IdentifierAdmin(RecordAdmin):
    """The names a customer is known by."""

    list_display = ["value", "kind", "customer", "created_at"]
    list_filter = ["kind"]
    list_select_related = ["customer"]
    search_fields = ["=value"]
    ordering = ["-id"]
