"""Checks of models in use: one row for each run and kind of check."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class FallBackOn(models.TextChoices):
    """On what a scorer falls back to its baseline by itself."""

    OUTCOMES = "outcomes", _("Bad outcomes and failing runs")
    DRIFT = "drift", _("These, and customers who have changed")
    NEVER = "never", _("Nothing: staff decide")


class CheckKind(models.TextChoices):
    """What is looked at."""

    RUN = "run", _("The run")
    OUTCOMES = "outcomes", _("The outcomes")
    FRESHNESS = "freshness", _("The age")
    CHALLENGER = "challenger", _("A challenger")


class CheckState(models.TextChoices):
    """What a check came to."""

    OK = "ok", _("OK")
    WARNING = "warning", _("Warning")
    BREACH = "breach", _("Breach")


class ModelCheck(models.Model):
    """What a check of a run came to: figures of the whole population, of nobody alone.

    Attributes:
        run: the run that was looked at; of age, the newest that was published.
        challenger: of a check of one, the version that was judged beside the run's champion.
        findings: each ``{"what", "state", "value", "limit", …}`` (``monitoring.findings``).
        figures: what was measured.
        limits: the limits of then.
        at: business time of the check.
    """

    scorer_key = models.CharField(_("scorer"), max_length=80)
    run = models.ForeignKey(
        "scoring.ScoringRun", models.CASCADE, related_name="checks", verbose_name=_("run")
    )
    challenger = models.ForeignKey(
        "scoring.ModelVersion",
        models.CASCADE,
        null=True,
        related_name="challenges",
        verbose_name=_("challenger"),
    )
    kind = models.CharField(_("check of"), max_length=10, choices=CheckKind.choices)
    state = models.CharField(_("state"), max_length=8, choices=CheckState.choices)
    findings = models.JSONField(_("findings"), default=list)
    figures = models.JSONField(_("figures"), default=dict)
    limits = models.JSONField(_("limits"), default=dict)
    at = models.DateTimeField(_("as of"))
    checked_at = models.DateTimeField(_("checked"), db_default=Now())

    class Meta:
        verbose_name = _("check of a model")
        verbose_name_plural = _("checks of models")
        indexes = [models.Index(fields=["scorer_key", "kind", "-id"], name="model_check_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "kind"],
                condition=models.Q(challenger__isnull=True),
                name="model_check_once",
            ),
            models.UniqueConstraint(
                fields=["run", "challenger"], name="model_check_challenger_once"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="challenger") ^ models.Q(challenger__isnull=True),
                name="model_check_challenger_named",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["ok", "warning", "breach"]),
                name="model_check_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key} #{self.run_id}: {self.kind}"
