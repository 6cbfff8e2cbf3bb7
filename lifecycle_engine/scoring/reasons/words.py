"""What each feature of the library says of a customer, in a sentence."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.scoring.reasons import usual, values
from lifecycle_engine.scoring.reasons.values import Written
from lifecycle_engine.warehouse.features.registry import features_known

_WINDOW = re.compile(r"_\d+d$")
_PLACE = re.compile(r"^(?:event|order)_(?:token|days|amount)_(\d+)$")


@dataclass(frozen=True)
class Words:
    """How a feature is told.

    Attributes:
        theme: what it tells of; contributions of one theme are added up.
        sentence: with ``%(value)s`` and, where the feature has a window, ``%(days)s``, or where it
            is of one of the things done last, ``%(place)s``, counted from the newest.
        written: writes its value.
        none: the sentence for whom it does not apply.
        usual: what it usually is for each customer of a frame; None where nothing in it says so.
        usually: how that is said, with ``%(value)s``, where it is said in words of its own.
        actionable: whether staff can act on it: write, give coupons, show other departments.
        nominal: whether its numbers stand for names: of these nothing is typical.
    """

    theme: str
    sentence: Any
    written: Written
    none: Any = ""
    usual: Callable[[pd.DataFrame, str], "pd.Series[float] | None"] | None = None
    usually: Any = ""
    actionable: bool = False
    nominal: bool = False


_LAST = _("%(value)s in the last %(days)s days")
_NO_ORDER = _("No order to go by in the last %(days)s days")
_NO_RHYTHM = _("Too few orders for a rhythm")
_NO_PURCHASE = _("Never ordered")

#: By the feature's name without its window.
_WORDS: dict[str, Words] = {
    "recency_days": Words(
        "pause",
        _("No order for %(value)s"),
        values.days,
        _NO_PURCHASE,
        usual.gap,
        _("usually every %(value)s"),
    ),
    "recency_over_gap": Words(
        "pause", _("The pause is %(value)s times the usual one"), values.ratio, _NO_RHYTHM
    ),
    "recency_over_gap_max": Words(
        "pause", _("The pause is %(value)s times the longest so far"), values.ratio, _NO_RHYTHM
    ),
    "browsing_recency_days": Words(
        "browsing",
        _("Last looked around in the shop %(value)s ago"),
        values.days,
        _("Not seen in the shop for a year"),
    ),
    "tenure_days": Words("tenure", _("First order %(value)s ago"), values.days, _NO_PURCHASE),
    "orders_total": Words("frequency", _("%(value)s so far"), values.orders),
    "orders": Words("frequency", _LAST, values.orders, usual=usual.orders),
    "active_weeks_12": Words(
        "frequency", _("Ordered in %(value)s of the last 12"), values.weeks
    ),
    "season_orders_last_year": Words(
        "season", _("%(value)s in the same season last year"), values.orders
    ),
    "revenue_total": Words("spending", _("Spent %(value)s so far"), values.money),
    "revenue": Words(
        "spending",
        _("Spent %(value)s in the last %(days)s days"),
        values.money,
        usual=usual.revenue,
    ),
    "q4_revenue_share": Words(
        "season", _("%(value)s of the year's spending is from October to December"), values.share,
        _NO_ORDER,
    ),
    "orders_trend": Words(
        "trend",
        _("Trend of orders over 60 days: %(value)s, between -1 (stopped) and 1 (started)"),
        values.ratio,
        _("No order in 60 days to see a trend by"),
    ),
    "revenue_trend": Words(
        "trend",
        _("Trend of spending over 60 days: %(value)s, between -1 (stopped) and 1 (started)"),
        values.ratio,
        _("No order in 60 days to see a trend by"),
    ),
    "orders_slope_12w": Words(
        "trend", _("Orders a week change by %(value)s each week, over 12 weeks"), values.ratio
    ),
    "basket_value_mean": Words(
        "basket",
        _("An order comes to %(value)s in the last %(days)s days"),
        values.money,
        _NO_ORDER,
    ),
    "basket_value_max": Words(
        "basket",
        _("The largest order of the last %(days)s days: %(value)s"),
        values.money,
        _NO_ORDER,
    ),
    "basket_value_last": Words(
        "basket", _("The last order came to %(value)s"), values.money, _NO_PURCHASE, usual.basket
    ),
    "basket_value_last3_over_mean": Words(
        "basket",
        _("The last three orders are %(value)s times as large as all on average"),
        values.ratio,
        _NO_PURCHASE,
    ),
    "lines_per_order": Words(
        "basket", _("%(value)s an order in the last %(days)s days"), values.lines, _NO_ORDER
    ),
    "quantity": Words("basket", _LAST, values.pieces),
    "discount_share": Words(
        "saving",
        _("Discounts took off %(value)s in the last %(days)s days"),
        values.share,
        _NO_ORDER,
        actionable=True,
    ),
    "discounted_lines_share": Words(
        "saving",
        _("%(value)s of what was bought in the last %(days)s days was discounted"),
        values.share,
        _NO_ORDER,
        actionable=True,
    ),
    "coupon_orders": Words("saving", _LAST, values.coupon_orders, actionable=True),
    "coupon_discount": Words(
        "saving", _("Coupons took off %(value)s in the last %(days)s days"), values.money
    ),
    "coupons_issued": Words(
        "saving", _("Given a coupon %(value)s in the last %(days)s days"), values.times,
        actionable=True,
    ),
    "coupons_redeemed": Words(
        "saving", _("Used a coupon %(value)s in the last %(days)s days"), values.times,
        actionable=True,
    ),
    "coupon_redemption_rate": Words(
        "saving",
        _("Used %(value)s of the coupons of the last %(days)s days"),
        values.share,
        _("Given no coupon in the last %(days)s days"),
    ),
    "stores": Words(
        "breadth", _("Ordered from %(value)s in the last %(days)s days"), values.stores
    ),
    "products": Words("breadth", _LAST, values.products, actionable=True),
    "departments": Words(
        "breadth", _("Bought from %(value)s in the last %(days)s days"), values.departments,
        actionable=True,
    ),
    "categories": Words(
        "breadth", _("Bought from %(value)s in the last %(days)s days"), values.categories,
        actionable=True,
    ),
    "repeat_products_share": Words(
        "breadth",
        _("%(value)s of the products of the last %(days)s days were bought again"),
        values.share,
        _NO_ORDER,
    ),
    "favourite_department_share": Words(
        "breadth",
        _("%(value)s of what was bought in the last %(days)s days is from one department"),
        values.share,
        _NO_ORDER,
    ),
    "favourite_category_share": Words(
        "breadth",
        _("%(value)s of what was bought in the last %(days)s days is of one category"),
        values.share,
        _NO_ORDER,
    ),
    "category_entropy": Words(
        "breadth",
        _("Spread over categories in the last %(days)s days: %(value)s (0 is a single one)"),
        values.ratio,
        _NO_ORDER,
    ),
    "gap_days_mean": Words("rhythm", _("Orders every %(value)s"), values.days, _NO_RHYTHM),
    "gap_days_median": Words(
        "rhythm", _("Every second pause between orders is longer than %(value)s"), values.days,
        _NO_RHYTHM,
    ),
    "gap_days_std": Words(
        "rhythm", _("Pauses between orders vary by %(value)s"), values.days, _NO_RHYTHM
    ),
    "gap_days_cv": Words(
        "rhythm",
        _("Regularity of orders: %(value)s (0 is a clock, 1 is chance)"),
        values.ratio,
        _NO_RHYTHM,
    ),
    "clumpiness": Words(
        "rhythm",
        _("How clumped the orders of %(days)s days are: %(value)s (0 even, 1 all at once)"),
        values.ratio,
        _NO_ORDER,
    ),
    "gap_days_max": Words(
        "rhythm", _("The longest pause so far was %(value)s"), values.days, _NO_RHYTHM
    ),
    "gap_days_last": Words(
        "rhythm", _("%(value)s between the last two orders"), values.days, _NO_RHYTHM, usual.gap
    ),
    "weekend_share": Words(
        "timing", _("%(value)s of the orders of %(days)s days are from weekends"), values.share,
        _NO_ORDER,
    ),
    "night_share": Words(
        "timing", _("%(value)s of the orders of %(days)s days are from the night"), values.share,
        _NO_ORDER,
    ),
    "favourite_hour_share": Words(
        "timing", _("%(value)s of the orders of %(days)s days are from the same hour"),
        values.share, _NO_ORDER,
    ),
    "products_viewed": Words(
        "browsing", _("Looked at products %(value)s in the last %(days)s days"), values.times
    ),
    "products_added": Words(
        "browsing",
        _("Put something into the cart %(value)s in the last %(days)s days"),
        values.times,
    ),
    "searches": Words("browsing", _("Searched %(value)s in the last %(days)s days"), values.times),
    "orders_per_view": Words(
        "browsing",
        _("%(value)s orders for each product looked at, in the last %(days)s days"),
        values.ratio,
        _("Looked at no product in the last %(days)s days"),
    ),
    "refunds": Words(
        "returns", _("Had an order refunded %(value)s in the last %(days)s days"), values.times
    ),
    "cancellations": Words(
        "returns", _("Had an order cancelled %(value)s in the last %(days)s days"), values.times
    ),
    "refunded_share": Words(
        "returns", _("%(value)s of the spending of %(days)s days was refunded"), values.share,
        _NO_ORDER,
    ),
    "campaigns_received": Words(
        "messages", _("Was in a campaign %(value)s in the last %(days)s days"), values.times,
        actionable=True,
    ),
    "emails_sent": Words(
        "messages", _("Was sent an e-mail %(value)s in the last %(days)s days"), values.times,
        actionable=True,
    ),
    "sms_sent": Words(
        "messages", _("Was sent an SMS %(value)s in the last %(days)s days"), values.times,
        actionable=True,
    ),
    "email_open_rate": Words(
        "messages", _("Opened %(value)s of the e-mails of the last %(days)s days"), values.share,
        _("Was sent no e-mail in the last %(days)s days"),
    ),
    "email_click_rate": Words(
        "messages",
        _("Clicked in %(value)s of the e-mails of the last %(days)s days"),
        values.share,
        _("Was sent no e-mail in the last %(days)s days"),
    ),
    "sms_click_rate": Words(
        "messages", _("Clicked in %(value)s of the SMS of the last %(days)s days"), values.share,
        _("Was sent no SMS in the last %(days)s days"),
    ),
    "unsubscribes": Words(
        "messages", _("Unsubscribed %(value)s in the last %(days)s days"), values.times
    ),
    # What was done last, one thing after another: the newest, then those behind it.
    "event_days_1": Words(
        "newest_event", _("The newest event was %(value)s ago"), values.days, _("No event so far")
    ),
    "event_days": Words(
        "pace_of_events",
        _("The last %(place)s events go back %(value)s"),
        values.days,
        _("Fewer than %(place)s events so far"),
    ),
    "event_token": Words(
        "kinds_of_events",
        _("No. %(place)s of the newest events: %(value)s"),
        values.number,
        _("No. %(place)s of the newest events is of a kind without a name"),
        nominal=True,
    ),
    "event_amount": Words(
        "amounts_of_events",
        _("No. %(place)s of the newest events came to %(value)s"),
        values.money,
        _("No. %(place)s of the newest events has no amount"),
    ),
    "order_days_1": Words("pause", _("No order for %(value)s"), values.days, _NO_PURCHASE),
    "order_days": Words(
        "rhythm",
        _("The last %(place)s orders go back %(value)s"),
        values.days,
        _("Fewer than %(place)s orders so far"),
    ),
    "order_token": Words(
        "kinds_of_orders",
        _("No. %(place)s of the newest orders was mainly: %(value)s"),
        values.number,
        _("No. %(place)s of the newest orders is of no known category"),
        nominal=True,
    ),
    "order_amount": Words(
        "basket",
        _("No. %(place)s of the newest orders came to %(value)s"),
        values.money,
        _("No. %(place)s of the newest orders has no amount"),
    ),
}  # fmt: skip


def words_of(feature: str) -> Words:
    """How the feature is told; one of a plugin's own is told by its name."""
    if feature in _WORDS:
        return _WORDS[feature]
    if feature in _windows() and (base := _WINDOW.sub("", feature)) in _WORDS:
        return _WORDS[base]
    if place_of(feature) is not None:
        return _WORDS[feature.rpartition("_")[0]]
    name = feature.replace("_", " ").replace("%", "%%")
    return Words(feature, f"{name}: %(value)s", values.number, f"{name}: –")


def days_of(feature: str) -> int | None:
    """The days that a feature of the library looks back; None where it looks at everything."""
    return _windows().get(feature)


def place_of(feature: str) -> int | None:
    """Of a column of a sequence, of which event or order it is: 1 is the newest; else None."""
    found = _PLACE.match(feature)
    return None if found is None else int(found[1])


def actionable(feature: str) -> bool:
    """Whether staff can act on the feature."""
    return words_of(feature).actionable


def comes_with_orders(feature: str) -> bool:
    """Whether the feature looks at nothing but orders and what was in them."""
    return any(known.name == feature and known.source != "events" for known in features_known())


def _windows() -> dict[str, int | None]:
    return {feature.name: feature.window_days for feature in features_known()}
