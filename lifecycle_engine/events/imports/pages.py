"""An import's page: its columns to be chosen, how far it is, and what staff can do about it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from lifecycle_engine.core.addresses import client_address
from lifecycle_engine.customers.privacy_models import AccessAction
from lifecycle_engine.customers.trail import access_note
from lifecycle_engine.events.imports.kinds import import_goal, import_permissions
from lifecycle_engine.events.imports.limits import ImportFileError
from lifecycle_engine.events.imports.selectors import import_columns, import_fields, rejected_csv
from lifecycle_engine.events.imports.services import (
    ImportStateError,
    import_go_on,
    import_start,
    import_stop,
)
from lifecycle_engine.events.models import Import, ImportKind, ImportRejection, ImportState

_REJECTED_SHOWN = 20
_UNDER_WAY = {ImportState.QUEUED, ImportState.RUNNING}
_TONES = {
    ImportState.SUCCEEDED: "good",
    ImportState.STOPPED: "warn",
    ImportState.FAILED: "bad",
}


def import_context(request: HttpRequest, run: Import) -> dict[str, Any]:
    """What the page shows."""
    context: dict[str, Any] = {
        "run": run,
        "title": str(run),
        "may_act": request.user.has_perms(import_permissions(kind=run.kind)),
        "goal": import_goal(run=run),
        **_progress(run),
    }
    if run.state == ImportState.DRAFT:
        try:
            columns = import_columns(run=run)
        except ImportFileError as error:
            return context | {"file_error": f"{run.name} {error}"}
        context["columns"] = [
            (place, column, import_fields(kind=run.kind, column=column.name))
            for place, column in enumerate(columns)
        ]
        return context
    context["rejections"] = ImportRejection.objects.filter(imported=run).order_by("row")[
        :_REJECTED_SHOWN
    ]
    context["mapping"] = sorted(run.mapping.items())
    context["may_start"] = bool(run.stored) and run.state not in _UNDER_WAY
    return context


@require_POST
def import_start_view(request: HttpRequest, import_id: int) -> HttpResponse:
    """Try the file, or import it, with the columns that were chosen."""
    run = _allowed(request, import_id)
    mapping, complete = run.mapping, run.complete
    if run.state == ImportState.DRAFT:
        complete = "complete" in request.POST
        mapping = {
            column: request.POST.get(f"column-{place}", "")
            for place, column in enumerate(run.columns)
        }
    try:
        started = import_start(
            import_id=run.pk,
            mapping=mapping,
            dry_run="dry_run" in request.POST,
            by=request.user.get_username(),
            complete=complete,
        )
    except ImportFileError as error:
        messages.error(request, f"{run.name} {error}")
        # What was chosen is shown again.
        Import.objects.filter(pk=run.pk, state=ImportState.DRAFT).update(mapping=mapping)
        return _back(run.pk)
    except ImportStateError as error:
        messages.error(request, str(error))
        return _back(run.pk)
    return _back(started.pk)


@require_POST
def import_stop_view(request: HttpRequest, import_id: int) -> HttpResponse:
    """Stop the import; what is in stays in."""
    run = _allowed(request, import_id)
    try:
        import_stop(import_id=run.pk)
    except ImportStateError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("It is stopped. What is in stays in."))
    return _back(run.pk)


@require_POST
def import_go_on_view(request: HttpRequest, import_id: int) -> HttpResponse:
    """Let the import go on where it is."""
    run = _allowed(request, import_id)
    try:
        import_go_on(import_id=run.pk)
    except ImportStateError as error:
        messages.error(request, str(error))
    return _back(run.pk)


@require_GET
def import_progress_view(request: HttpRequest, import_id: int) -> HttpResponse:
    """How far it is, for the page to replace what it shows; all of it once it has ended."""
    run = get_object_or_404(Import, pk=_seen(request, import_id))
    response = TemplateResponse(
        request, "events/import_progress.html", {"run": run, **_progress(run)}
    )
    if run.state not in _UNDER_WAY:
        response.headers["HX-Refresh"] = "true"
    return response


@require_GET
def import_rejected_view(request: HttpRequest, import_id: int) -> StreamingHttpResponse:
    """The rejected rows as a file."""
    run = get_object_or_404(Import, pk=_seen(request, import_id))
    if run.kind != ImportKind.PRODUCTS:
        access_note(
            actor=request.user.get_username(),
            action=AccessAction.EXPORTED,
            address=client_address(request),
        )
    response = StreamingHttpResponse(rejected_csv(run=run), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="rejected-{run.pk}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def rate_words(run: Import) -> str:
    """How many rows a second went in."""
    if not run.seconds or not run.rows:
        return "–"
    return number_format(run.rows / run.seconds, 0, use_l10n=True, force_grouping=True)


def _progress(run: Import) -> dict[str, Any]:
    total = run.rows_total
    if total is not None:
        share = 100 * run.rows // total if total else 100
    else:
        share = min(99, 100 * run.offset // run.size) if run.size else 0
    return {
        "under_way": run.state in _UNDER_WAY,
        "tone": _TONES.get(ImportState(run.state), ""),
        "share": 100 if run.state == ImportState.SUCCEEDED else share,
        "rate": rate_words(run),
    }


def _allowed(request: HttpRequest, pk: int) -> Import:
    if not request.user.has_perm("events.add_import"):
        raise PermissionDenied
    run = get_object_or_404(Import, pk=pk)
    if not request.user.has_perms(import_permissions(kind=run.kind)):
        raise PermissionDenied
    return run


def _seen(request: HttpRequest, pk: int) -> int:
    if not request.user.has_perm("events.view_import"):
        raise PermissionDenied
    return pk


def _back(pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:events_import_change", args=[pk]))
