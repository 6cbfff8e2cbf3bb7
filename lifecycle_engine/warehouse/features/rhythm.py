"""How regularly a customer buys, and whether the next order is overdue."""

import ibis
import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.registry import age_days, feature, ratio

SOURCE = "order_sequence"


@feature(source=SOURCE, unit="days")
def gap_days_mean(sequence: ir.Table) -> ir.Scalar:
    """Mean days from one order to the next; exists from the second order on."""
    return sequence.gap_days.mean()


@feature(source=SOURCE, unit="days")
def gap_days_std(sequence: ir.Table) -> ir.Scalar:
    """Standard deviation, of the sample, of the days between orders; from the third order on."""
    return sequence.gap_days.std(how="sample")


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
