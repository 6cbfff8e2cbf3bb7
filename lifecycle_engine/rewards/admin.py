"""Offers, coupons and redemptions in the admin."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.rewards.models import Coupon, CouponState, Offer, Redemption


@admin.register(Offer)
class OfferAdmin(EngineAdmin):
    """What may be given away, and how much of it is."""

    list_display = [
        "name",
        "kind",
        "value",
        "currency",
        "budget",
        "reserved",
        "spent",
        "issued",
        "redeemed",
        "active",
    ]
    list_filter = ["active", "kind"]
    search_fields = ["name", "key"]
    prepopulated_fields = {"key": ["name"]}
    readonly_fields = ["issued", "redeemed", "reserved", "spent"]
    ordering = ["name"]


@admin.register(Coupon)
class CouponAdmin(RecordAdmin):
    """Codes, each one customer's."""

    list_display = ["code", "offer", "customer", "state_shown", "issued_at", "expires_at"]
    list_filter = ["state"]
    list_select_related = ["customer", "offer"]
    search_fields = ["=code", "=customer__external_id"]
    ordering = ["-id"]

    @labelled(
        description=_("state"),
        colours={
            CouponState.ISSUED: "info",
            CouponState.REDEEMED: "success",
            CouponState.EXPIRED: "warning",
        },
    )
    def state_shown(self, coupon: Coupon) -> tuple[str, str]:
        """The state as a coloured label."""
        return coupon.state, str(coupon.get_state_display())


@admin.register(Redemption)
class RedemptionAdmin(RecordAdmin):
    """Coupons that were used."""

    list_display = ["coupon", "order_id", "order_value", "discount", "source", "redeemed_at"]
    list_select_related = ["coupon"]
    search_fields = ["=coupon__code", "=order_id"]
    ordering = ["-id"]
