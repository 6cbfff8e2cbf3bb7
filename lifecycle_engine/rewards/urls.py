"""URLs of the coupon API, below ``/api/v1/``."""

from django.urls import path

from lifecycle_engine.rewards.api import CouponRedeemView, CouponView

app_name = "rewards"
urlpatterns = [
    path("coupons/<str:code>/", CouponView.as_view(), name="coupon"),
    path("coupons/<str:code>/redeem/", CouponRedeemView.as_view(), name="coupon-redeem"),
]
