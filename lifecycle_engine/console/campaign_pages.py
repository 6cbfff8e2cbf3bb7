"""What a campaign did and caused: its books, its coupons, and treated against held out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from pydantic import ValidationError

from campaigns.errors import CampaignError
from campaigns.models import Occurrence, Outcome
from campaigns.selectors import CampaignBooks, CampaignResult, campaign_books, campaign_results
from lifecycle_engine.console.charts import Bar, Chart, Interval, bars, intervals
from lifecycle_engine.console.figures import share_shown
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.warehouse.session import warehouse_session

_NEWEST = 5
# Books and results of a page are computed at most so often (seconds).
_KEEP = 30


@dataclass(frozen=True)
class CampaignRow:
    """An occurrence on the dashboard."""

    name: str
    url: str
    fire_at: datetime
    audience: int
    held_out: int
    sent: int
    balanced: bool


def campaign_rows() -> list[CampaignRow]:
    """The newest occurrences with their books."""
    newest = Occurrence.objects.select_related("campaign").order_by("-id")[:_NEWEST]
    return [_row(occurrence, books_of(occurrence)) for occurrence in newest]


def occurrence_context(request: HttpRequest, occurrence: Occurrence) -> dict[str, Any]:
    """What the result page shows."""
    books = books_of(occurrence)
    result = result_of(occurrence, at=business_now())
    return {
        "occurrence": occurrence,
        "title": f"{occurrence.campaign} · {_('Results')}",
        "books": books,
        "ledger": _ledger_chart(occurrence),
        "coupons": coupons_of(occurrence=occurrence),
        "result": result,
        "compared": _compared(result),
        "difference": _difference_chart(result),
        "terms": _TERMS,
    }


_TERMS = ("sent", "suppressed", "capped", "deferred", "failed", "unknown", "pending")


def books_of(occurrence: Occurrence) -> CampaignBooks | None:
    """The books, or None where the published documents can't be read any more."""
    try:
        books: CampaignBooks | None = cache.get_or_set(
            f"console.books.{occurrence.pk}",
            lambda: campaign_books(occurrence_id=occurrence.pk),
            _KEEP,
        )
    except (CampaignError, ValidationError):
        return None
    return books


def result_of(occurrence: Occurrence, *, at: datetime) -> CampaignResult | None:
    """Treated against held out up to ``at``, or None before there is anything to compare."""

    def compute() -> CampaignResult:
        with warehouse_session(as_of=at) as tables:
            return campaign_results(occurrence_id=occurrence.pk, until=at, tables=tables)

    if at <= occurrence.fire_at:
        return None
    try:
        result: CampaignResult | None = cache.get_or_set(
            f"console.result.{occurrence.pk}.{at:%Y%m%d%H%M}", compute, _KEEP
        )
    except (CampaignError, ValidationError):
        return None
    return result


def coupons_of(*, occurrence: Occurrence) -> Mapping[str, Any]:
    """How many coupons the occurrence issued, how many were redeemed, and what those cost."""
    rows = sql_rows("console", "occurrence_coupons", {"prefix": f"campaign:{occurrence.pk}:%"})
    issued, redeemed, cost = rows[0]
    return {"issued": issued, "redeemed": redeemed, "cost": cost}


def _row(occurrence: Occurrence, books: CampaignBooks | None) -> CampaignRow:
    return CampaignRow(
        name=occurrence.campaign.name,
        url=reverse("admin:campaigns_occurrence_change", args=[occurrence.pk]),
        fire_at=occurrence.fire_at,
        audience=occurrence.audience,
        held_out=books.held_out if books else 0,
        sent=sum(step.sent for step in books.steps) if books else 0,
        balanced=books is not None and books.balanced,
    )


def _ledger_chart(occurrence: Occurrence) -> Chart:
    found = sql_rows("console", "occurrence_outcomes", {"occurrence_id": occurrence.pk})
    labels = dict(Outcome.choices)
    good = {Outcome.ACTED: "good", Outcome.HELD_OUT: "primary", Outcome.FAILED: "bad"}
    return bars(
        title=_("Decisions by step and outcome"),
        items=[
            Bar(f"{step} · {labels.get(outcome, outcome)}", count, f"{count:,}", tone)
            for step, outcome, count in found
            for tone in (good.get(outcome, "warn"),)
        ],
        columns=(_("Step and outcome"), _("Decisions")),
    )


def _compared(result: CampaignResult | None) -> Sequence[tuple[str, str, str]]:
    if result is None:
        return []
    treated, held_out = result.treated, result.held_out
    return [
        (_("Customers"), f"{treated.customers:,}", f"{held_out.customers:,}"),
        (_("Reached the goal"), f"{treated.converted:,}", f"{held_out.converted:,}"),
        (
            _("Conversion rate"),
            share_shown(treated.conversion_rate),
            share_shown(held_out.conversion_rate),
        ),
        (_("Revenue"), _money(treated.revenue), _money(held_out.revenue)),
        (_("Cost of redeemed coupons"), _money(treated.coupon_cost), _money(held_out.coupon_cost)),
        (
            _("Net revenue per customer"),
            _money(treated.net_revenue_per_customer),
            _money(held_out.net_revenue_per_customer),
        ),
    ]


def _difference_chart(result: CampaignResult | None) -> Chart | None:
    if result is None or result.conversion is None or result.revenue is None:
        return None
    points = result.conversion
    return intervals(
        title=_("Treated minus held out with its 95 % interval"),
        items=[
            Interval(
                _("Conversion rate, percentage points"),
                *(100 * points.estimate, 100 * points.low, 100 * points.high),
                _span(100 * points.estimate, 100 * points.low, 100 * points.high),
            ),
            Interval(
                _("Net revenue per customer"),
                *(result.revenue.estimate, result.revenue.low, result.revenue.high),
                _span(result.revenue.estimate, result.revenue.low, result.revenue.high),
            ),
        ],
        columns=(_("Measure"), _("Difference")),
    )


def _span(estimate: float, low: float, high: float) -> str:
    return _("%(estimate)s (%(low)s to %(high)s)") % {
        "estimate": f"{estimate:+.2f}",
        "low": f"{low:+.2f}",
        "high": f"{high:+.2f}",
    }


def _money(value: float) -> str:
    return number_format(value, decimal_pos=2, use_l10n=True, force_grouping=True)
