"""The admin's first page: how the shop, the models, the campaigns and the machinery are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle_engine.console.campaign_pages import campaign_rows
from lifecycle_engine.console.charts import Bar, Chart, bars, line
from lifecycle_engine.console.figures import count_shown
from lifecycle_engine.console.metrics import ModelFigures, champions
from lifecycle_engine.console.monitoring_page import attention
from lifecycle_engine.console.reader_page import reader_figures
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import JobRun, JobState
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.segments.models import Segment, SegmentState, Stage
from lifecycle_engine.warehouse.session import warehouse_session

WEEKS = 26
_SEGMENTS = 8
_JOBS = 8
# The figures of the whole shop are computed at most so often (seconds).
_KEEP = 60


@dataclass(frozen=True)
class Tile:
    """One figure in large letters."""

    label: str | Promise
    value: str
    note: str
    url: str = ""


def dashboard_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the dashboard's figures to the first page's context."""
    at = business_now()
    weeks = _kept(f"weeks:{at:%Y%m%d}", lambda: orders_per_week(at=at))
    stages = _kept("stages", stage_sizes)
    segments = list(
        Segment.objects.filter(state=SegmentState.LIVE).order_by("-size", "name")[:_SEGMENTS]
    )
    models = champions()
    context |= {
        "title": _("Dashboard"),
        "tiles": _tiles(weeks, stages, segments, models),
        "weeks": _weeks_chart(weeks),
        "stages": _stages_chart(stages),
        "segments": _segments_chart(segments),
        "segments_broken": [segment for segment in segments if segment.error],
        "campaigns": campaign_rows(),
        "models": models,
        "attention": attention(),
        "readers": reader_figures(),
        "jobs": _jobs(),
    }
    return context


def orders_per_week(*, at: datetime) -> list[tuple[datetime, int, float]]:
    """Start, number of orders and their value of each of the last whole weeks before ``at``."""
    monday = (at - timedelta(days=at.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    start = monday - timedelta(weeks=WEEKS)
    with warehouse_session(as_of=monday) as tables:
        orders = tables.window(start, monday).orders
        found = tables.execute(
            orders.group_by(week=orders.occurred_at.truncate("W")).agg(
                orders=orders.count(), value=orders.value.sum()
            )
        ).to_pylist()
    by_week = {row["week"].date(): (row["orders"], row["value"] or 0.0) for row in found}
    if not by_week:
        return []
    weeks = [start + timedelta(weeks=number) for number in range(WEEKS)]
    return [(week, *by_week.get(week.date(), (0, 0.0))) for week in weeks]


def stage_sizes() -> dict[str, int]:
    """Customers by lifecycle stage."""
    return dict(sql_rows("console", "stage_sizes"))


def _kept(key: str, compute: Any) -> Any:
    return cache.get_or_set(f"console.dashboard.{key}", compute, _KEEP)


def _tiles(
    weeks: Sequence[tuple[datetime, int, float]],
    stages: dict[str, int],
    segments: Sequence[Segment],
    models: Sequence[ModelFigures],
) -> list[Tile]:
    customers = sum(stages.values())
    buying = customers - stages.get(Stage.PROSPECT, 0) - stages.get(Stage.LAPSED, 0)
    last, before = (weeks[-1], weeks[-2]) if len(weeks) > 1 else (None, None)
    better = sum(model.better for model in models)
    return [
        Tile(
            gettext_lazy("Customers"),
            count_shown(customers) if customers else "–",
            _("%(count)s buying") % {"count": count_shown(buying)}
            if customers
            else _("no stages yet"),
            reverse("admin:customers_customer_changelist"),
        ),
        Tile(
            gettext_lazy("Orders last week"),
            count_shown(last[1]) if last else "–",
            _change(last[1], before[1]) if last and before else _("no orders yet"),
            reverse("admin:events_event_changelist"),
        ),
        Tile(
            gettext_lazy("Revenue last week"),
            count_shown(last[2]) if last else "–",
            _change(last[2], before[2]) if last and before else _("no orders yet"),
        ),
        Tile(
            gettext_lazy("Models in use"),
            str(len(models)) if models else "–",
            _("%(count)d shown to beat their baseline") % {"count": better}
            if models
            else _("none trained yet"),
            reverse("admin:scoring_modelversion_changelist"),
        ),
    ]


def _weeks_chart(weeks: Sequence[tuple[datetime, int, float]]) -> Chart:
    return line(
        title=_("Orders per week"),
        points=[
            (date_format(week, "DATE_FORMAT"), orders, count_shown(orders))
            for week, orders, _value in weeks
        ],
        columns=(_("Week from"), _("Orders")),
        ticks=[date_format(week, "MONTH_DAY_FORMAT") for week, _orders, _value in weeks],
    )


def _stages_chart(stages: dict[str, int]) -> Chart:
    return bars(
        title=_("Customers by stage"),
        items=[
            Bar(
                str(stage.label),
                stages[stage],
                count_shown(stages[stage]),
                _TONES.get(stage, "primary"),
            )
            for stage in Stage
            if stage in stages
        ],
        columns=(_("Stage"), _("Customers")),
    )


_TONES = {Stage.AT_RISK: "warn", Stage.LAPSED: "bad", Stage.LOYAL: "good", Stage.WON_BACK: "good"}


def _segments_chart(segments: Sequence[Segment]) -> Chart:
    return bars(
        title=_("Segments by size"),
        items=[
            Bar(
                segment.name,
                segment.size or 0,
                _("not computed yet") if segment.size is None else count_shown(segment.size),
            )
            for segment in segments
        ],
        columns=(_("Segment"), _("Customers")),
    )


def _jobs() -> list[JobRun]:
    """What runs, then what failed, newest first."""
    running = JobRun.objects.filter(state=JobState.RUNNING).order_by("-id")[:_JOBS]
    failed = JobRun.objects.filter(state=JobState.FAILED).order_by("-id")[:_JOBS]
    return [*running, *failed][:_JOBS]


def _change(now: float, before: float) -> str:
    if not before:
        return _("nothing the week before")
    return _("%(percent)s %% on the week before") % {"percent": f"{100 * (now / before - 1):+.1f}"}
