"""Backtests: how good a scorer would have been, month by month of the past."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class BacktestState(models.TextChoices):
    """How far a backtest is."""

    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Failed")


class Backtest(models.Model):
    """A scorer trained and judged as of each month of a stretch of the past.

    Attributes:
        first: the first day of the first month: the model is as of then, and judged from then on.
        last: the first day of the last month.
        config: the scorer's configuration at the time.
        fingerprint: equal where scorer, configuration, versions and data are equal: only then is
            one that was killed gone on with.
        decided_by: the metric that decides; empty until a month is judged.
        months: what came of each month that is done, in order: documents of
            ``backtests.results.Month``.
        champion: the simulated champion after the last month that is done: a document of
            ``backtests.policy.Champion``; empty before the first.
    """

    scorer_key = models.CharField(_("scorer"), max_length=80)
    first = models.DateField(_("from"))
    last = models.DateField(_("to"))
    state = models.CharField(
        _("state"), max_length=8, choices=BacktestState.choices, default=BacktestState.RUNNING
    )
    config = models.JSONField(_("configuration"), default=dict)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    decided_by = models.CharField(_("metric that decides"), max_length=40, blank=True)
    months = models.JSONField(_("months"), default=list)
    champion = models.JSONField(_("champion"), default=dict)
    error = models.TextField(_("error"), blank=True)
    requested_by = models.CharField(_("by"), max_length=150, blank=True)
    started_at = models.DateTimeField(_("started"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("backtest")
        verbose_name_plural = _("backtests")
        constraints = [
            models.UniqueConstraint(
                fields=["scorer_key"], condition=Q(state="running"), name="backtest_one_running"
            ),
            models.CheckConstraint(condition=Q(first__lte=F("last")), name="backtest_in_order"),
            models.CheckConstraint(
                condition=Q(state="running") ^ Q(finished_at__isnull=False),
                name="backtest_over_has_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key} {self.first:%Y-%m} – {self.last:%Y-%m}"

    @property
    def total(self) -> int:
        """How many months it is about."""
        return 12 * (self.last.year - self.first.year) + self.last.month - self.first.month + 1
