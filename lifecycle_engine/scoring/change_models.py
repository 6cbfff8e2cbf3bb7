"""The record of which model was used for what, by whose decision."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class ChangeCause(models.TextChoices):
    """Who decided."""

    RULE = "rule", _("The rule")
    HAND = "hand", _("By hand")
    ROLL_BACK = "roll_back", _("Roll-back")


class ModelChange(models.Model):
    """A model version that came to another state. Rows are only ever added."""

    scorer_key = models.CharField(_("scorer"), max_length=80)
    model_version = models.ForeignKey(
        "scoring.ModelVersion", models.PROTECT, related_name="changes", verbose_name=_("model")
    )
    before = models.CharField(_("state before"), max_length=12, blank=True)
    after = models.CharField(_("state after"), max_length=12)
    cause = models.CharField(_("cause"), max_length=12, choices=ChangeCause.choices)
    reason = models.CharField(_("reason"), max_length=300)
    by = models.CharField(_("by"), max_length=150, blank=True)
    at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        verbose_name = _("model change")
        verbose_name_plural = _("model changes")
        indexes = [models.Index(fields=["scorer_key", "-id"], name="model_change_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(cause="rule") | (~Q(reason="") & ~Q(by="")),
                name="model_change_by_hand_has_a_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key}: {self.before or '–'} → {self.after}"
