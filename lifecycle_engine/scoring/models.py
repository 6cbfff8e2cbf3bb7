"""Plugin settings, model versions, scores and recommendations."""

from django.contrib.postgres.indexes import BrinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring import (  # noqa: F401 - of this app too
    backtest_models,
    change_models,
    check_models,
    lookalike_models,
    run_models,
    target_models,
    use_models,
)
from lifecycle_engine.scoring.check_models import FallBackOn
from lifecycle_engine.scoring.reason_models import ReasonsFor

#: Customers whose reasons are worked out after a run, unless staff say otherwise.
REASONS_TOP = 200


class ScorerMode(models.TextChoices):
    """Whether a scorer's results are used."""

    OFF = "off", _("Off")
    SHADOW = "shadow", _("Shadow")
    LIVE = "live", _("Live")


class PromotionMode(models.TextChoices):
    """Who makes a new model the champion."""

    RULE = "rule", _("The rule")
    HAND = "hand", _("Staff only")


#: A model of a year ago has nothing to say.
DAYS_APART = [MinValueValidator(1), MaxValueValidator(365)]


class ScorerSetting(models.Model):
    """What staff set for a registered scorer."""

    key = models.CharField(_("scorer"), max_length=80, unique=True)
    mode = models.CharField(
        _("mode"), max_length=8, choices=ScorerMode.choices, default=ScorerMode.LIVE
    )
    config = models.JSONField(_("configuration"), default=dict, blank=True)
    promotion = models.CharField(
        _("promotion by"),
        max_length=8,
        choices=PromotionMode.choices,
        default=PromotionMode.RULE,
        help_text=_("Set it to staff only to keep a model that was promoted by hand."),
    )
    reasons = models.CharField(
        _("reasons for"), max_length=10, choices=ReasonsFor.choices, default=ReasonsFor.TOP
    )
    reasons_top = models.PositiveIntegerField(
        _("how many have reasons"),
        default=REASONS_TOP,
        help_text=_("Of the highest scores. Others are worked out when somebody asks."),
    )

    fall_back = models.CharField(
        _("falls back to its baseline on"),
        max_length=10,
        choices=FallBackOn.choices,
        default=FallBackOn.OUTCOMES,
        help_text=_("When monitoring finds it. Otherwise staff are told, and decide."),
    )
    drift_limit = models.FloatField(
        _("limit of drift"),
        default=0.25,
        validators=[MinValueValidator(0.01)],
        help_text=_("Population stability index from which on customers count as changed."),
    )
    calibration_limit = models.FloatField(
        _("limit of calibration"),
        default=1.25,
        validators=[MinValueValidator(1.01)],
        help_text=_("By what factor the expected total may be off the actual one."),
    )
    fresh_hours = models.PositiveIntegerField(
        _("scores are due every so many hours"),
        default=24,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Staff are warned after one and a half times as long. Days between runs count if more."
        ),
    )
    train_every_days = models.PositiveSmallIntegerField(
        _("trained every so many days"),
        null=True,
        blank=True,
        validators=DAYS_APART,
        help_text=_("Each night it is looked whether it is time. Empty: as the plugin says."),
    )
    run_every_days = models.PositiveSmallIntegerField(
        _("run every so many days"),
        null=True,
        blank=True,
        validators=DAYS_APART,
        help_text=_("Besides the run that follows each training. Empty: as the plugin says."),
    )

    class Meta:
        verbose_name = _("scorer setting")
        verbose_name_plural = _("scorer settings")
        constraints = [
            models.CheckConstraint(
                condition=Q(drift_limit__gt=0) & Q(calibration_limit__gt=1) & Q(fresh_hours__gt=0),
                name="scorer_setting_limits",
            ),
            models.CheckConstraint(
                condition=Q(train_every_days__gt=0) & Q(run_every_days__gt=0),
                name="scorer_setting_days",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class ModelState(models.TextChoices):
    """What a model version is used for."""

    CHALLENGER = "challenger", _("Challenger")
    SHADOW = "shadow", _("Shadow")
    CHAMPION = "champion", _("Champion")
    RETIRED = "retired", _("Retired")


class ModelVersion(models.Model):
    """A trained model, with its card: what it learned from and how good it is."""

    scorer_key = models.CharField(_("scorer"), max_length=80)
    number = models.PositiveIntegerField(_("number"))
    state = models.CharField(
        _("state"), max_length=12, choices=ModelState.choices, default=ModelState.CHALLENGER
    )
    as_of = models.DateTimeField(
        _("as of"), help_text=_("The model has seen nothing later than this.")
    )
    trained_at = models.DateTimeField(_("trained"), db_default=Now())
    train_seconds = models.FloatField(_("seconds to train"))
    rows = models.PositiveIntegerField(_("training rows"))
    algorithm = models.CharField(_("algorithm"), max_length=60)
    features = models.JSONField(_("features"), default=list)
    config = models.JSONField(_("configuration"), default=dict)
    card = models.JSONField(
        _("model card"),
        default=dict,
        help_text=_("Quality on the validation window beside the baseline's."),
    )
    classes = models.JSONField(
        _("classes"),
        default=list,
        help_text=_("What the numbers are called that a scorer of classes gives."),
    )
    artefact = models.CharField(_("artefact"), max_length=200)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    held_artefact = models.CharField(
        _("artefact of the judged model"),
        max_length=200,
        blank=True,
        help_text=_("Has not seen the last window: what a later model is compared with."),
    )
    held_sha256 = models.CharField(_("its SHA-256"), max_length=64, blank=True)
    plugin_version = models.CharField(_("plugin version"), max_length=20)
    fingerprint = models.CharField(
        _("fingerprint"),
        max_length=64,
        help_text=_("Equal when scorer, configuration, plugin version and data are equal."),
    )

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        constraints = [
            models.UniqueConstraint(fields=["scorer_key", "number"], name="model_version_unique"),
            models.UniqueConstraint(
                fields=["scorer_key", "fingerprint"], name="model_fingerprint_unique"
            ),
            models.UniqueConstraint(
                fields=["scorer_key"],
                condition=Q(state="champion"),
                name="model_one_champion",
            ),
            models.UniqueConstraint(
                fields=["scorer_key"], condition=Q(state="shadow"), name="model_one_shadow"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["challenger", "shadow", "champion", "retired"]),
                name="model_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key} #{self.number}"


class Score(models.Model):
    """A customer's newest score by one scorer."""

    # No constraint, which would lock each customer's row: publishing reads them in its transaction,
    # and customers are never deleted. An erased one leaves an empty row.
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="scores",
        verbose_name=_("customer"),
        db_constraint=False,
    )
    scorer_key = models.CharField(_("scorer"), max_length=80)
    value = models.FloatField(_("value"))
    percentile = models.FloatField(_("percentile"))
    # No constraint and no index: a run writes one model a million times, and holds it meanwhile.
    model_version = models.ForeignKey(
        ModelVersion,
        models.PROTECT,
        related_name="+",
        verbose_name=_("model"),
        db_constraint=False,
        db_index=False,
    )
    as_of = models.DateTimeField(_("as of"))
    scored_at = models.DateTimeField(_("scored"), db_default=Now())

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        constraints = [
            models.UniqueConstraint(fields=["scorer_key", "customer"], name="score_unique"),
            models.CheckConstraint(
                condition=Q(percentile__gte=0) & Q(percentile__lte=100),
                name="score_percentile_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key} {self.customer_id}: {self.value:.4g}"


class ScoreHistory(models.Model):
    """A score that changed, as it was from ``as_of`` on."""

    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="score_history",
        verbose_name=_("customer"),
        db_constraint=False,  # As in Score.
        db_index=False,  # The unique constraint's index begins with it.
    )
    scorer_key = models.CharField(_("scorer"), max_length=80)
    value = models.FloatField(_("value"))
    percentile = models.FloatField(_("percentile"))
    # No constraint and no index: a run writes one model a million times, and holds it meanwhile.
    model_version = models.ForeignKey(
        ModelVersion,
        models.PROTECT,
        related_name="+",
        verbose_name=_("model"),
        db_constraint=False,
        db_index=False,
    )
    as_of = models.DateTimeField(_("as of"))

    class Meta:
        verbose_name = _("score history")
        verbose_name_plural = _("score history")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "scorer_key", "as_of"], name="score_history_unique"
            )
        ]
        indexes = [
            # Rows come in the order of time, so a few bytes a block say where a moment's are.
            BrinIndex(fields=["as_of"], name="score_history_moment", autosummarize=True)
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key} {self.customer_id} {self.as_of:%Y-%m-%d}"


class Recommendation(models.Model):
    """The products a customer has a good chance of buying next, best first."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="recommendations", verbose_name=_("customer")
    )
    scorer_key = models.CharField(_("scorer"), max_length=80)
    items = models.JSONField(_("items"), help_text=_("A list of {sku, score, reason}, best first."))
    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="+", verbose_name=_("model")
    )
    as_of = models.DateTimeField(_("as of"))

    class Meta:
        verbose_name = _("recommendation")
        verbose_name_plural = _("recommendations")
        constraints = [
            models.UniqueConstraint(fields=["scorer_key", "customer"], name="recommendation_unique")
        ]

    def __str__(self) -> str:
        return f"{self.scorer_key} {self.customer_id}"
