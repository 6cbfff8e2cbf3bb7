"""Imports in the admin."""

from django.contrib import admin
from django.utils.formats import number_format
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import RecordAdmin, labelled
from lifecycle_engine.events.models import Import, ImportRejection, ImportState


@admin.register(Import)
class ImportAdmin(RecordAdmin):
    """Files that were imported: how far each is, and what became of its rows."""

    list_display = [
        *("name", "kind", "source", "state_shown", "progress", "rate", "created", "updated"),
        *("unchanged", "rejected", "created_at", "error_shown"),
    ]
    list_filter = ["kind", "state"]
    search_fields = ["name", "=source"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            ImportState.DRAFT: "info",
            ImportState.QUEUED: "info",
            ImportState.RUNNING: "info",
            ImportState.STOPPED: "warning",
            ImportState.SUCCEEDED: "success",
            ImportState.FAILED: "danger",
        },
    )
    def state_shown(self, run: Import) -> tuple[str, str]:
        """The state as a coloured label."""
        return run.state, str(run.get_state_display())

    @admin.display(description=_("rows"))
    def progress(self, run: Import) -> str:
        """How many of the rows are read."""
        shown = number_format(run.rows, use_l10n=True, force_grouping=True)
        if run.rows_total is None:
            return shown
        return f"{shown} / {number_format(run.rows_total, use_l10n=True, force_grouping=True)}"

    @admin.display(description=_("rows a second"))
    def rate(self, run: Import) -> str:
        """How many rows a second went in."""
        if not run.seconds:
            return "–"
        return number_format(run.rows / run.seconds, 0, use_l10n=True, force_grouping=True)

    @admin.display(description=_("error"))
    def error_shown(self, run: Import) -> str:
        """The beginning of what went wrong."""
        return Truncator(run.error).chars(80)


@admin.register(ImportRejection)
class ImportRejectionAdmin(RecordAdmin):
    """Rows that were refused, with the reason."""

    list_display = ["row", "imported", "field", "message"]
    list_select_related = ["imported"]
    search_fields = ["=field"]
    ordering = ["-id"]
