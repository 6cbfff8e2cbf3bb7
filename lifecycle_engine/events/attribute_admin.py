"""The registry of attributes in the admin: what kind each has, and what did not fit."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import EngineAdmin, labelled
from lifecycle_engine.customers.attributes import attribute_fix, attribute_values
from lifecycle_engine.customers.models import Attribute, AttributeKind
from lifecycle_engine.events.attribute_log import conflict_example

_CHARACTERS = 300


class ConflictFilter(admin.SimpleListFilter):
    """Attributes that were sent what does not fit them."""

    title = _("conflicts")
    parameter_name = "conflicts"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - the base names it
        model_admin: Any,  # noqa: ARG002 - the base names it
    ) -> list[tuple[str, Any]]:
        """The one choice."""
        return [("some", _("With conflicts"))]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - the base names it
        queryset: QuerySet[Any],
    ) -> QuerySet[Any]:
        """The rows of the choice."""
        return queryset.filter(conflicts__gt=0) if self.value() else queryset


@admin.register(Attribute)
class AttributeAdmin(EngineAdmin):
    """The names of customers' attributes. They are learnt from traffic, or set here."""

    list_display = [
        *("name", "kind", "origin", "conflicts_shown", "seen", "first_seen_at", "last_seen_at"),
    ]
    list_filter = [ConflictFilter, "kind", "fixed"]
    search_fields = ["name"]
    ordering = ["name"]
    fields = [
        "name",
        ("kind", "fixed"),
        "description",
        ("seen", "first_seen_at", "last_seen_at"),
        "frequent",
        ("conflicts", "conflict_kind"),
        ("conflict_source", "conflict_at"),
        "example",
    ]
    readonly_fields = [
        *("name", "seen", "first_seen_at", "last_seen_at", "frequent"),
        *("conflicts", "conflict_kind", "conflict_source", "conflict_at", "example"),
    ]

    @admin.display(description=_("from"), ordering="fixed")
    def origin(self, attribute: Attribute) -> str:
        """Who said of what kind it is."""
        return gettext("staff") if attribute.fixed else gettext("traffic")

    @labelled(description=_("conflicts"), colours={"none": "success", "some": "danger"})
    def conflicts_shown(self, attribute: Attribute) -> tuple[str, str]:
        """How many values did not fit."""
        if not attribute.conflicts:
            return "none", gettext("none")
        return "some", str(attribute.conflicts)

    @admin.display(description=_("frequent values"))
    def frequent(self, attribute: Attribute) -> str:
        """The most frequent values among the newest customers."""
        found = attribute_values(name=attribute.name, limit=10)
        return ", ".join(f"{value.value} ({value.customers})" for value in found) or "–"

    @admin.display(description=_("example of a conflict"))
    def example(self, attribute: Attribute) -> str:
        """The newest value that did not fit, as it stands in the log."""
        value = conflict_example(attribute)
        if value is None:
            return "–"
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - the base names it
        """Names come from traffic."""
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - the base names it
        obj: Attribute | None = None,  # noqa: ARG002 - the base names it
    ) -> bool:
        """A name that was learnt stays: traffic would bring it back."""
        return False

    def save_model(self, request: HttpRequest, obj: Attribute, form: Any, change: bool) -> None:  # noqa: ARG002
        """Set the kind through the service, which traffic doesn't change any more."""
        said = form.cleaned_data
        attribute_fix(
            attribute_id=obj.pk,
            kind=AttributeKind(said["kind"]),
            # Whoever sets another kind means it.
            fixed=said["fixed"] or "kind" in form.changed_data,
            description=said["description"],
        )
