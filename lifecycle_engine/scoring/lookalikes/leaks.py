"""What lookalikes are learned from, and what of it a segment's own rule gives away.

A segment of those who spent over 100 is found at once by what customers spent, and then the answer
says only what the rule says. So the features that are made of what the rule reads are left out, in
whole families: the revenue of another window is the same thing once more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lifecycle_engine.sdk.conditions import Condition
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.rules import RuleError, rule_parse

#: Features of the library that lookalikes are learned from, by what they are made of.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "money": (
        *("revenue_7d", "revenue_30d", "revenue_60d", "revenue_90d", "revenue_180d"),
        *("revenue_total", "revenue_trend", "basket_value_mean_90d", "basket_value_max_90d"),
        *("basket_value_last", "basket_value_last3_over_mean"),
    ),
    "orders": (
        *("orders_total", "orders_7d", "orders_14d", "orders_30d", "orders_60d", "orders_90d"),
        *("orders_180d", "orders_trend", "active_weeks_12"),
    ),
    "timing": (
        *("recency_days", "tenure_days", "gap_days_mean", "gap_days_std", "gap_days_max"),
        *("gap_days_last", "recency_over_gap", "recency_over_gap_max"),
    ),
    "baskets": (
        *("lines_per_order_90d", "products_90d", "departments_90d", "categories_90d"),
        *("favourite_department_share_365d", "repeat_products_share_365d"),
    ),
    "offers": (
        *("discount_share_90d", "coupon_orders_90d", "coupons_redeemed_90d"),
        "campaigns_received_90d",
    ),
    "habits": ("weekend_share_90d", "night_share_90d", "stores_90d"),
    "contact": ("browsing_recency_days", "email_open_rate_90d", "unsubscribes_365d"),
}

FEATURES: tuple[str, ...] = tuple(name for family in FAMILIES.values() for name in family)

_ORDER = "Order Completed"
#: When there were orders and how many. Revenue of a window says whether there was one in it.
_ORDERING = frozenset({"money", "orders", "timing"})
_NOTHING: frozenset[str] = frozenset()

#: The families that each condition of the engine reads.
_READS: Mapping[str, frozenset[str]] = {
    "attribute": _NOTHING,
    "category.bought": frozenset({"baskets"}),
    "category.lapsed": frozenset({"baskets"}),
    "category.share": frozenset({"baskets"}),
    "consent.granted": frozenset({"contact"}),
    "coupon.has": frozenset({"offers"}),
    "date.near": _NOTHING,
    "identity.kind": _NOTHING,
    "location.near": _NOTHING,
    "order.recency": _ORDERING,
    "order.total": frozenset({"money"}),
    "random.bucket": _NOTHING,
    "stage.is": _ORDERING,
}
_EVENTS = frozenset(
    {"event.absent", "event.count", "event.figure", "event.first_or_last", "event.sequence"}
)
#: What a model computed from the same habits: no family to leave out, but something to say.
_MODELLED = frozenset({"recommendation.contains", "score.class", "score.percentile", "score.value"})


@dataclass(frozen=True)
class Leaks:
    """What a segment's rule gives away.

    Attributes:
        families: of ``FAMILIES``, those that the rule reads.
        modelled: conditions that read what a model computed.
        unknown: conditions of which it isn't known what they read, such as a plugin's.
    """

    families: frozenset[str] = frozenset()
    modelled: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    @property
    def left_out(self) -> list[str]:
        """The features to leave out."""
        return [name for family in FAMILIES for name in FAMILIES[family] if family in self.families]

    @property
    def kept(self) -> list[str]:
        """The features to learn from."""
        return [
            name for family in FAMILIES for name in FAMILIES[family] if family not in self.families
        ]

    def __or__(self, other: "Leaks") -> "Leaks":
        """What the two give away together."""
        return Leaks(
            self.families | other.families,
            self.modelled | other.modelled,
            self.unknown | other.unknown,
        )


def segment_leaks(segment: Segment) -> Leaks:
    """What the segment's rule reads, and the rules of the segments that it reads.

    A list gives nothing away; a rule that can't be read counts as not known.
    """
    found, waiting, seen = Leaks(), [segment], {segment.key}
    while waiting:
        current = waiting.pop()
        if not current.rule:
            continue
        try:
            rule = rule_parse(current.rule)
        except RuleError:
            found |= Leaks(unknown=frozenset({current.key}))
            continue
        for leaf in rule.leaves:
            found |= condition_leaks(leaf.condition)
        waiting += Segment.objects.filter(key__in=rule.segments - seen)
        seen |= rule.segments
    return found


def condition_leaks(condition: Condition[Any]) -> Leaks:
    """What one condition reads."""
    key = condition.key
    if key in _READS:
        return Leaks(families=_READS[key])
    if key in _EVENTS:
        ordering = _ORDER in _names(condition.config)
        return Leaks(families=_ORDERING if ordering else frozenset({"offers", "contact"}))
    if key == "segment.member":
        return Leaks()  # The other segment's rule is looked at instead.
    if key in _MODELLED:
        return Leaks(modelled=frozenset({key}))
    return Leaks(unknown=frozenset({key}))


def _names(config: Any) -> Iterable[str]:
    """The names of the events that a condition is about."""
    for value in (config, getattr(config, "then", None)):
        if value is not None:
            yield value.name
