"""Where one lifecycle stage ends and the next begins."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class StageThresholds(models.Model):
    """What the stages are told apart by, from a moment on. Rows are added; the newest counts.

    Silence is measured in a customer's own gaps: the mean time between their orders, once there are
    three; until then ``gap_days``.
    """

    developing_orders = models.PositiveSmallIntegerField(
        _("developing from so many orders"), default=4
    )
    loyal_orders = models.PositiveSmallIntegerField(_("loyal from so many orders"), default=10)
    at_risk_gaps = models.FloatField(_("at risk after a silence of so many gaps"), default=2.0)
    lapsed_gaps = models.FloatField(_("lapsed after a silence of so many gaps"), default=4.0)
    gap_days = models.FloatField(
        _("usual gap in days"),
        default=30.0,
        help_text=_("Counts for customers who have fewer than three orders."),
    )
    gap_days_least = models.FloatField(_("shortest gap in days"), default=7.0)
    gap_days_most = models.FloatField(_("longest gap in days"), default=180.0)
    learned = models.BooleanField(_("learned"), default=False, editable=False)
    set_by = models.CharField(_("set by"), max_length=150, blank=True, editable=False)
    set_at = models.DateTimeField(_("set"), db_default=Now(), editable=False)

    #: What they consist of, in the order in which people are asked.
    VALUES: ClassVar[tuple[str, ...]] = (
        "developing_orders", "loyal_orders", "at_risk_gaps", "lapsed_gaps", "gap_days",
        "gap_days_least", "gap_days_most",
    )  # fmt: skip

    class Meta:
        verbose_name = _("stage thresholds")
        verbose_name_plural = _("stage thresholds")
        constraints = [
            models.CheckConstraint(
                condition=Q(developing_orders__gte=3, loyal_orders__gt=F("developing_orders")),
                name="stage_orders_rise",
                violation_error_message=_(
                    "Developing wants 3 orders or more, loyal more than developing."
                ),
            ),
            models.CheckConstraint(
                condition=Q(at_risk_gaps__gt=0, lapsed_gaps__gt=F("at_risk_gaps")),
                name="stage_silence_rises",
                violation_error_message=_("Lapsed wants a longer silence than at risk."),
            ),
            models.CheckConstraint(
                condition=Q(
                    gap_days_least__gt=0,
                    gap_days__gte=F("gap_days_least"),
                    gap_days_most__gte=F("gap_days"),
                    gap_days_most__lte=3660,
                ),
                name="stage_gaps_in_order",
                violation_error_message=_(
                    "The usual gap lies between the shortest and the longest, which is at most ten"
                    " years."
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(_("stages since %(time)s") % {"time": self.set_at})

    def values(self) -> dict[str, float]:
        """The thresholds by name."""
        return {name: getattr(self, name) for name in self.VALUES}
