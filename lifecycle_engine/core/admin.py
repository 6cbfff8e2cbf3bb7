"""API keys and job runs in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.core.models import ApiKey, JobRun, JobState, Scope
from lifecycle_engine.core.services import api_key_create


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What staff choose about a key; the key itself is made by the service."""

    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes"]


@admin.register(ApiKey)
class ApiKeyAdmin(EngineAdmin):
    """Keys of partner systems. A new key is shown once, right after it is made."""

    form = ApiKeyForm
    list_display = ["name", "prefix", "scopes_shown", "created_at", "last_used_at", "revoked_at"]
    search_fields = ["name", "=prefix"]
    readonly_fields = ["prefix", "created_at", "last_used_at", "revoked_at"]
    ordering = ["name"]

    @admin.display(description=_("scopes"))
    def scopes_shown(self, key: ApiKey) -> str:
        """The scopes in words."""
        return ", ".join(str(Scope(scope).label) for scope in key.scopes)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        """A key that doesn't exist yet has nothing to revoke."""
        if obj is None:
            return ["name", "scopes"]
        return ["name", "scopes", *self.readonly_fields]

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A key is revoked, so that what it did can still be told."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make the key through the service and show it this once."""
        if change:
            super().save_model(request, obj, form, change)
            return
        record, key = api_key_create(
            name=form.cleaned_data["name"], scopes=form.cleaned_data["scopes"]
        )
        obj.__dict__.update(record.__dict__)
        messages.warning(
            request,
            gettext("The key is %(key)s. Copy it now: it is not shown again.") % {"key": key},
        )


@admin.register(JobRun)
class JobRunAdmin(RecordAdmin):
    """Background work: state, progress, duration, last error."""

    list_display = ["name", "subject", "state_shown", "progress", "started_at", "seconds"]
    list_filter = ["state"]
    search_fields = ["name", "subject"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            JobState.QUEUED: "info",
            JobState.RUNNING: "info",
            JobState.SUCCEEDED: "success",
            JobState.FAILED: "danger",
        },
    )
    def state_shown(self, run: JobRun) -> tuple[str, str]:
        """The state as a coloured label."""
        return run.state, str(run.get_state_display())

    @admin.display(description=_("progress"))
    def progress(self, run: JobRun) -> str:
        """How much of it is done, in its own unit."""
        if not run.done and run.total is None:
            return "–"
        total = "" if run.total is None else f" / {run.total:,}"
        return f"{run.done:,}{total} {run.unit}".strip()

    @admin.display(description=_("seconds"))
    def seconds(self, run: JobRun) -> str:
        """How long it took."""
        if run.finished_at is None:
            return "–"
        return f"{(run.finished_at - run.started_at).total_seconds():.1f}"
