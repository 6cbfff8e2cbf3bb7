"""Erasures and the audit trail in the admin."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import RecordAdmin, labelled
from lifecycle_engine.customers.privacy_models import Access, Erasure, ErasureState


@admin.register(Erasure)
class ErasureAdmin(RecordAdmin):
    """Who was erased when, and how far it is. The names are hashes."""

    list_display = ["customer_id", "state_shown", "actor", "reason", "erased_at", "done_at"]
    list_filter = ["state"]
    search_fields = ["=customer_id"]
    exclude = ["names"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            ErasureState.ERASED: "warning",
            ErasureState.REWRITTEN: "info",
            ErasureState.DONE: "success",
        },
    )
    def state_shown(self, erasure: Erasure) -> tuple[str, str]:
        """The state as a coloured label."""
        return erasure.state, erasure.get_state_display()


@admin.register(Access)
class AccessAdmin(RecordAdmin):
    """Who looked at personal data, and who took it out."""

    list_display = ["at", "actor", "action", "customer_id", "ip_address"]
    list_filter = ["action"]
    search_fields = ["=customer_id", "=actor"]
    search_help_text = _("Our number of a customer, or who")
    ordering = ["-id"]
