"""The lifecycle's pages: where customers stand, how they moved, and what the stages go by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from lifecycle_engine.console.charts import Bar, Chart, bars
from lifecycle_engine.console.figures import count_shown, share_shown
from lifecycle_engine.console.flows import Flow, Place, sankey
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.segments.models import Stage
from lifecycle_engine.segments.stage_learning import (
    GAPS_SHOWN,
    STEPS_A_GAP,
    Learned,
    thresholds_in_force,
    thresholds_learn,
    thresholds_set,
)
from lifecycle_engine.segments.stage_models import StageThresholds
from lifecycle_engine.segments.stage_reports import (
    RFM_SCORES,
    RfmCell,
    StageFlow,
    rfm_grid,
    stage_flows,
    stage_moves,
)
from lifecycle_engine.warehouse.session import warehouse_session

_DAYS_BACK = 90
# What is computed over the whole base is kept for so many seconds.
_KEEP = 300
_HISTORY = 20
_HEATS = 5
_TONES = {
    Stage.AT_RISK: "warn",
    Stage.LAPSED: "bad",
    Stage.LOYAL: "good",
    Stage.WON_BACK: "good",
    Stage.PROSPECT: "quiet",
}
_Found = TypeVar("_Found")


class PeriodForm(forms.Form):
    """Between which days customers moved."""

    start = forms.DateField(label=gettext_lazy("From"))
    end = forms.DateField(label=gettext_lazy("To"))

    def clean(self) -> dict[str, Any]:
        """See that the first day is the earlier one."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and start >= end:
            self.add_error("end", _("The last day has to be after the first."))
        return cleaned


class ThresholdsForm(forms.ModelForm):  # type: ignore[type-arg]
    """The thresholds as staff set them; what contradicts itself is refused by the constraints."""

    class Meta:
        model = StageThresholds
        fields = list(StageThresholds.VALUES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs |= {"class": "le-input", "step": "any"}


@dataclass(frozen=True)
class HeatCell:
    """A cell of the grid as it is shown."""

    heat: int
    customers: str
    value: str


@admin.site.admin_view
def lifecycle(request: HttpRequest) -> HttpResponse:
    """Who moved from stage to stage between two days, and recency by frequency."""
    _allowed(request, "segments.view_customerstage")
    at = business_now()
    form = PeriodForm(request.GET or None, initial=_period(at))
    start, end = _asked(form, at)
    thresholds = thresholds_in_force() or StageThresholds()
    flows = _kept(
        f"flows:{start:%Y%m%d}:{end:%Y%m%d%H}:{thresholds.pk}",
        lambda: stage_flows(start=start, end=end, thresholds=thresholds),
    )
    grid = _kept(f"rfm:{at:%Y%m%d%H}", lambda: rfm_grid(at=at))
    moved = sum(flow.customers for flow in flows if flow.start != flow.end)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Lifecycle"),
        "form": form,
        "start": start,
        "end": end,
        "flows": _flows_chart(flows),
        "moved": moved,
        "known": sum(flow.customers for flow in flows),
        "thresholds": thresholds,
        "grid": _grid(grid),
        "scores": range(1, RFM_SCORES + 1),
        "may_change": request.user.has_perm("segments.change_stagethresholds"),
    }
    return TemplateResponse(request, "console/lifecycle.html", context)


@admin.site.admin_view
def stage_thresholds(request: HttpRequest) -> HttpResponse:
    """What the stages go by: in force, learned from the orders, and how many would move."""
    _allowed(request, "segments.view_customerstage")
    at = business_now()
    in_force = thresholds_in_force()
    learned = _kept(f"learned:{at:%Y%m%d%H}", lambda: _learn(at))
    offered = learned.thresholds if "learned" in request.GET else in_force or learned.thresholds
    form = ThresholdsForm(request.POST or None, initial=offered.values())
    moves: Sequence[StageFlow] | None = None
    if request.method == "POST":
        _allowed(request, "segments.change_stagethresholds")
        if form.is_valid():
            wanted = form.save(commit=False)
            wanted.learned = wanted.values() == learned.thresholds.values()
            if "save" in request.POST:
                thresholds_set(thresholds=wanted, by=request.user.get_username())
                messages.success(request, _("The stages follow within a minute."))
                return HttpResponseRedirect(reverse("stage-thresholds"))
            before = in_force or StageThresholds()
            moves = stage_moves(at=at, before=before, after=wanted)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Stage thresholds"),
        "form": form,
        "rows": _rows(form, in_force, learned),
        "learned": learned,
        "in_force": in_force,
        "silences": _silences_chart(learned),
        "returns": _returns_chart(learned),
        "moves": None if moves is None else _flows_chart(moves),
        "moving": sum(flow.customers for flow in moves or () if flow.start != flow.end),
        "history": StageThresholds.objects.order_by("-pk")[:_HISTORY],
        "may_change": request.user.has_perm("segments.change_stagethresholds"),
    }
    return TemplateResponse(request, "console/stage_thresholds.html", context)


def _allowed(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _kept(key: str, compute: Callable[[], _Found]) -> _Found:
    return cast("_Found", cache.get_or_set(f"console.stages.{key}", compute, _KEEP))


def _learn(at: datetime) -> Learned:
    with warehouse_session(as_of=at) as tables:
        return thresholds_learn(tables)


def _period(at: datetime) -> dict[str, Any]:
    return {"start": (at - timedelta(days=_DAYS_BACK)).date(), "end": at.date()}


def _asked(form: PeriodForm, at: datetime) -> tuple[datetime, datetime]:
    """The two moments; those of the form where it is right, the beginnings of days in UTC."""
    asked = form.cleaned_data if form.is_bound and form.is_valid() else _period(at)
    start, end = (datetime.combine(asked[name], time(), UTC) for name in ("start", "end"))
    # Today isn't over: it counts as far as it goes.
    return start, at if end.date() >= at.date() else end


def _flows_chart(flows: Sequence[StageFlow]) -> Chart:
    new = Place("", _("New"), "quiet")
    stages = [Place(s.value, str(s.label), _TONES.get(s, "primary")) for s in Stage]
    return sankey(
        title=_("From stage to stage"),
        places=[new, *stages],
        flows=[Flow(f.start, f.end, f.customers, count_shown(f.customers)) for f in flows],
        columns=(_("From"), _("To"), _("Customers")),
    )


def _silences_chart(learned: Learned) -> Chart:
    counts, total = learned.silences.by_step, learned.silences.count
    labels = [
        _("%(low)s to %(high)s gaps")
        % {"low": _number(step / STEPS_A_GAP), "high": _number((step + 1) / STEPS_A_GAP)}
        for step in range(GAPS_SHOWN * STEPS_A_GAP)
    ]
    labels.append(_("%(low)s gaps or more") % {"low": GAPS_SHOWN})
    thresholds = learned.thresholds
    return bars(
        title=_("How long customers were silent who came back"),
        items=[
            Bar(
                label,
                count,
                f"{count_shown(count)} · {share_shown(count / total)}",
                _silence_tone(step / STEPS_A_GAP, thresholds),
            )
            for step, (label, count) in enumerate(zip(labels, counts, strict=True))
            if count
        ],
        columns=(_("Silence"), _("Customers who came back")),
    )


def _silence_tone(gaps: float, thresholds: StageThresholds) -> str:
    if gaps >= thresholds.lapsed_gaps:
        return "bad"
    return "warn" if gaps >= thresholds.at_risk_gaps else "primary"


def _returns_chart(learned: Learned) -> Chart:
    return bars(
        title=_("How many made another order"),
        items=[
            Bar(
                ngettext("after %(count)d order", "after %(count)d orders", found.orders)
                % {"count": found.orders},
                found.share,
                _("%(share)s of %(customers)s")
                % {"share": share_shown(found.share), "customers": count_shown(found.customers)},
                "good" if found.orders >= learned.thresholds.loyal_orders else "primary",
            )
            for found in learned.returns[:15]
        ],
        columns=(_("Orders"), _("Came back")),
    )


def _rows(
    form: ThresholdsForm, in_force: StageThresholds | None, learned: Learned
) -> list[dict[str, Any]]:
    by_orders = learned.thresholds.values()
    return [
        {
            "field": form[name],
            "in_force": None if in_force is None else _number(getattr(in_force, name)),
            "learned": None if name in learned.missing else _number(by_orders[name]),
            "default": _number(StageThresholds().values()[name]),
        }
        for name in StageThresholds.VALUES
    ]


def _grid(cells: Sequence[RfmCell]) -> list[tuple[int, list[HeatCell | None]]]:
    """Rows of the grid from the most recent down; None where nobody is."""
    found = {(cell.recency, cell.frequency): cell for cell in cells}
    most = max((cell.customers for cell in cells), default=0)

    def shown(cell: RfmCell | None) -> HeatCell | None:
        if cell is None:
            return None
        heat = 1 + min(_HEATS - 1, _HEATS * cell.customers // (most + 1))
        return HeatCell(heat, count_shown(cell.customers), count_shown(cell.value))

    if not cells:
        return []
    scores = range(1, RFM_SCORES + 1)
    return [(r, [shown(found.get((r, f))) for f in scores]) for r in reversed(scores)]


def _number(value: float) -> str:
    return f"{value:g}"
