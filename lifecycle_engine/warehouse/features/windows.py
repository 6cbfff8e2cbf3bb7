"""What feature functions are made of: windows, ages, the hours of a day, quotients."""

import ibis
import ibis.expr.types as ir

SECONDS_PER_DAY = 86_400
SECONDS_PER_WEEK = 7 * SECONDS_PER_DAY

_SECONDS_PER_HOUR = 3_600
# The first day of the epoch was a Thursday.
_EPOCH_WEEKDAY = 3


def within(rows: ir.Table, days: int, *, ago: int = 0) -> ir.BooleanValue:
    """Whether a row is of the window of ``days`` days that ends ``ago`` days before the moment."""
    since = rows.age_seconds <= (days + ago) * SECONDS_PER_DAY
    return since if ago == 0 else since & (rows.age_seconds > ago * SECONDS_PER_DAY)


def weeks_back(rows: ir.Table) -> ir.FloatingValue:
    """How many full weeks before the moment a row happened.

    A moment exactly n weeks ago is still of the n-th week back, as in every window here.
    """
    # A whole number and a literal with a point make a decimal in Spark: its quotients are cut off.
    return (rows.age_seconds / float(SECONDS_PER_WEEK)).ceil().cast("float64") - 1


def age_days(age_seconds: ir.NumericValue) -> ir.FloatingValue:
    """An age in days."""
    return age_seconds.cast("float64") / float(SECONDS_PER_DAY)


def ratio(part: ir.NumericValue, whole: ir.NumericValue) -> ir.FloatingValue:
    """``part / whole``, nothing where the whole is 0 or nothing."""
    return part.cast("float64") / whole.cast("float64").nullif(0.0)


@ibis.udf.scalar.builtin(name="epoch", signature=(("timestamp('UTC')",), "float64"))  # type: ignore[untyped-decorator]
def epoch(moment: ir.TimestampValue) -> ir.FloatingValue:
    """Seconds since 1970, with their fractions: a function of that name in every engine's session.

    Ibis's own ``epoch_seconds`` converts each value to local time first, which takes ten times as
    long.
    """


def hour_utc(rows: ir.Table) -> ir.NumericValue:
    """The hour of the day, 0 to 23 in UTC, in which a row happened."""
    return (epoch(rows.occurred_at) / _SECONDS_PER_HOUR).floor() % 24


def weekday_utc(rows: ir.Table) -> ir.NumericValue:
    """The day of the week in UTC, from 0 for Monday to 6, on which a row happened."""
    return ((epoch(rows.occurred_at) / SECONDS_PER_DAY).floor() + _EPOCH_WEEKDAY) % 7
