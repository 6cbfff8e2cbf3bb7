"""Runs of scorers, and the features that they were given."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.scoring.use_models import Use


class FeatureFrame(models.Model):
    """The features of a population as of a moment, computed once and kept in files.

    Runs that are killed go on with the same numbers, other scorers that want the same need not
    compute them again, and single customers are scored with them on demand.

    Attributes:
        kind: equal where the same features of the same population are wanted.
        excluded: a digest of who was left out since they object to profiling.
        parts: the files, by ascending customer id: each ``{"path", "first", "last", "customers"}``.
        made_at: null while it is being computed, or where whoever did was killed.
    """

    kind = models.CharField(_("kind"), max_length=64)
    as_of = models.DateTimeField(_("as of"))
    excluded = models.CharField(_("left out"), max_length=64)
    features = models.JSONField(_("features"), default=list)
    customers = models.PositiveIntegerField(_("customers"), default=0)
    parts = models.JSONField(_("parts"), default=list)
    seconds = models.FloatField(_("seconds to compute"), default=0)
    begun_at = models.DateTimeField(_("begun"), db_default=Now())
    made_at = models.DateTimeField(_("made"), null=True)

    class Meta:
        verbose_name = _("feature frame")
        verbose_name_plural = _("feature frames")
        indexes = [models.Index(fields=["kind", "-id"], name="frame_newest")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class RunState(models.TextChoices):
    """What became of a run."""

    RUNNING = "running", _("Running")
    PUBLISHED = "published", _("Published")
    SHADOW = "shadow", _("Shadow")
    SUPERSEDED = "superseded", _("Given up")
    FAILED = "failed", _("Failed")


class ScoringRun(models.Model):
    """One pass of a scorer over its whole population, in shards; all of it is published, or none.

    Attributes:
        model_version: the model of the whole run, whatever is promoted meanwhile.
        use: whether it publishes what the model says, or what its baseline does.
        frame: the features; null until they are computed, and for rankings.
        shards_done: the numbers of the frame's parts whose scores are staged.
        class_counts: how many customers are in each class, by its number, of a scorer of classes.
        attempts: starts since a shard was last done; a run that kills its worker is not tried for
            ever.
    """

    scorer_key = models.CharField(_("scorer"), max_length=80)
    model_version = models.ForeignKey(
        "scoring.ModelVersion", models.CASCADE, related_name="runs", verbose_name=_("model")
    )
    as_of = models.DateTimeField(_("as of"))
    use = models.CharField(_("publishes"), max_length=8, choices=Use.choices, default=Use.MODEL)
    state = models.CharField(
        _("state"), max_length=12, choices=RunState.choices, default=RunState.RUNNING
    )
    frame = models.ForeignKey(
        FeatureFrame,
        models.SET_NULL,
        null=True,
        related_name="runs",
        verbose_name=_("features"),
    )
    shards = models.PositiveIntegerField(_("shards"), default=0)
    shards_done = ArrayField(
        models.PositiveIntegerField(), verbose_name=_("shards done"), default=list
    )
    customers = models.PositiveIntegerField(_("customers"), default=0)
    class_counts = models.JSONField(_("customers by class"), default=dict)
    written = models.PositiveIntegerField(_("scores written"), default=0)
    withdrawn = models.PositiveIntegerField(_("scores withdrawn"), default=0)
    seconds_inference = models.FloatField(_("seconds to predict"), default=0)
    seconds_staging = models.FloatField(_("seconds to stage"), default=0)
    seconds_publishing = models.FloatField(_("seconds to publish"), default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.TextField(_("error"), blank=True)
    started_at = models.DateTimeField(_("started"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("scoring run")
        verbose_name_plural = _("scoring runs")
        indexes = [models.Index(fields=["scorer_key", "-id"], name="scoring_run_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=["scorer_key"], condition=Q(state="running"), name="scoring_run_one"
            ),
            models.CheckConstraint(
                condition=Q(state="running") ^ Q(finished_at__isnull=False),
                name="scoring_run_over_has_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key} #{self.pk}"
