"""The audience beside the rule: how many, who, whom one can write to, and why somebody is in."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from lifecycle_engine.console.privacy_pages import staff_access_note
from lifecycle_engine.console.segment_builder.purposes import purpose_of
from lifecycle_engine.console.segment_builder.reach import audience_reach
from lifecycle_engine.console.segment_builder.tree_view import path_text
from lifecycle_engine.console.segment_builder.views import for_draft
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.privacy_models import AccessAction
from lifecycle_engine.customers.selectors import customer_by_external_id
from lifecycle_engine.segments.conditions.events import EventCount
from lifecycle_engine.segments.conditions.sequences import EventSequence
from lifecycle_engine.segments.drafts import Draft, draft_load
from lifecycle_engine.segments.drafts_check import problems_words, rule_document, rule_place
from lifecycle_engine.segments.drafts_tree import Node, Path, nodes_walk
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.preview import (
    audience_ids,
    overlaps,
    preview_explained,
    rule_preview,
    rules_sizes,
)
from lifecycle_engine.segments.rules import RuleEvaluationError

_TEMPLATES = "console/segment_builder"
#: What a sequence says beyond its first step.
_SECOND = {"then", "within_hours", "followed"}


@require_GET
@for_draft
def preview_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Size, sentence and a few customers; nothing where the page has moved on already."""
    draft = _draft(request, draft_id)
    if _passed(request, draft):
        return HttpResponse(status=204)
    purpose = purpose_of(draft.row)
    days = purpose.days(draft)
    context: dict[str, Any] = {"draft": draft, "purpose": purpose, "days": days}
    if problems := purpose.problems(draft):
        context["problems_words"] = problems_words(len(problems))
        return render(request, f"{_TEMPLATES}/preview.html", context)
    try:
        document = rule_document(draft.root)
        preview = rule_preview(document=document, at=business_now(), days=days)
    except RuleEvaluationError as error:
        return render(request, f"{_TEMPLATES}/preview.html", context | {"error": str(error)})
    context["preview"] = preview
    context["share"] = number_format(100 * preview.size / max(preview.total, 1), 1)
    # Who asks why somebody is in sees what holds now, and an outcome is of some days only.
    if days is None and request.user.has_perm("customers.view_customer"):
        context["sample"] = _customers(preview.sample)
    return render(request, f"{_TEMPLATES}/preview.html", context)


@require_GET
@for_draft
def counts_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """What each criterion selects by itself; of a segment whom one can write to, and overlaps."""
    draft = _draft(request, draft_id)
    purpose = purpose_of(draft.row)
    if _passed(request, draft) or purpose.problems(draft):
        return HttpResponse(status=204)
    at = business_now()
    try:
        context = _counted(draft, at, purpose.days(draft))
        if not purpose.key:
            context |= _reached(draft, at)
    except RuleEvaluationError as error:
        return render(request, f"{_TEMPLATES}/counts.html", {"error": str(error)})
    if _passed(request, _draft(request, draft_id)):
        return HttpResponse(status=204)
    return render(request, f"{_TEMPLATES}/counts.html", context)


def _counted(draft: Draft, at: datetime, days: int | None) -> dict[str, Any]:
    nodes = [(path, node) for path, node in nodes_walk(draft.root) if path]
    documents = [rule_document(node) for _path, node in nodes]
    sizes = rules_sizes(documents=documents, at=at, days=days)
    firsts = _firsts(nodes, at)
    return {
        "counts": [
            {"id": f"n{path_text(path)}", "size": size, "first": firsts.get(path)}
            for (path, _node), size in zip(nodes, sizes, strict=True)
        ],
        "draft": draft,
    }


def _reached(draft: Draft, at: datetime) -> dict[str, Any]:
    document = rule_document(draft.root)
    reach = audience_reach(audience_ids(document=document, at=at), at=at)
    return {
        "reach": reach,
        "reach_estimated": any(one.estimated for one in reach),
        "overlaps": _overlaps(document, draft, at),
    }


@require_GET
@for_draft
def reach_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Whom one can write to, counted exactly: what the page shows by itself may be an estimate."""
    draft = _draft(request, draft_id)
    if _passed(request, draft) or purpose_of(draft.row).problems(draft):
        return HttpResponse(status=204)
    at, document = business_now(), rule_document(draft.root)
    context: dict[str, Any] = {"draft": draft}
    try:
        members = audience_ids(document=document, at=at)
        context["reach"] = audience_reach(members, at=at, exact=True)
    except RuleEvaluationError as error:
        context["error"] = str(error)
    return render(request, f"{_TEMPLATES}/reach.html", context)


@require_GET
@for_draft
def why_view(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Which conditions hold for one customer; who looks is written down.

    Raises:
        PermissionDenied: this member of staff may not see customers.
        Http404: the rule is asked of some days only, and nobody could say what held in them.
    """
    if not request.user.has_perm("customers.view_customer"):
        raise PermissionDenied
    draft = _draft(request, draft_id)
    if purpose_of(draft.row).days(draft) is not None:
        raise Http404
    number = request.GET.get("customer", "").strip()
    context: dict[str, Any] = {"number": number}
    customer = customer_by_external_id(external_id=number) if number else None
    if customer is None and number.isdecimal() and len(number) < 19:
        customer = Customer.objects.filter(
            Q(pk=int(number)), merged_into=None, erased_at=None
        ).first()
    if customer is None:
        context["error"] = _("There is no customer with the number “%(number)s”.") % context
    elif problems := purpose_of(draft.row).problems(draft):
        context["error"] = problems_words(len(problems))
    else:
        staff_access_note(request, AccessAction.VIEWED, customer.pk)
        context |= {"customer": customer} | _explained(draft, customer.pk)
    return render(request, f"{_TEMPLATES}/why.html", context)


def _firsts(nodes: Sequence[tuple[Path, Node]], at: datetime) -> dict[Path, int]:
    """Of each sequence how many did its first step at all."""
    steps = {
        path: {name: value for name, value in node.items() if name not in _SECOND}
        for path, node in nodes
        if node.get("condition") == EventSequence.key
    }
    documents = [
        rule_document({**step, "condition": EventCount.key, "at_least": 1})
        for step in steps.values()
    ]
    return dict(zip(steps, rules_sizes(documents=documents, at=at), strict=True))


def _explained(draft: Draft, customer_id: int) -> dict[str, Any]:
    try:
        tree = preview_explained(
            document=rule_document(draft.root), customer_id=customer_id, at=business_now()
        )
    except RuleEvaluationError as error:
        return {"error": str(error)}
    return {"tree": explained_shown(tree)}


def explained_shown(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node of an explanation as the template draws it."""
    if "group" in node:
        words = {"all": _("all of these"), "any": _("any of these"), "none": _("none of these")}
        inside = [explained_shown(child) for child in node["children"]]
        return {"holds": node["holds"], "words": words[node["group"]], "children": inside}
    return {
        "holds": node["holds"],
        "words": node["sentence"],
        "observed": _observed(node.get("observed")),
        "note": node.get("note", ""),
        "node": f"n{path_text(rule_place(node['path'])[0])}",
    }


def _observed(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return date_format(value, "DATETIME_FORMAT")
    return number_format(value) if isinstance(value, int | float) else str(value)


def _overlaps(document: object, draft: Draft, at: datetime) -> list[dict[str, Any]]:
    found = overlaps(document=document, at=at, but=draft.key)
    names = {one.key: one for one in Segment.objects.filter(key__in=[o.segment for o in found])}
    return [
        {
            "segment": names[one.segment],
            "both": one.both,
            "jaccard": number_format(100 * one.jaccard, 1),
        }
        for one in found
        if one.segment in names
    ]


def _customers(ids: Sequence[int]) -> list[Customer]:
    found = Customer.objects.in_bulk(list(ids))
    return [found[one] for one in ids if one in found]


def _draft(request: HttpRequest, draft_id: int) -> Draft:
    return draft_load(draft_id=draft_id, owner=request.user.get_username())


def _passed(request: HttpRequest, draft: Draft) -> bool:
    """Whether the page asks for a state that has passed already: its answer would come late."""
    return request.GET.get("revision", "") not in {"", str(draft.row.revision)}
