"""Why customers have the scores that they have, and what that rests on."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import Customer


class ReasonsFor(models.TextChoices):
    """Whose reasons are worked out after each run of a scorer."""

    NOBODY = "nobody", _("Nobody")
    TOP = "top", _("Those with the highest scores")
    EVERYBODY = "everybody", _("Everybody")


class ScoreReasons(models.Model):
    """What moved a customer's score, and what would change it."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="score_reasons", verbose_name=_("customer")
    )
    scorer_key = models.CharField(_("scorer"), max_length=80)
    model_version = models.ForeignKey(
        "scoring.ModelVersion", models.CASCADE, related_name="+", verbose_name=_("model")
    )
    as_of = models.DateTimeField(_("as of"))
    document = models.JSONField(
        _("reasons"), help_text=_("Contributions by feature, and what would change the score.")
    )
    explained_at = models.DateTimeField(_("worked out"), db_default=Now())

    class Meta:
        verbose_name = _("reasons of a score")
        verbose_name_plural = _("reasons of scores")
        constraints = [
            models.UniqueConstraint(fields=["scorer_key", "customer"], name="score_reasons_unique")
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key} {self.customer_id}"


class ReasonsSummary(models.Model):
    """What the newest reasons of a scorer have in common."""

    scorer_key = models.CharField(_("scorer"), max_length=80, unique=True)
    model_version = models.ForeignKey(
        "scoring.ModelVersion", models.CASCADE, related_name="+", verbose_name=_("model")
    )
    as_of = models.DateTimeField(_("as of"))
    customers = models.PositiveIntegerField(_("customers measured on"))
    importances = models.JSONField(
        _("importance"), help_text=_("By feature: the mean size of its contribution.")
    )
    typical = models.JSONField(
        _("typical values"), help_text=_("By feature: its 10, 25, 50, 75 and 90 % points.")
    )
    texts = models.JSONField(
        _("names"),
        default=dict,
        help_text=_("By the number that stands for it: a category or an event's name."),
    )

    class Meta:
        verbose_name = _("importance of features")
        verbose_name_plural = _("importance of features")

    def __str__(self) -> str:
        return self.scorer_key
