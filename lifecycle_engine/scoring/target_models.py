"""Targets that staff have defined; each is a scorer."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

HORIZON_MOST = 365


class TargetPopulation(models.TextChoices):
    """Whom a target is about, as of a moment."""

    BUYERS = "buyers", _("Customers who have ordered")
    NEWCOMERS = "newcomers", _("Registered customers who have never ordered")
    EVERYBODY = "everybody", _("All registered customers")
    RULE = "rule", _("Customers for whom a rule holds")


class Target(models.Model):
    """What may come true of a customer, and within how many days.

    It never changes and is never deleted, so that its key never comes to mean something else. It
    can be put away.

    Attributes:
        key: of the scorer; begins with its family's.
        outcome: a rule about events, asked of the days from the cut-off on.
        population_rule: a rule about events, asked of all before the cut-off; null unless the
            population is by rule.
    """

    key = models.CharField(_("scorer"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    outcome = models.JSONField(_("what counts"))
    population = models.CharField(
        _("for whom"),
        max_length=10,
        choices=TargetPopulation.choices,
        default=TargetPopulation.BUYERS,
    )
    population_rule = models.JSONField(_("rule of for whom"), null=True, blank=True)
    horizon_days = models.PositiveSmallIntegerField(
        _("within days"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(HORIZON_MOST)],
    )
    made_by = models.CharField(_("by"), max_length=150)
    made_at = models.DateTimeField(_("made"), db_default=Now())
    archived_by = models.CharField(_("archived by"), max_length=150, blank=True)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        constraints = [
            models.CheckConstraint(
                condition=Q(population="rule") ^ Q(population_rule__isnull=True),
                name="target_rule_where_by_rule",
            ),
            models.CheckConstraint(
                condition=Q(horizon_days__gte=1, horizon_days__lte=HORIZON_MOST),
                name="target_horizon_range",
            ),
            models.CheckConstraint(
                condition=Q(archived_at__isnull=True) ^ ~Q(archived_by=""),
                name="target_archived_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.name
