"""What rewards keep of a customer: coupons and redemptions stay, since budgets are their sum."""

from lifecycle_engine.customers.privacy import personal_data
from lifecycle_engine.rewards.models import Coupon, Redemption

personal_data(Coupon, blank={})
personal_data(Redemption, owners=("coupon__customer",), blank={"order_id": ""})
