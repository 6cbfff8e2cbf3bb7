"""A segment's page: what it is, what it was, who uses it; and beginning, copying, archiving one."""

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.models import Campaign
from lifecycle_engine.console.lookalike_pages import lookalikes_of
from lifecycle_engine.console.segment_builder.history import segment_history
from lifecycle_engine.console.segment_builder.list_page import list_begin, list_uploads
from lifecycle_engine.console.segment_builder.views import for_builders
from lifecycle_engine.console.segment_upkeep import upkeep_context
from lifecycle_engine.console.site import site_context
from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.drafts import draft_begin, draft_copy, draft_of
from lifecycle_engine.segments.models import Segment, SegmentKind, SegmentState
from lifecycle_engine.segments.rules import RuleError, rule_parse, rule_sentence
from lifecycle_engine.segments.selectors import segment_readers
from lifecycle_engine.segments.services import segment_save

_CHANGES_SHOWN = 20


def segment_context(request: HttpRequest, segment: Segment) -> dict[str, Any]:
    """What the page of a segment shows."""
    owner = request.user.get_username()
    return {
        "title": segment.name,
        "segment": segment,
        "sentence": segment_sentence(segment.rule),
        "rule": json.dumps(segment.rule, indent=2, ensure_ascii=False),
        "archived": segment.state == SegmentState.ARCHIVED,
        "draft": SegmentDraft.objects.filter(segment=segment, owner=owner).first(),
        "others": list(
            SegmentDraft.objects.filter(segment=segment)
            .exclude(owner=owner)
            .values_list("owner", flat=True)[:5]
        ),
        "history": segment_history(segment, limit=_CHANGES_SHOWN),
        "by_rule": segment.kind == SegmentKind.DYNAMIC,
        "uploads": list_uploads(segment) if segment.kind == SegmentKind.STATIC else [],
        "may_list": request.user.has_perms(["segments.change_segment", "events.add_import"]),
        "may_take_out": request.user.has_perm("customers.view_customer"),
        "may_change": request.user.has_perm("segments.change_segment"),
        "may_add": request.user.has_perm("segments.add_segment"),
        **_uses(segment),
        **upkeep_context(segment),
        **lookalikes_of(request, segment),
    }


def segment_sentence(rule: object) -> str:
    """A stored rule in words, or why it can't be read."""
    try:
        return rule_sentence(rule_parse(rule))
    except RuleError as error:
        return str(error)


def segment_begin_view(request: HttpRequest) -> HttpResponse:
    """Ask for a name; by POST begin a draft, or a list.

    Raises:
        PermissionDenied: this member of staff may not add segments.
    """
    if not request.user.has_perm("segments.add_segment"):
        raise PermissionDenied
    owner = request.user.get_username()
    by_list = "by_list" in request.POST
    name = request.POST.get("name", "").replace("\0", "").strip()[:120]
    if request.method == "POST" and name and by_list:
        segment = list_begin(name=name, by=owner)
        return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[segment.pk]))
    if request.method == "POST" and name:
        draft = draft_begin(owner=owner, name=name)
        return HttpResponseRedirect(reverse("admin:segments_draft", args=[draft.pk]))
    mine = SegmentDraft.objects.filter(owner=owner, purpose="").order_by("-pk")[:20]
    context = {
        **site_context(request),
        "opts": Segment._meta,  # noqa: SLF001 - the admin's templates want it
        "title": _("New segment"),
        "missing": request.method == "POST",
        "drafts": [
            {"pk": row.pk, "name": _draft_name(row), "changed_at": row.changed_at} for row in mine
        ],
    }
    return TemplateResponse(request, "console/segment_new.html", context)


@require_POST
@for_builders
def segment_edit_view(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Go on with one's draft of the segment, or begin one."""
    segment = get_object_or_404(Segment, pk=segment_id, kind=SegmentKind.DYNAMIC)
    draft = draft_of(segment=segment, owner=request.user.get_username())
    return HttpResponseRedirect(reverse("admin:segments_draft", args=[draft.pk]))


@require_POST
@for_builders
def segment_duplicate_view(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Begin a new segment with the same rule."""
    if not request.user.has_perm("segments.add_segment"):
        raise PermissionDenied
    segment = get_object_or_404(Segment, pk=segment_id, kind=SegmentKind.DYNAMIC)
    draft = draft_copy(segment=segment, owner=request.user.get_username())
    return HttpResponseRedirect(reverse("admin:segments_draft", args=[draft.pk]))


@for_builders
def segment_archive_view(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Say what uses the segment; by POST archive it, or bring it back."""
    segment = get_object_or_404(Segment, pk=segment_id)
    archived = segment.state == SegmentState.ARCHIVED
    if request.method == "POST":
        return _archived(request, segment, archived)
    context = {
        **site_context(request),
        "opts": Segment._meta,  # noqa: SLF001 - the admin's templates want it
        "title": _("Archive “%(name)s”") % {"name": segment.name},
        "segment": segment,
        "archived": archived,
        **_uses(segment),
    }
    return TemplateResponse(request, "console/segment_archive.html", context)


def _archived(request: HttpRequest, segment: Segment, archived: bool) -> HttpResponse:
    back = HttpResponseRedirect(reverse("admin:segments_segment_change", args=[segment.pk]))
    readers = _uses(segment)["readers"]
    if not archived and readers:
        messages.error(
            request,
            _("“%(reader)s” reads this segment: change it first.") % {"reader": readers[0].name},
        )
        return back
    try:
        segment_save(
            key=segment.key,
            name=segment.name,
            rule=segment.rule,
            description=segment.description,
            state=SegmentState.LIVE if archived else SegmentState.ARCHIVED,
            by=request.user.get_username(),
        )
    except RuleError as error:
        messages.error(request, str(error))
        return back
    words = _("The segment is live again.") if archived else _("The segment is archived.")
    messages.success(request, words)
    return back


def _uses(segment: Segment) -> dict[str, Any]:
    """Who would miss the segment: live segments that read it, and campaigns."""
    return {
        "readers": list(Segment.objects.filter(pk__in=segment_readers(key=segment.key))),
        "campaigns": list(Campaign.objects.filter(segment=segment).order_by("name")[:50]),
    }


def _draft_name(row: SegmentDraft) -> str:
    step = row.steps.get(number=row.position)
    return step.content.get("name") or _("New segment")
