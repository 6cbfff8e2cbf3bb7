"""A search for lookalikes: how far it is, what it is worth, and the segment to be made of it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from lifecycle_engine.console.curves import precision_curve
from lifecycle_engine.console.figures import count_shown, share_shown
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import JobRun
from lifecycle_engine.scoring.errors import LookalikeError
from lifecycle_engine.scoring.lookalike_models import (
    UNDER_WAY,
    Lookalike,
    LookalikeReason,
    LookalikeState,
    LookalikeVerdict,
)
from lifecycle_engine.scoring.lookalikes.ranking import FOLDS
from lifecycle_engine.scoring.lookalikes.results import Point, Result
from lifecycle_engine.scoring.lookalikes.running import JOB, OTHERS_LEAST, SEEDS_LEAST
from lifecycle_engine.scoring.lookalikes.services import (
    audience_name,
    lookalike_audience,
    lookalike_start,
)
from lifecycle_engine.scoring.lookalikes.traits import Trait
from lifecycle_engine.segments.models import Segment, SegmentState
from lifecycle_engine.warehouse.features.registry import feature_get

_SEARCHES_SHOWN = 5
#: How many sizes the table offers.
_SIZES_SHOWN = 9
_TONES = {
    LookalikeState.READY: "good",
    LookalikeState.REFUSED: "warn",
    LookalikeState.FAILED: "bad",
}
_VERDICT_TONES = {
    LookalikeVerdict.BETTER: "good",
    LookalikeVerdict.SIMPLE: "warn",
    LookalikeVerdict.CHANCE: "bad",
}


def lookalikes_of(request: HttpRequest, segment: Segment) -> dict[str, Any]:
    """What the segment's own page shows of searches."""
    return {
        "lookalikes": list(segment.lookalikes.order_by("-pk")[:_SEARCHES_SHOWN]),
        "may_find": _may_make(request) and segment.state == SegmentState.LIVE,
    }


def lookalike_context(request: HttpRequest, run: Lookalike) -> dict[str, Any]:
    """What the page of a search shows."""
    context: dict[str, Any] = {
        "run": run,
        "title": _("Lookalikes of “%(segment)s”") % {"segment": run.segment.name},
        "may_make": _may_make(request),
        "refusal": _refusal(run),
        **_progress(run),
    }
    return context if run.state != LookalikeState.READY else context | _ready(request, run)


@require_POST
def lookalike_start_view(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Begin a search for the segment, or go to the one under way."""
    _make_allowed(request)
    segment = get_object_or_404(Segment, pk=segment_id)
    try:
        run = lookalike_start(segment=segment, at=business_now(), by=request.user.get_username())
    except LookalikeError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[segment.pk]))
    return _back(run.pk)


@require_GET
def lookalike_progress_view(request: HttpRequest, lookalike_id: int) -> HttpResponse:
    """How far it is, for the page to replace what it shows; all of it once it is over."""
    if not request.user.has_perm("scoring.view_lookalike"):
        raise PermissionDenied
    run = get_object_or_404(Lookalike, pk=lookalike_id)
    response = TemplateResponse(
        request, "console/lookalike_progress.html", {"run": run, **_progress(run)}
    )
    if run.state not in UNDER_WAY:
        response.headers["HX-Refresh"] = "true"
    return response


@require_POST
def lookalike_segment_view(request: HttpRequest, lookalike_id: int) -> HttpResponse:
    """Make a segment of the first so many, or change how many it holds."""
    _make_allowed(request)
    run = get_object_or_404(
        Lookalike.objects.select_related("segment", "audience"), pk=lookalike_id
    )
    size = _size(request.POST.get("size", ""))
    name = request.POST.get("name", "").replace("\0", "").strip()
    try:
        segment = lookalike_audience(
            lookalike_id=run.pk,
            size=size or 0,
            name=name or audience_name(run),
            at=business_now(),
            by=request.user.get_username(),
        )
    except (LookalikeError, ValidationError) as error:
        messages.error(request, str(error))
        return _back(run.pk)
    messages.success(
        request,
        _("“%(segment)s” holds %(count)s customers.")
        % {"segment": segment.name, "count": count_shown(segment.size or 0)},
    )
    return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[segment.pk]))


def _ready(request: HttpRequest, run: Lookalike) -> dict[str, Any]:
    result = Result.read(run.result)
    asked = _size(request.GET.get("size", "")) or run.size or result.offered or run.seeds or 1
    chosen = result.at(max(1, min(asked, run.ranked)))
    verdict = LookalikeVerdict(run.verdict)
    return {
        "verdict_tone": _VERDICT_TONES[verdict],
        "verdict_words": _verdict_words(verdict, result),
        "chart": precision_curve(result, chosen=chosen),
        "chosen": _point(chosen),
        "sizes": [_point(point) for point in _sizes(result, run.ranked)],
        "offered": result.offered,
        "base_rate": share_shown(result.base_rate),
        "simple_there": result.gain is not None,
        "traits": [_trait(trait) for trait in result.traits],
        "result": result,
        "name": audience_name(run),
        "kept": run.customers.exists(),
        "chance": verdict is LookalikeVerdict.CHANCE,
    }


def _verdict_words(verdict: LookalikeVerdict, result: Result) -> str:
    area = round(100 * result.area.value)
    if verdict is LookalikeVerdict.CHANCE:
        return _(
            "The model can't tell members from other customers: nothing it could learn from sets "
            "them apart. A random choice would be as good."
        )
    told = _(
        "Of a member and another customer, neither of whom it had seen, the model puts the member "
        "first %(area)s times of 100; by chance it would be 50."
    ) % {"area": area}
    if verdict is LookalikeVerdict.SIMPLE:
        return (
            told
            + " "
            + _("Ranking by recency, frequency and value does as well: prefer a simple rule.")
        )
    return told


def _refusal(run: Lookalike) -> str:
    """What to do about it, with the numbers."""
    if run.reason == LookalikeReason.SEEDS_FEW:
        return _(
            "%(seeds)s members can be learned from; it takes %(least)s. Widen the segment's rule, "
            "or wait until it has grown. Who objects to profiling doesn't count."
        ) % {"seeds": count_shown(run.seeds or 0), "least": SEEDS_LEAST}
    if run.reason == LookalikeReason.OTHERS_FEW:
        return _(
            "%(others)s customers are outside the segment; it takes %(least)s. There is nobody to "
            "find: choose a narrower segment."
        ) % {"others": count_shown(run.others or 0), "least": OTHERS_LEAST}
    if run.reason == LookalikeReason.NOT_COMPUTED:
        return _("Wait until the segment has members, then search again.")
    if run.reason == LookalikeReason.FEATURES_NONE:
        return _("Put the members on a list and search from that.")
    return ""


def _progress(run: Lookalike) -> dict[str, Any]:
    job = JobRun.objects.filter(name=JOB, subject=str(run.pk)).order_by("-started_at").first()
    done = job.done if job is not None and run.state == LookalikeState.RUNNING else 0
    return {
        "under_way": run.state in UNDER_WAY,
        "tone": _TONES.get(LookalikeState(run.state), ""),
        # Reading everybody's features comes before the first of the models.
        "share": round(100 * (done + 1) / (FOLDS + 2)) if run.started_at else 0,
        "models": done,
        "folds": FOLDS,
    }


def _sizes(result: Result, ranked: int) -> list[Point]:
    """Some sizes to choose from, the one that is offered among them."""
    within = [point for point in result.points if point.size <= ranked]
    step = max(1, -(-len(within) // _SIZES_SHOWN))
    return [
        point
        for place, point in enumerate(within)
        if place % step == 0 or point.size == result.offered
    ]


def _point(point: Point) -> dict[str, Any]:
    return {
        "size": point.size,
        "size_shown": count_shown(point.size),
        "precision": share_shown(point.precision),
        "low": share_shown(point.low),
        "high": share_shown(point.high),
        "recall": share_shown(point.recall),
        "lift": number_format(point.lift, 1),
        "simple": None if point.simple is None else share_shown(point.simple),
        "of_100": round(100 * point.precision),
    }


def _trait(trait: Trait) -> dict[str, Any]:
    return {
        "name": trait.name,
        "words": feature_get(trait.name).description,
        "seeds": _figure(trait.seeds),
        "others": _figure(trait.others),
        "more": trait.area > 0.5,
        "times": round(100 * max(trait.area, 1 - trait.area)),
    }


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if abs(value) < 1_000 else count_shown(value)


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _may_make(request: HttpRequest) -> bool:
    return request.user.has_perm("segments.add_segment") and request.user.has_perm(
        "scoring.view_lookalike"
    )


def _make_allowed(request: HttpRequest) -> None:
    if not _may_make(request):
        raise PermissionDenied


def _back(lookalike_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:scoring_lookalike_change", args=[lookalike_id]))
