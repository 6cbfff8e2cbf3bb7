"""How regularly a customer buys, and whether the next order is overdue."""

import ibis
import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.registry import feature
from lifecycle_engine.warehouse.features.windows import age_days, ratio, within

SOURCE = "order_sequence"

_CLUMPS_DAYS = 365


@feature(source=SOURCE, unit="days")
def gap_days_mean(sequence: ir.Table) -> ir.Scalar:
    """Mean days from one order to the next; exists from the second order on."""
    return sequence.gap_days.mean()


@feature(source=SOURCE, unit="days")
def gap_days_std(sequence: ir.Table) -> ir.Scalar:
    """Standard deviation, of the sample, of the days between orders; from the third order on."""
    return sequence.gap_days.std(how="sample")


@feature(source=SOURCE, unit="days")
def gap_days_median(sequence: ir.Table) -> ir.Scalar:
    """Median of the days from one order to the next; exists from the second order on."""
    return sequence.gap_days.median()


@feature(source=SOURCE, unit="ratio")
def gap_days_cv(sequence: ir.Table) -> ir.Scalar:
    """Coefficient of variation of the days between orders; from the third order on.

    The standard deviation over the mean: 0 is a clock, 1 is chance (a Poisson process), and more
    comes in bursts.
    """
    return ratio(sequence.gap_days.std(how="sample"), sequence.gap_days.mean())


@feature(source=SOURCE, unit="share", window_days=_CLUMPS_DAYS)
def clumpiness_365d(sequence: ir.Table) -> ir.Scalar:
    """How clumped the last 365 days' orders are: from 0, evenly spread, to 1, all at once.

    The entropy measure of Zhang, Bradlow and Small ("Predicting Customer Value Using Clumpiness",
    Marketing Science 34(2), 2015), here in continuous time: n orders cut the year into n + 1
    pieces, x of it each, and it is 1 + sum(x ln x) / ln(n + 1), where 0 ln 0 is 0.
    """
    days = float(_CLUMPS_DAYS)
    recent = within(sequence, _CLUMPS_DAYS)
    # The first piece begins with the year, also for those who ordered before.
    since_start = days - age_days(sequence.age_seconds)
    piece = ibis.least(sequence.gap_days.coalesce(since_start), since_start) / days
    last = age_days(sequence.age_seconds.min(where=recent)) / days
    cut = sequence.count(where=recent).cast("float64")
    entropy = _x_ln_x(piece).sum(where=recent).coalesce(0.0) + _x_ln_x(last)
    return 1.0 + ratio(entropy, (cut + 1.0).ln())


@feature(source=SOURCE, unit="days")
def gap_days_max(sequence: ir.Table) -> ir.Scalar:
    """The longest pause between two orders, in days; exists from the second order on."""
    return sequence.gap_days.max()


@feature(source=SOURCE, unit="days")
def gap_days_last(sequence: ir.Table) -> ir.Scalar:
    """Days between the two newest orders; exists from the second order on."""
    return sequence.gap_days.max(where=sequence.position == 0)


@feature(source=SOURCE, unit="ratio")
def recency_over_gap(sequence: ir.Table) -> ir.Scalar:
    """Days since the newest order in mean gaps of a day or more: over 1, the next is overdue."""
    return _overdue(sequence, sequence.gap_days.mean())


@feature(source=SOURCE, unit="ratio")
def recency_over_gap_max(sequence: ir.Table) -> ir.Scalar:
    """Days since the newest order in longest gaps of a day or more: over 1, a record pause."""
    return _overdue(sequence, sequence.gap_days.max())


@feature(source=SOURCE, unit="money")
def basket_value_last(sequence: ir.Table) -> ir.Scalar:
    """Value of the newest order."""
    return sequence.value.max(where=sequence.position == 0)


@feature(source=SOURCE, unit="ratio")
def basket_value_last3_over_mean(sequence: ir.Table) -> ir.Scalar:
    """Mean value of the three newest orders over that of all orders."""
    return ratio(sequence.value.mean(where=sequence.position < 3), sequence.value.mean())


def _overdue(sequence: ir.Table, gap_days: ir.FloatingValue) -> ir.Scalar:
    # Below a day a gap says nothing about a rhythm, and the quotient would grow without bounds.
    return ratio(
        age_days(sequence.age_seconds.min()),
        ibis.ifelse(gap_days < 1.0, 1.0, gap_days),
    )


def _x_ln_x(share: ir.FloatingValue) -> ir.FloatingValue:
    # No logarithm is asked of what has none: some engines raise instead of giving nothing.
    return (share * ibis.ifelse(share > 0.0, share, ibis.null("float64")).ln()).coalesce(0.0)
