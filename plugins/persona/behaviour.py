"""What of customers' behaviour personas are made of, and what much and little of it is called."""

from django.utils.translation import gettext_noop

_OFTEN = (gettext_noop("frequent"), gettext_noop("rare"))
_SPEND = (gettext_noop("high spend"), gettext_noop("low spend"))
_BASKET = (gettext_noop("large baskets"), gettext_noop("small baskets"))
_DISCOUNT = (gettext_noop("discount-driven"), gettext_noop("pays full price"))
_COUPONS = (gettext_noop("uses coupons"), gettext_noop("no coupons"))
_WIDE = (gettext_noop("wide choice"), gettext_noop("narrow choice"))
_FOCUS = (gettext_noop("focused on one part"), gettext_noop("buys across the shop"))
_GROWTH = (gettext_noop("growing"), gettext_noop("fading"))
_AWAY = (gettext_noop("long away"), gettext_noop("here lately"))
_UNEVEN = (gettext_noop("in bursts"), gettext_noop("regular"))
_MAIL = (gettext_noop("reads mail"), gettext_noop("ignores mail"))
_LOOKING = (gettext_noop("browses a lot"), gettext_noop("browses little"))

#: Features of the library, with the words for a persona that has much of it and for one with
#: little. Those that say the same in other units share a pair, so that a name says it once.
WORDS: dict[str, tuple[str, str]] = {
    "recency_days": _AWAY,
    "recency_over_gap": (gettext_noop("overdue"), gettext_noop("on time")),
    "orders_30d": _OFTEN,
    "orders_90d": _OFTEN,
    "orders_365d": _OFTEN,
    "active_weeks_12": _OFTEN,
    "gap_days_mean": (_OFTEN[1], _OFTEN[0]),
    "gap_days_cv": _UNEVEN,
    "clumpiness_365d": _UNEVEN,
    "orders_trend": _GROWTH,
    "revenue_trend": _GROWTH,
    "revenue_90d": _SPEND,
    "revenue_365d": _SPEND,
    "basket_value_mean_90d": _BASKET,
    "basket_value_max_90d": _BASKET,
    "lines_per_order_90d": _BASKET,
    "discount_share_90d": _DISCOUNT,
    "discounted_lines_share_90d": _DISCOUNT,
    "coupon_orders_90d": _COUPONS,
    "coupons_redeemed_90d": _COUPONS,
    "campaigns_received_90d": (gettext_noop("gets many campaigns"), gettext_noop("few campaigns")),
    "products_90d": _WIDE,
    "departments_90d": _WIDE,
    "categories_90d": _WIDE,
    "category_entropy_365d": (_FOCUS[1], _FOCUS[0]),
    "favourite_department_share_365d": _FOCUS,
    "favourite_category_share_365d": _FOCUS,
    "repeat_products_share_365d": (gettext_noop("loyal to products"), gettext_noop("tries new")),
    "stores_90d": (gettext_noop("many stores"), gettext_noop("one store")),
    "night_share_90d": (gettext_noop("by night"), gettext_noop("by day")),
    "weekend_share_90d": (gettext_noop("at weekends"), gettext_noop("on working days")),
    "favourite_hour_share_365d": (gettext_noop("always at one hour"), gettext_noop("at any hour")),
    "refunded_share_365d": (gettext_noop("returns a lot"), gettext_noop("returns little")),
    "products_viewed_30d": _LOOKING,
    "searches_30d": _LOOKING,
    "email_open_rate_90d": _MAIL,
    "email_click_rate_90d": _MAIL,
}
