"""Offers, the coupons issued from them, and their redemptions."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import Customer


class OfferKind(models.TextChoices):
    """How the discount is computed."""

    PERCENT = "percent", _("Percent of the order")
    AMOUNT = "amount", _("Amount off the order")


class Offer(models.Model):
    """What a coupon is worth, and how much may be given away in all.

    ``reserved`` is what the outstanding coupons can cost at most, ``spent`` what the redeemed ones
    did cost; together they never pass ``budget``: the database refuses it.
    """

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=10, choices=OfferKind.choices)
    value = models.DecimalField(
        _("value"),
        max_digits=10,
        decimal_places=2,
        validators=[MinValueValidator(0)],
        help_text=_("Percent, or the amount in the offer's currency."),
    )
    max_discount = models.DecimalField(
        _("largest discount"),
        max_digits=10,
        decimal_places=2,
        help_text=_(
            "What one coupon can cost at most; reserved from the budget when it is issued."
        ),
    )
    minimum_order = models.DecimalField(
        _("smallest order"), max_digits=10, decimal_places=2, default=0
    )
    currency = models.CharField(_("currency"), max_length=3)
    budget = models.DecimalField(_("budget"), max_digits=14, decimal_places=2)
    max_coupons = models.PositiveIntegerField(_("most coupons"), null=True, blank=True)
    valid_days = models.PositiveSmallIntegerField(_("days a coupon is valid"), default=30)
    issued = models.PositiveIntegerField(_("coupons issued"), default=0, editable=False)
    redeemed = models.PositiveIntegerField(_("coupons redeemed"), default=0, editable=False)
    reserved = models.DecimalField(
        _("reserved"), max_digits=14, decimal_places=2, default=0, editable=False
    )
    spent = models.DecimalField(
        _("spent"), max_digits=14, decimal_places=2, default=0, editable=False
    )
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        constraints = [
            models.CheckConstraint(
                condition=Q(budget__gte=F("reserved") + F("spent")),
                name="offer_within_budget",
                violation_error_message=_("Reserved and spent together would pass the budget."),
            ),
            models.CheckConstraint(
                condition=Q(max_coupons__isnull=True) | Q(issued__lte=F("max_coupons")),
                name="offer_within_max_coupons",
            ),
            models.CheckConstraint(
                condition=Q(reserved__gte=0) & Q(spent__gte=0), name="offer_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(redeemed__lte=F("issued")), name="offer_redeemed_within_issued"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CouponState(models.TextChoices):
    """What became of a coupon."""

    ISSUED = "issued", _("Issued")
    REDEEMED = "redeemed", _("Redeemed")
    EXPIRED = "expired", _("Expired")


class Coupon(models.Model):
    """A code for one customer, good for one order."""

    offer = models.ForeignKey(
        Offer, models.PROTECT, related_name="coupons", verbose_name=_("offer")
    )
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="coupons", verbose_name=_("customer")
    )
    code = models.CharField(_("code"), max_length=20, unique=True)
    occasion = models.CharField(
        _("occasion"),
        max_length=120,
        help_text=_("What it was issued for; a customer gets one coupon of an offer per occasion."),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=CouponState.choices, default=CouponState.ISSUED
    )
    reserved = models.DecimalField(
        _("reserved"),
        max_digits=10,
        decimal_places=2,
        editable=False,
        help_text=_("What was taken from the budget at issue; the discount never passes it."),
    )
    issued_at = models.DateTimeField(_("issued"))
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "customer", "occasion"], name="coupon_once_per_occasion"
            ),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="coupon_not_negative"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="coupon_expiring", condition=Q(state="issued"))
        ]

    def __str__(self) -> str:
        return self.code


class Redemption(models.Model):
    """A coupon used for an order."""

    coupon = models.OneToOneField(
        Coupon, models.PROTECT, related_name="redemption", verbose_name=_("coupon")
    )
    source = models.CharField(_("source"), max_length=100)
    idempotency_key = models.CharField(_("idempotency key"), max_length=100)
    order_id = models.CharField(_("order"), max_length=100)
    order_value = models.DecimalField(_("order value"), max_digits=14, decimal_places=2)
    discount = models.DecimalField(_("discount"), max_digits=10, decimal_places=2)
    redeemed_at = models.DateTimeField(_("redeemed"))

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "idempotency_key"], name="redemption_idempotent"
            ),
            models.CheckConstraint(
                condition=Q(discount__gte=0) & Q(discount__lte=F("order_value")),
                name="redemption_within_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.coupon_id}: {self.discount}"
