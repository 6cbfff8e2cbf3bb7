"""Defining a target without code, its page, and putting it away."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Campaign
from lifecycle_engine.console.figures import count_shown, share_shown
from lifecycle_engine.console.segment_builder.purposes import draft_field, form_url
from lifecycle_engine.console.site import site_context
from lifecycle_engine.console.target_form import RULES, TargetForm, target_rules
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.scoring.errors import Need
from lifecycle_engine.scoring.models import ModelVersion
from lifecycle_engine.scoring.selectors import scorer_readers
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.scoring.targets.definitions import (
    TargetError,
    horizon_words,
    outcome_parse,
    population_words,
)
from lifecycle_engine.scoring.targets.rates import Rates, target_rates
from lifecycle_engine.scoring.targets.services import target_archive, target_make
from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.drafts import draft_discard, draft_for, drafts_keep
from lifecycle_engine.segments.preview_seen import catalogue_seen, events_seen
from lifecycle_engine.segments.rules import RuleEvaluationError, rule_sentence

FAMILY = "propensity"
_OFFERED = 200
_NEEDS = {
    "days": gettext_lazy("days of orders"),
    "customers": gettext_lazy("customers"),
    "positives": gettext_lazy("customers of whom it came true"),
    "negatives": gettext_lazy("customers of whom it did not come true"),
}


def target_new_view(request: HttpRequest) -> HttpResponse:
    """The form; asked to look it shows how often it was true, asked to make it makes the target.

    Asked to build a rule it goes on to the builder, which comes back with all that was filled in.
    """
    _allowed(request)
    form = _form(request)
    if "build" in request.POST:
        return _built(form, request.POST["build"])
    context: dict[str, Any] = {}
    if form.is_valid():
        try:
            row = form.definition().row(key=f"{FAMILY}.{form.cleaned_data['slug']}", by="-")
            if "make" in request.POST:
                made = _made(form)
                messages.success(request, _("“%s” is made; its first training begins.") % made)
                return HttpResponseRedirect(reverse("admin:scoring_target_change", args=[made.pk]))
            context = _looked(row)
        except TargetError as error:
            form.add_error(None, f"{error.words}")
        except RuleEvaluationError as error:
            form.add_error(None, str(error))
    if request.method == "POST":
        _keep(form, form.kept())
    page = {"title": _("Define a target"), "form": form, **_offered(), **context}
    page["begun"] = _begun(form)
    return TemplateResponse(request, "console/target_new.html", site_context(request) | page)


def _form(request: HttpRequest) -> TargetForm:
    """What was sent; or the form as it was left, looked at only where nothing is wrong yet."""
    owner = request.user.get_username()
    if request.method == "POST":
        return TargetForm(request.POST, owner=owner)
    if "look" in request.GET:
        looked = TargetForm(request.GET, owner=owner)
        if looked.is_valid():
            return looked
    return TargetForm(initial=request.GET.dict(), owner=owner)


def _built(form: TargetForm, purpose: str) -> HttpResponse:
    """Go on to the rule for a purpose, beginning one where there is none."""
    field = RULES.get(purpose)
    if field is None:
        raise Http404
    kept = form.kept() | {field: "rule"}
    known = form.rules.get(purpose)
    row = known.row if known else draft_for(owner=form.owner, purpose=purpose, kept=kept)
    _keep(form, kept | {draft_field(purpose): str(row.pk)}, row.pk)
    return HttpResponseRedirect(reverse("admin:scoring_target_rule", args=[row.pk]))


def _keep(form: TargetForm, kept: dict[str, str], *more: int) -> None:
    drafts = {*more, *(rule.row.pk for rule in form.rules.values())}
    drafts_keep(draft_ids=drafts, owner=form.owner, kept=kept)


def _begun(form: TargetForm) -> list[dict[str, Any]]:
    """The owner's targets whose rules were begun, and that aren't the one on the page."""
    shown = {rule.row.pk for rule in form.rules.values()}
    found: dict[str, SegmentDraft] = {}
    for row in target_rules(form.owner).exclude(pk__in=shown).order_by("-changed_at")[:20]:
        # Two rules of one target go back to the same page.
        found.setdefault(form_url(row), row)
    return [
        {"url": url, "name": row.kept.get("name"), "changed_at": row.changed_at}
        for url, row in found.items()
    ]


def _looked(row: Target) -> dict[str, Any]:
    return _rates(target_rates(target=row, at=business_now())) | {
        "sentence": rule_sentence(outcome_parse(row.outcome)),
        "population": population_words(row),
        "key": row.key,
        "horizon": horizon_words(row.horizon_days),
    }


def _offered() -> dict[str, Any]:
    """What completes what is typed."""
    at = business_now()
    return {
        "events": list(events_seen(at=at))[:_OFFERED],
        "parts": [
            name
            for column in ("department", "category")
            for name in list(catalogue_seen(column=column, at=at))[:_OFFERED]
        ],
    }


def target_archive_view(request: HttpRequest, target_id: int) -> HttpResponse:
    """Say what uses the target; by POST put it away."""
    _allowed(request)
    target = get_object_or_404(Target, pk=target_id)
    if request.method == "POST":
        try:
            target_archive(key=target.key, by=request.user.get_username())
            messages.success(request, _("The target is archived."))
        except TargetError as error:
            messages.error(request, f"{error.words}")
        return HttpResponseRedirect(reverse("admin:scoring_target_change", args=[target.pk]))
    context = {
        **site_context(request),
        "opts": Target._meta,  # noqa: SLF001 - the admin's templates want it
        "title": _("Archive “%(name)s”") % {"name": target.name},
        "target": target,
        **_uses(target),
    }
    return TemplateResponse(request, "console/target_archive.html", context)


def _uses(target: Target) -> dict[str, Any]:
    """Who would miss the target: live segments that read its scores, and their campaigns."""
    readers = scorer_readers(scorer_key=target.key)
    campaigns = Campaign.objects.filter(segment__in=readers).order_by("name")
    return {"readers": readers, "campaigns": list(campaigns[:50])}


def target_context(request: HttpRequest, target: Target) -> dict[str, Any]:
    """What the page of a target shows."""
    versions = ModelVersion.objects.filter(scorer_key=target.key).order_by("-number")
    return {
        "title": target.name,
        "target": target,
        "sentence": rule_sentence(outcome_parse(target.outcome)),
        "population": population_words(target),
        "horizon": horizon_words(target.horizon_days),
        "versions": versions[:5],
        "may_change": request.user.has_perm("scoring.add_target"),
        **_uses(target),
        **_rates(target_rates(target=target, at=business_now())),
    }


def _made(form: TargetForm) -> Target:
    made = target_make(
        family=FAMILY,
        slug=form.cleaned_data["slug"],
        definition=form.definition(),
        by=form.owner,
    )
    for rule in form.rules.values():
        draft_discard(draft_id=rule.row.pk, owner=form.owner)
    return made


def _rates(rates: Rates) -> dict[str, Any]:
    return {
        "looked": True,
        "windows": [
            {
                "start": window.start,
                "end": window.end,
                "customers": count_shown(window.customers),
                "positives": count_shown(window.positives),
                "share": share_shown(window.share),
            }
            for window in rates.windows
        ],
        "needs": [_need(need) for need in rates.needs],
    }


def _need(need: Need) -> str:
    return _("%(what)s: %(found)s there, %(wanted)s needed") % {
        "what": _NEEDS[need.what],
        "found": count_shown(need.found),
        "wanted": count_shown(need.wanted),
    }


def _allowed(request: HttpRequest) -> None:
    if not request.user.has_perm("scoring.add_target"):
        raise PermissionDenied
