"""Lookalikes: the search for customers like those of a segment, and the ranking it came to."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments.models import Segment


class LookalikeState(models.TextChoices):
    """How far a search is."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    READY = "ready", _("Ready")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")


UNDER_WAY = (LookalikeState.QUEUED, LookalikeState.RUNNING)


class LookalikeReason(models.TextChoices):
    """Why a search was refused."""

    NOT_COMPUTED = "not_computed", _("The segment's members have not been computed yet.")
    SEEDS_FEW = "seeds_few", _("The segment is too small to learn from.")
    OTHERS_FEW = "others_few", _("Too few customers are outside the segment.")
    FEATURES_NONE = "features_none", _("The segment's rule reads all that could be learned from.")


class LookalikeVerdict(models.TextChoices):
    """What the measurement on held-out customers says of the ranking."""

    BETTER = "better", _("Better than a simple ranking")
    SIMPLE = "simple", _("No better than a simple ranking")
    CHANCE = "chance", _("No better than chance")


class Lookalike(models.Model):
    """A search for customers who look like those of a segment.

    Attributes:
        segment: the seed.
        as_of: business time when it was asked for; features are of what happened before.
        seeds: members learned from, those who object to profiling left out.
        others: customers outside the segment who were ranked.
        ranked: how many of them the stored ranking holds, from the best down.
        features: what was learned from, by name.
        left_out: features that were not, since the segment's rule reads what they are made of.
        result: a document of ``lookalikes.results.Result``.
        audience: the segment by list that was made of the ranking's first ``size`` customers.
        attempts: starts; a search that kills its worker is not tried for ever.
    """

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="lookalikes", verbose_name=_("segment")
    )
    state = models.CharField(
        _("state"), max_length=8, choices=LookalikeState.choices, default=LookalikeState.QUEUED
    )
    as_of = models.DateTimeField(_("as of"))
    seeds = models.PositiveIntegerField(_("customers to learn from"), null=True)
    others = models.PositiveIntegerField(_("other customers"), null=True)
    ranked = models.PositiveIntegerField(_("ranked"), default=0)
    features = models.JSONField(_("features"), default=list)
    left_out = models.JSONField(_("features left out"), default=list)
    result = models.JSONField(_("result"), default=dict)
    verdict = models.CharField(
        _("verdict"), max_length=8, choices=LookalikeVerdict.choices, blank=True
    )
    reason = models.CharField(
        _("reason"), max_length=16, choices=LookalikeReason.choices, blank=True
    )
    error = models.TextField(_("error"), blank=True)
    audience = models.OneToOneField(
        Segment,
        models.SET_NULL,
        null=True,
        related_name="lookalike_source",
        verbose_name=_("audience"),
    )
    size = models.PositiveIntegerField(_("chosen size"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    requested_by = models.CharField(_("by"), max_length=150, blank=True)
    requested_at = models.DateTimeField(_("asked for"), db_default=Now())
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("lookalike search")
        verbose_name_plural = _("lookalike searches")
        indexes = [models.Index(fields=["segment", "-id"], name="lookalike_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=["segment"],
                condition=Q(state__in=("queued", "running")),
                name="lookalike_one_under_way",
            ),
            models.CheckConstraint(
                condition=Q(state="refused") ^ Q(reason=""), name="lookalike_refused_has_reason"
            ),
            models.CheckConstraint(
                condition=Q(state="ready") ^ Q(verdict=""), name="lookalike_ready_has_verdict"
            ),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running")) ^ Q(finished_at__isnull=False),
                name="lookalike_over_has_end",
            ),
            models.CheckConstraint(
                condition=Q(size__isnull=True) | Q(size__gte=1, size__lte=F("ranked")),
                name="lookalike_size_ranked",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class LookalikeCustomer(models.Model):
    """A customer outside the seed, and their place in the ranking; 1 looks most like it."""

    lookalike = models.ForeignKey(
        Lookalike, models.CASCADE, related_name="customers", verbose_name=_("lookalike search")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="+", verbose_name=_("customer")
    )
    rank = models.PositiveIntegerField(_("place"))
    percentile = models.FloatField(_("percentile"))

    class Meta:
        verbose_name = _("lookalike")
        verbose_name_plural = _("lookalikes")
        constraints = [
            models.UniqueConstraint(fields=["lookalike", "rank"], name="lookalike_rank_unique"),
            models.UniqueConstraint(
                fields=["lookalike", "customer"], name="lookalike_customer_unique"
            ),
            models.CheckConstraint(
                condition=Q(rank__gte=1, percentile__gte=0, percentile__lte=100),
                name="lookalike_customer_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lookalike_id} {self.rank}: {self.customer_id}"
