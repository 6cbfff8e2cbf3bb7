"""The scorers that come along, switched off, and the family of those that staff make."""

from datetime import timedelta
from typing import Any, ClassVar

import ibis.expr.types as ir
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.sdk.families import Target
from lifecycle_engine.sdk.scorers import BaseScorer, ScorerFamily, scorers
from lifecycle_engine.sdk.tables import Tables, json_text
from plugins.propensity.hour import PurchaseNextHour
from plugins.propensity.learning import Propensity
from plugins.propensity.past import windows_judged

#: A coupon of the engine may be open for so long; longer ones count as run out.
_COUPON_DAYS = 90


@scorers.register_family
class Targets(ScorerFamily):
    """What staff define: each target is a scorer ``propensity.<name>``."""

    key: ClassVar[str] = "propensity"
    label: ClassVar[Any] = _("Propensity")

    @classmethod
    def member(cls, target: Target) -> type[BaseScorer]:
        """Learns as the built-in ones do, what the target says."""

        class Member(Propensity):
            key: ClassVar[str] = target.key
            label: ClassVar[Any] = target.label
            sentence: ClassVar[Any] = target.sentence
            horizon_days: ClassVar[float] = target.horizon_days
            judged_count: ClassVar[int] = windows_judged(target.horizon_days)
            judged_step_days: ClassVar[float] = target.horizon_days

            def population(self, tables: Tables) -> ir.Table:
                """Whom staff named."""
                return target.population(tables)

            def came_true(self, window: Tables) -> ir.Table:
                """For whom the rule holds in the window."""
                return target.outcome(window)

        return Member


class _Purchase(Propensity):
    """An order, of whatever."""

    sentence: ClassVar[Any] = _("Places an order.")
    opt_in: ClassVar[bool] = True

    def came_true(self, window: Tables) -> ir.Table:
        """Whoever places an order."""
        return window.orders.select("customer_id").distinct()


@scorers.register
class PurchaseNextWeek(_Purchase):
    """Probability that a customer who has bought before places an order in the next 7 days."""

    key: ClassVar[str] = "purchase.next_week"
    label: ClassVar[Any] = _("Purchase within a week")
    horizon_days: ClassVar[float] = 7
    judged_count: ClassVar[int] = windows_judged(7)
    judged_step_days: ClassVar[float] = 7


@scorers.register
class PurchaseNextDay(_Purchase):
    """Probability that a customer who has bought before places an order in the next 24 hours.

    The cut-off dates are 15 days apart, so that eight of them have every day of the week once, and
    it is judged on each day of a week.
    """

    key: ClassVar[str] = "purchase.next_day"
    label: ClassVar[Any] = _("Purchase within a day")
    horizon_days: ClassVar[float] = 1
    judged_count: ClassVar[int] = windows_judged(1)


scorers.register(PurchaseNextHour)


@scorers.register
class Activation(_Purchase):
    """Probability that a registered customer places the first order in the next 30 days."""

    key: ClassVar[str] = "activation.first_order"
    label: ClassVar[Any] = _("Activation")
    sentence: ClassVar[Any] = _("Places the first order.")
    horizon_days: ClassVar[float] = 30

    def population(self, tables: Tables) -> ir.Table:
        """Registered before the cut-off, or seen then, and never ordered."""
        customers, events = tables.customers, tables.events
        registered = customers.filter(customers.created_at < tables.moment())
        known = registered.select(customer_id=registered.id).union(events.select("customer_id"))
        return known.drop_null().distinct().anti_join(tables.orders, "customer_id")


@scorers.register
class CouponRedemption(Propensity):
    """Probability that a customer with an open coupon of the engine redeems one in 30 days."""

    key: ClassVar[str] = "coupon.redemption"
    label: ClassVar[Any] = _("Coupon redemption")
    sentence: ClassVar[Any] = _("Redeems a coupon that the engine gave.")
    horizon_days: ClassVar[float] = 30
    opt_in: ClassVar[bool] = True

    def population(self, tables: Tables) -> ir.Table:
        """Who was given a coupon that was neither redeemed nor has run out by the cut-off."""
        events = tables.events
        issued = events.filter(
            events.name == "Coupon Issued",
            events.occurred_at >= tables.moment(timedelta(days=_COUPON_DAYS)),
        )
        expires = json_text(issued.properties, "expires_at").try_cast("timestamp('UTC', 6)")
        open_still = issued.filter((expires > tables.moment()).fill_null(True))
        numbered = open_still.select(
            "customer_id", coupon=json_text(open_still.properties, "coupon_id")
        )
        redeemed = events.filter(events.name == "Coupon Redeemed", events.source == "engine")
        used = redeemed.select(coupon=json_text(redeemed.properties, "coupon_id"))
        return numbered.anti_join(used, "coupon").select("customer_id").distinct()

    def came_true(self, window: Tables) -> ir.Table:
        """Whoever redeems one."""
        events = window.events
        redeemed = events.filter(events.name == "Coupon Redeemed", events.source == "engine")
        return redeemed.select("customer_id").distinct()
