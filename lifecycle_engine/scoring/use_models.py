"""The record of what each scorer publishes: its model's scores, or its baseline's."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Use(models.TextChoices):
    """Whose scores are published."""

    MODEL = "model", _("Model")
    BASELINE = "baseline", _("Baseline")


class UseCause(models.TextChoices):
    """Why it came to that."""

    FIRST = "first", _("The first model")
    NOT_BETTER = "not_better", _("The model does not beat its baseline")
    OUTCOMES = "outcomes", _("Outcomes were worse than the baseline's")
    CALIBRATION = "calibration", _("What was said was too far from what came true")
    FAILING = "failing", _("Runs of the model fail")
    DRIFT = "drift", _("Customers have changed too much")
    PROMOTION = "promotion", _("A model that beats the baseline was promoted")
    HAND = "hand", _("By hand")


class ScorerUse(models.Model):
    """From when to when a scorer published what, and why. The open row is what holds now.

    Attributes:
        model_version: the champion when it began. While the model is published, another champion
            takes its place without a new row.
        judged_as_of: as of when the scores were published whose outcomes decided; null otherwise.
    """

    scorer_key = models.CharField(_("scorer"), max_length=80)
    use = models.CharField(_("published"), max_length=8, choices=Use.choices)
    cause = models.CharField(_("cause"), max_length=12, choices=UseCause.choices)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    by = models.CharField(_("by"), max_length=150, blank=True)
    model_version = models.ForeignKey(
        "scoring.ModelVersion", models.PROTECT, related_name="+", verbose_name=_("model")
    )
    judged_as_of = models.DateTimeField(_("scores judged as of"), null=True)
    since = models.DateTimeField(_("since"), db_default=Now())
    until = models.DateTimeField(_("until"), null=True)

    class Meta:
        verbose_name = _("published by scorer")
        verbose_name_plural = _("published by scorers")
        indexes = [models.Index(fields=["scorer_key", "-id"], name="scorer_use_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=["scorer_key"], condition=Q(until__isnull=True), name="scorer_use_one"
            ),
            models.CheckConstraint(
                condition=Q(use__in=["model", "baseline"]), name="scorer_use_known"
            ),
            models.CheckConstraint(
                condition=~Q(cause="hand") | (~Q(reason="") & ~Q(by="")),
                name="scorer_use_by_hand_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key}: {self.use}"
