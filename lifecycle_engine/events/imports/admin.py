"""Imports in the admin: upload a file, choose its columns, try, import, watch."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.events.imports import pages
from lifecycle_engine.events.imports.limits import UPLOAD_LIMIT, ImportFileError
from lifecycle_engine.events.imports.services import import_upload
from lifecycle_engine.events.models import PLAIN_KINDS, Import, ImportRejection, ImportState
from lifecycle_engine.events.services import SourceError

_COLOURS: Mapping[str, str] = {
    ImportState.DRAFT: "info",
    ImportState.QUEUED: "info",
    ImportState.RUNNING: "info",
    ImportState.STOPPED: "warning",
    ImportState.SUCCEEDED: "success",
    ImportState.FAILED: "danger",
}


class UploadForm(forms.ModelForm):  # type: ignore[type-arg]
    """A file, and what it is."""

    upload = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=_(
            "CSV, JSON Lines or Parquet; the first two may be compressed by gzip. On the next "
            "page you choose what its columns are, and can try it without keeping anything."
        ),
    )

    class Meta:
        model = Import
        fields = ["kind", "source"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in PLAIN_KINDS]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Keep the file, if it is one that can be imported."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        if data["upload"].size > UPLOAD_LIMIT:
            raise ValidationError({"upload": _("The file is too large.")})
        try:
            self.run = import_upload(
                kind=data["kind"],
                source=data["source"],
                file=data["upload"],
                mapping=None,
                dry_run=False,
                by="",
            )
        except ImportFileError as error:
            raise ValidationError({"upload": f"{data['upload'].name} {error}"}) from None
        except SourceError as error:
            raise ValidationError({"source": str(error)}) from None
        return data


@admin.register(Import)
class ImportAdmin(EngineAdmin):
    """Files that were imported: how far each is, and what became of its rows."""

    form = UploadForm
    list_display = [
        *("name", "kind", "source", "state_shown", "dry_run", "progress", "rate", "rejected"),
        *("created_at", "error_shown"),
    ]
    list_filter = ["kind", "state", "dry_run"]
    search_fields = ["name", "=source"]
    ordering = ["-id"]

    def get_fieldsets(self, request: HttpRequest, obj: Import | None = None) -> Any:
        """What is asked for an upload."""
        return [(None, {"fields": ["kind", "source", "upload"]})]

    def has_change_permission(self, request: HttpRequest, obj: Import | None = None) -> bool:
        """What was imported stays; what can be done has buttons."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Import | None = None) -> bool:
        """The file and its rejected rows go by themselves."""
        return False

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, with the one button that there is something to do for."""
        only = {"show_save_and_add_another": False, "show_save_and_continue": False}
        answer: HttpResponse = super().add_view(request, form_url, only | (extra_context or {}))
        return answer

    def save_model(self, request: HttpRequest, obj: Import, form: Any, change: bool) -> None:
        """The file is kept already; now it is known whose it is."""
        Import.objects.filter(pk=form.run.pk).update(created_by=request.user.get_username())
        obj.__dict__.update(form.run.__dict__)

    def response_add(
        self, request: HttpRequest, obj: Import, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to the columns."""
        return HttpResponseRedirect(reverse("admin:events_import_change", args=[obj.pk]))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The import's own page: its columns to be chosen, or how far it is."""
        run = self.get_object(request, object_id)
        if run is None:
            return self._get_obj_does_not_exist_redirect(  # type: ignore[no-any-return]
                request, self.opts, object_id
            )
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": run,
            **pages.import_context(request, run),
        }
        return TemplateResponse(request, "events/import.html", context)

    def get_urls(self) -> list[URLPattern]:
        """What the page's buttons do."""
        views = {
            "start": pages.import_start_view,
            "stop": pages.import_stop_view,
            "go-on": pages.import_go_on_view,
            "progress": pages.import_progress_view,
            "rejected": pages.import_rejected_view,
        }
        own = [
            path(
                f"<int:import_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"events_import_{name.replace('-', '_')}",
            )
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    @labelled(description=_("state"), colours=_COLOURS)
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
        return pages.rate_words(run)

    @admin.display(description=_("error"))
    def error_shown(self, run: Import) -> str:
        """The beginning of what went wrong."""
        return Truncator(run.error).chars(80)


@admin.register(ImportRejection)
class ImportRejectionAdmin(RecordAdmin):
    """Rows that were refused, with the reason."""

    list_display = ["row", "imported", "field", "message"]
    list_display_links = ["row", "message"]
    list_select_related = ["imported"]
    search_fields = ["=field"]
    ordering = ["-id"]
