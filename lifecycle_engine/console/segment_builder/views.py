"""The builder's page, and the pieces of it that HTMX asks for."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from lifecycle_engine.console.segment_builder.edits import Edit
from lifecycle_engine.console.segment_builder.palette import palette
from lifecycle_engine.console.segment_builder.purposes import (
    form_url,
    purpose_of,
    purposes_permissions,
)
from lifecycle_engine.console.segment_builder.suggestions import Asked, source_of, suggestions
from lifecycle_engine.console.segment_builder.tree_view import (
    FieldView,
    NodeView,
    node_view,
    path_of,
    tree_view,
)
from lifecycle_engine.console.segment_builder.values import leaf_read
from lifecycle_engine.console.site import site_context
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.sdk.conditions import conditions
from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.drafts import (
    Draft,
    DraftError,
    DraftStaleError,
    draft_change,
    draft_discard,
    draft_load,
    draft_publish,
    draft_step,
    stale_words,
)
from lifecycle_engine.segments.drafts_check import Place, Problem, problems_words, rule_document
from lifecycle_engine.segments.drafts_tree import TreeError, node_at
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.preview import rules_sizes
from lifecycle_engine.segments.rules import RuleEvaluationError

#: What the preview listens for.
CHANGED = "segmentChanged"

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponse]


def for_builders(view: View[Arguments]) -> View[Arguments]:
    """Only for staff who may change segments."""

    @wraps(view)
    def guarded(
        request: HttpRequest, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> HttpResponse:
        if not request.user.has_perm("segments.change_segment"):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return cast("View[Arguments]", guarded)


def for_draft(view: Callable[[HttpRequest, int], HttpResponse]) -> Callable[..., HttpResponse]:
    """Only for staff who may build such a rule; 404 where it is gone or somebody else's."""

    @wraps(view)
    def guarded(request: HttpRequest, draft_id: int) -> HttpResponse:
        mine = SegmentDraft.objects.filter(pk=draft_id, owner=request.user.get_username())
        row = mine.first()
        wanted = {purpose_of(row).permission} if row else purposes_permissions()
        if not any(map(request.user.has_perm, wanted)):
            raise PermissionDenied
        try:
            return view(request, draft_id)
        except SegmentDraft.DoesNotExist as error:
            if request.method == "GET" and "HX-Request" in request.headers:
                # A question of a page that is being left: its draft was published or discarded.
                return HttpResponse(status=204)
            raise Http404 from error

    return guarded


@require_GET
@for_draft
def builder_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """The whole page."""
    draft = draft_load(draft_id=draft_id, owner=request.user.get_username())
    purpose = purpose_of(draft.row)
    model = Target if purpose.key else Segment
    context = {
        **site_context(request),
        "opts": model._meta,  # noqa: SLF001 - the admin's templates want it
        "title": purpose.title % {"name": _named(draft)},
        "segment": draft.row.segment,
        "days": purpose.days(draft),
        "back_url": form_url(draft.row),
        **_builder_context(draft),
    }
    return TemplateResponse(request, "console/segment_builder/page.html", context)


@require_POST
@for_draft
def edit_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Change the draft, and answer with what looks different now."""
    edit = Edit.of(request.POST)
    owner = request.user.get_username()
    before = draft_load(draft_id=draft_id, owner=owner)
    try:
        draft = draft_change(
            draft_id=draft_id,
            owner=owner,
            revision=_revision(request),
            change=edit,
            edited=_edited(edit, before),
        )
    except DraftStaleError as error:
        return _stale(request, str(error))
    except TreeError as error:
        return _refused(request, str(error))
    if edit.in_place:
        return _fields_changed(request, edit, before, draft)
    return _tree_changed(request, draft, focus=_focus(edit, draft))


def _edited(edit: Edit, draft: Draft) -> str:
    """The one field that the change is about, for the steps of undoing."""
    if edit.in_place:
        edit(draft.content)
    return edit.edited


@require_POST
@for_draft
def step_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Undo, or do again."""
    try:
        draft = draft_step(
            draft_id=draft_id,
            owner=request.user.get_username(),
            revision=_revision(request),
            by=1 if request.POST.get("by") == "redo" else -1,
        )
    except DraftStaleError as error:
        return _stale(request, str(error))
    return _tree_changed(request, draft, focus="", details=True)


@require_GET
@for_draft
def suggest_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Options for what is being typed; values only for staff who may see customers."""
    draft = draft_load(draft_id=draft_id, owner=request.user.get_username())
    place: Place = tuple(
        int(part) if part.isdecimal() else part for part in request.GET.get("field", "").split("-")
    )
    try:
        node = node_at(draft.root, path_of(request.GET.get("path", "")))
    except TreeError:
        return HttpResponse()
    key = str(node.get("condition"))
    if key not in conditions:
        return HttpResponse()
    # What is on the screen may be newer than what was sent.
    node = leaf_read(key, request.GET) if any(name[:2] == "f." for name in request.GET) else node
    source = request.GET.get("suggest", "") or source_of(key, place)
    if source == "value" and not request.user.has_perm("customers.view_customer"):
        return HttpResponse()
    typed = request.GET.get("f." + ".".join(map(str, place)), "").replace("\0", "")
    earlier, comma, term = typed.rpartition(",") if "many" in request.GET else ("", "", typed)
    found = suggestions(source, Asked(term.strip(), node, place, business_now()))
    context = {"found": found, "before": f"{earlier}{comma} " if comma else ""}
    return render(request, "console/segment_builder/options.html", context)


@require_POST
@for_draft
def publish_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Make the draft what is live; a rule for a target goes back to its form."""
    owner = request.user.get_username()
    draft = draft_load(draft_id=draft_id, owner=owner)
    if draft.row.purpose:
        return _used(request, draft)
    if draft.row.segment is None and not request.user.has_perm("segments.add_segment"):
        raise PermissionDenied
    try:
        segment = draft_publish(
            draft_id=draft_id, owner=owner, revision=_revision(request), size=_size(draft)
        )
    except DraftStaleError as error:
        return _stale(request, str(error))
    except DraftError as error:
        return _refused(request, str(error))
    messages.success(
        request,
        _("“%(name)s” is live. Its members are being computed; until then the old ones stand.")
        % {"name": segment.name},
    )
    # The button waits for what was typed last, as every change does: a plain form would not.
    page = reverse("admin:segments_segment_change", args=[segment.pk])
    return HttpResponse(headers={"HX-Redirect": page})


def _used(request: HttpRequest, draft: Draft) -> HttpResponse:
    if draft.row.revision != _revision(request):
        return _stale(request, stale_words())
    if problems := purpose_of(draft.row).problems(draft):
        return _refused(request, problems[0].message)
    return HttpResponse(headers={"HX-Redirect": form_url(draft.row, look=True)})


@require_POST
@for_draft
def discard_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Throw the draft away; what is live stays."""
    owner = request.user.get_username()
    row = draft_load(draft_id=draft_id, owner=owner).row
    draft_discard(draft_id=draft_id, owner=owner)
    if row.purpose:
        return HttpResponseRedirect(form_url(row, forget=True))
    messages.success(request, _("The draft is gone. What is live has not changed."))
    return HttpResponseRedirect(reverse("admin:segments_segment_changelist"))


def _named(draft: Draft) -> str:
    if draft.row.purpose:
        return draft.row.kept.get("name") or _("New target")
    return draft.content["name"] or _("New segment")


def _builder_context(draft: Draft, *, focus: str = "") -> dict[str, Any]:
    purpose = purpose_of(draft.row)
    problems = purpose.problems(draft)
    return {
        "draft": draft,
        "purpose": purpose,
        "tree": tree_view(draft.root, problems, purpose.hidden),
        "problems": problems,
        "problems_words": problems_words(len(problems)),
        "json": json.dumps(rule_document(draft.root), indent=2, ensure_ascii=False),
        "palette": palette(purpose.conditions),
        "edit_url": reverse("admin:segments_draft_edit", args=[draft.row.pk]),
        "suggest_url": reverse("admin:segments_draft_suggest", args=[draft.row.pk]),
        "focus": focus,
    }


def _tree_changed(
    request: HttpRequest, draft: Draft, *, focus: str, details: bool = False
) -> HttpResponse:
    context = _builder_context(draft, focus=focus) | {"oob": True, "details": details}
    return _changed(render(request, "console/segment_builder/tree_changed.html", context))


def _fields_changed(request: HttpRequest, edit: Edit, before: Draft, draft: Draft) -> HttpResponse:
    """Only what is wrong where, so that nobody's typing is disturbed; or the one condition anew."""
    context = _builder_context(draft) | {"oob": True}
    purpose = purpose_of(draft.row)
    was = purpose.problems(before)
    context["slots"] = _slots(draft, [*was, *context["problems"]], context["problems"])
    if edit.op == "leaf":
        now = node_view(draft.root, edit.path, context["problems"], purpose.hidden)
        then = node_view(before.root, edit.path, was, purpose.hidden)
        if _shape(now.fields) != _shape(then.fields):
            context["node"] = now
    answer = render(request, "console/segment_builder/fields_changed.html", context)
    if "node" not in context:
        answer.headers["HX-Reswap"] = "none"
    return _changed(answer)


def _slots(
    draft: Draft, touched: list[Problem], problems: list[Problem]
) -> list[Mapping[str, str]]:
    """The places for messages in every condition that had or has something wrong."""
    found: list[Mapping[str, str]] = []
    for path in sorted({problem.path for problem in touched}):
        view = node_view(draft.root, path, problems, purpose_of(draft.row).hidden)
        at = f"{view.html_id}-add" if view.kind else view.html_id
        found.append({"id": view.html_id, "for": at, "problem": view.problem})
        found += [
            {
                "id": one.html_id,
                "for": f"{one.html_id}-add" if one.widget == "rows" else one.html_id,
                "problem": one.problem,
            }
            for one in _every(view)
        ]
    return found


def _every(view: NodeView) -> list[FieldView]:
    waiting, found = list(view.fields), []
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += [inner for row in one.items for inner in row]
    return found


def _shape(fields: Any) -> list[Any]:
    """What of the fields is drawn, whatever stands in them."""
    return [
        (one.name, one.widget, [choice[0] for choice in one.choices], *map(_shape, one.items))
        for one in fields
    ]


def _focus(edit: Edit, draft: Draft) -> str:
    """The id of the element that has the focus after a change."""
    node = f"n{'-'.join(map(str, edit.focus))}"
    if edit.op in {"up", "down", "kind"}:
        return f"{node}-{edit.op}"
    if edit.op in {"row-add", "row-remove"}:
        return f"{node}-{edit.post.get('field', '')}-add"
    if edit.op == "add":
        view = node_view(draft.root, edit.focus, (), purpose_of(draft.row).hidden)
        return view.fields[0].html_id if view.fields else node
    return node


def _stale(request: HttpRequest, message: str) -> HttpResponse:
    context = {"message": message}
    answer = render(request, "console/segment_builder/stale.html", context, status=409)
    answer.headers["HX-Retarget"], answer.headers["HX-Reswap"] = "#lb-alert", "innerHTML"
    return answer


def _refused(request: HttpRequest, message: str) -> HttpResponse:
    answer = render(request, "console/segment_builder/refused.html", {"message": message})
    answer.headers["HX-Retarget"], answer.headers["HX-Reswap"] = "#lb-alert", "innerHTML"
    return answer


def _changed(answer: HttpResponse) -> HttpResponse:
    answer.headers["HX-Trigger-After-Settle"] = CHANGED
    return answer


def _size(draft: Draft) -> int | None:
    """How many the preview finds, for the history; publishing does not depend on it."""
    if draft.problems():
        return None
    try:
        return rules_sizes(documents=[rule_document(draft.root)], at=business_now())[0]
    except RuleEvaluationError:
        return None


def _revision(request: HttpRequest) -> int:
    given = request.POST.get("revision", "")
    return int(given) if given.isdecimal() and len(given) < 10 else -1
