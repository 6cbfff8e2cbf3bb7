"""One thing after another: what followed, and what failed to follow."""

from datetime import timedelta
from typing import Annotated

import ibis
import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from pydantic import Field, StrictBool, StrictInt

from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.tables import Moment, Tables
from lifecycle_engine.segments.conditions.events import (
    EventConfig,
    EventFilter,
    events_matching,
    events_within,
    where_words,
)
from lifecycle_engine.segments.conditions.windows import (
    among,
    crossing,
    own,
    window_words,
)


class SequenceConfig(EventConfig):
    """What came first, what came or failed to come then, and how soon."""

    then: EventFilter = Field(title="Then")
    within_hours: Annotated[StrictInt, Field(ge=1, le=8784)] = Field(title="Within hours")
    followed: StrictBool = Field(
        default=True, title="Followed", description="False: the second did not come in time."
    )


@conditions.register
class EventSequence(Condition[SequenceConfig]):
    """Something happened, and something else then did, or did not, in time.

    The window is about the first event. The second one counts when it is later, and by no more than
    the given hours. That it did not come is said once these hours are over.
    """

    key = "event.sequence"
    label = gettext_lazy("One after another")
    Config = SequenceConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Look for a first event with, or without, a second one in time."""
        return among(customers, self._firsts(tables).customer_id)

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """When the newest first event was that makes it hold."""
        return own(self._firsts(tables), customers).occurred_at.max().as_scalar()

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """Whose first or second event came to pass, or whose time was up."""
        config = self.config
        ages = [*config.ages, timedelta(hours=config.within_hours)]
        firsts = crossing(tables, events_matching(tables.events, config), since, ages)
        then = crossing(tables, events_matching(tables.events, config.then), since)
        return firsts.union(then)

    def _firsts(self, tables: Tables) -> ir.Table:
        config = self.config
        hours = ibis.interval(hours=config.within_hours)
        firsts = events_within(tables, config).select("customer_id", "occurred_at")
        seconds = events_matching(tables.events, config.then).select(
            second_customer_id="customer_id", second_at="occurred_at"
        )
        in_time = [
            firsts.customer_id == seconds.second_customer_id,
            seconds.second_at > firsts.occurred_at,
            seconds.second_at <= firsts.occurred_at + hours,
        ]
        if config.followed:
            return firsts.semi_join(seconds, in_time)
        over = tables.moment(timedelta(hours=config.within_hours))
        return firsts.anti_join(seconds, in_time).filter(lambda first: first.occurred_at < over)

    def sentence(self) -> str:
        """Such as "did “Product Added” and then not “Order Completed” within 24 hours"."""
        config = self.config
        if config.followed:
            words = ngettext(
                "did %(first)s and then %(then)s within %(hours)s hour%(window)s",
                "did %(first)s and then %(then)s within %(hours)s hours%(window)s",
                config.within_hours,
            )
        else:
            words = ngettext(
                "did %(first)s and then not %(then)s within %(hours)s hour%(window)s",
                "did %(first)s and then not %(then)s within %(hours)s hours%(window)s",
                config.within_hours,
            )
        return words % {
            "first": _named(config),
            "then": _named(config.then),
            "hours": config.within_hours,
            "window": window_words(config),
        }


def _named(event: EventFilter) -> str:
    return _("“%(event)s”%(where)s") % {"event": event.name, "where": where_words(event)}
