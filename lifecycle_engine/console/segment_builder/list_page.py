"""Segments by list: beginning one, changing who is on it by file or by hand, taking it out."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from lifecycle_engine.console.privacy_pages import staff_access_note
from lifecycle_engine.console.segment_builder.views import for_builders
from lifecycle_engine.console.site import site_context
from lifecycle_engine.customers.privacy_models import AccessAction
from lifecycle_engine.events.imports.limits import UPLOAD_LIMIT, ImportFileError
from lifecycle_engine.events.models import Import, ImportKind, ListMode
from lifecycle_engine.segments.drafts import key_free
from lifecycle_engine.segments.exports import members_csv
from lifecycle_engine.segments.lists import LIST_AT_MOST, ListError
from lifecycle_engine.segments.models import Segment, SegmentKind, SegmentState
from lifecycle_engine.segments.services import segment_save
from lifecycle_engine.segments.uploads import list_paste, list_upload

_UPLOADS_SHOWN = 20
#: Characters that may be pasted; a customer number has up to 200.
_PASTED = LIST_AT_MOST * 100


class ListForm(forms.Form):
    """A file or what was pasted, and what becomes of the list."""

    mode = forms.ChoiceField(choices=ListMode.choices)
    upload = forms.FileField(required=False)
    pasted = forms.CharField(required=False, max_length=_PASTED)
    field = forms.ChoiceField(
        choices=[
            ("external_id", gettext_lazy("Customer numbers")),
            ("email", gettext_lazy("E-mail addresses")),
            ("phone", gettext_lazy("Telephone numbers")),
        ],
        initial="external_id",
    )

    def clean(self) -> dict[str, Any]:
        """One of the two."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        if bool(data["upload"]) == bool(data["pasted"]):
            raise forms.ValidationError(_("Choose a file or paste the customers, one of the two."))
        if data["upload"] and data["upload"].size > UPLOAD_LIMIT:
            raise forms.ValidationError(_("The file is too large."))
        return data


def list_begin(*, name: str, by: str) -> Segment:
    """Make a segment by list, with nobody on it."""
    return segment_save(
        key=key_free({"name": name, "key": ""}), name=name, rule={}, kind=SegmentKind.STATIC, by=by
    )


@for_builders
def segment_list_view(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Ask who is to be put on the list or taken off it; by POST go on to the import."""
    segment = get_object_or_404(
        Segment, pk=segment_id, kind=SegmentKind.STATIC, state=SegmentState.LIVE
    )
    if not request.user.has_perm("events.add_import"):
        raise PermissionDenied
    form = ListForm(request.POST or None, request.FILES or None, initial={"mode": ListMode.ADD})
    if request.method == "POST" and form.is_valid():
        run = _taken(request, segment, form)
        if run is not None:
            return HttpResponseRedirect(reverse("admin:events_import_change", args=[run.pk]))
    context = {
        **site_context(request),
        "opts": Segment._meta,  # noqa: SLF001 - the admin's templates want it
        "title": _("Change the list “%(name)s”") % {"name": segment.name},
        "segment": segment,
        "form": form,
        "limit": LIST_AT_MOST,
    }
    return TemplateResponse(request, "console/segment_list.html", context)


@require_POST
def segment_members_view(request: HttpRequest, segment_id: int) -> HttpResponseBase:
    """Who is in the segment, as a file; who takes it out is written down."""
    if not request.user.has_perms(["segments.view_segment", "customers.view_customer"]):
        raise PermissionDenied
    segment = get_object_or_404(Segment, pk=segment_id)
    staff_access_note(request, AccessAction.EXPORTED)
    return StreamingHttpResponse(
        members_csv(segment_id=segment.pk),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{segment.key}.csv"',
            "Cache-Control": "no-store",
        },
    )


def list_uploads(segment: Segment) -> list[Import]:
    """The newest files for the segment's list, with who uploaded them and what they came to."""
    files = Import.objects.filter(kind=ImportKind.MEMBERS, target=segment.key)
    return list(files.order_by("-pk")[:_UPLOADS_SHOWN])


def _taken(request: HttpRequest, segment: Segment, form: ListForm) -> Import | None:
    said, by = form.cleaned_data, request.user.get_username()
    mode = ListMode(said["mode"])
    try:
        if said["upload"]:
            return list_upload(segment=segment, file=said["upload"], mode=mode, by=by)
        return list_paste(
            segment=segment, text=said["pasted"], field=said["field"], mode=mode, by=by
        )
    except ListError as error:
        form.add_error(None, str(error))
    except ImportFileError as error:
        form.add_error("upload", f"{said['upload'].name if said['upload'] else ''} {error}")
    return None
