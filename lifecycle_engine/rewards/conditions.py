"""The condition of the rule language that reads coupons."""

from typing import Annotated, Any, ClassVar

import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, StrictStr

from lifecycle_engine.rewards.models import CouponState
from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.tables import Moment, Tables


class CouponConfig(Config):
    """A coupon of which offer, and what became of it."""

    state: CouponState = Field(title="State", description="issued: can still be used.")
    offer: Annotated[StrictStr, Field(min_length=1, max_length=80)] | None = Field(
        default=None, title="Offer", description="Empty for any."
    )


@conditions.register
class CouponHas(Condition[CouponConfig]):
    """The customer has a coupon that can be used, was redeemed, or has expired."""

    key: ClassVar[str] = "coupon.has"
    label: ClassVar[Any] = gettext_lazy("Coupon")
    Config: ClassVar[type[Config]] = CouponConfig

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Look for such a coupon; past its day it has expired, whether noted or not."""
        held: ir.BooleanValue = customers.id.isin(self._coupons(tables).customer_id)
        return held

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """How many such coupons there are."""
        coupons = self._coupons(tables)
        mine = coupons.semi_join(customers, coupons.customer_id == customers.id)
        return mine.count().as_scalar()

    def expiring(self, tables: Tables, since: Moment) -> ir.Table | None:
        """Whose coupon's last day came."""
        coupons = tables["coupons"]
        passed = coupons.expires_at.between(since.before(), tables.moment())
        return coupons.filter(passed).select("customer_id")

    def _coupons(self, tables: Tables) -> ir.Table:
        coupons, wanted = tables["coupons"], self.config
        if wanted.offer is not None:
            coupons = coupons.filter(coupons.offer == wanted.offer)
        if wanted.state is CouponState.REDEEMED:
            return coupons.filter(coupons.state == CouponState.REDEEMED.value)
        over = coupons.expires_at <= tables.moment()
        usable = coupons.state == CouponState.ISSUED.value
        if wanted.state is CouponState.ISSUED:
            return coupons.filter(usable & ~over)
        return coupons.filter((usable & over) | (coupons.state == CouponState.EXPIRED.value))

    def sentence(self) -> str:
        """Such as "has a coupon of offer spring that can be used"."""
        words = {
            CouponState.ISSUED: _("has a coupon%(offer)s that can be used"),
            CouponState.REDEEMED: _("has redeemed a coupon%(offer)s"),
            CouponState.EXPIRED: _("has a coupon%(offer)s that expired unused"),
        }[self.config.state]
        named = _("of the offer “%(offer)s”") % {"offer": self.config.offer}
        return words % {"offer": "" if self.config.offer is None else f" {named}"}
