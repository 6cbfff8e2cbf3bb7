"""What features share that look at events by name."""

import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.registry import feature
from lifecycle_engine.warehouse.features.windows import within

SOURCE = "events"


def happened(events: ir.Table, *names: str, days: int) -> ir.BooleanValue:
    """Whether a row is an event of one of these names in the last ``days`` days."""
    named = events.name == names[0] if len(names) == 1 else events.name.isin(names)
    return within(events, days) & named


def feature_counted(name: str, event: str, *, days: int, what: str) -> None:
    """Register how many events of a name there were in the last ``days`` days.

    Args:
        name: the feature's, without its window.
        event: the name of the events.
        days: the window.
        what: the events in words, to begin a sentence with.
    """

    @feature(
        name=f"{name}_{days}d",
        source=SOURCE,
        unit="events",
        window_days=days,
        missing=0.0,
        description=f"{what} in the last {days} days.",
    )
    def counted(events: ir.Table) -> ir.Scalar:
        return events.count(where=happened(events, event, days=days))
