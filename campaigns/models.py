"""Campaigns, their published versions, occurrences, enrolments and the decision ledger."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments.models import Segment


class CampaignState(models.TextChoices):
    """Whether a campaign fires."""

    DRAFT = "draft", _("Draft")
    LIVE = "live", _("Live")
    PAUSED = "paused", _("Paused")
    FINISHED = "finished", _("Finished")


class Campaign(models.Model):
    """What staff configure. Editing changes the draft; publishing makes a version."""

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    state = models.CharField(
        _("state"), max_length=10, choices=CampaignState.choices, default=CampaignState.DRAFT
    )
    segment = models.ForeignKey(
        Segment, models.PROTECT, related_name="campaigns", verbose_name=_("audience")
    )
    trigger = models.JSONField(_("trigger"))
    journey = models.JSONField(_("journey"))
    policy = models.JSONField(_("policy"), default=dict)
    pause_reason = models.CharField(
        _("why it is paused"), max_length=300, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")

    def __str__(self) -> str:
        return self.name


class CampaignVersion(models.Model):
    """A campaign as it was published; never changed afterwards.

    ``published_at`` is business time, as the schedule is.
    """

    campaign = models.ForeignKey(
        Campaign, models.PROTECT, related_name="versions", verbose_name=_("campaign")
    )
    number = models.PositiveIntegerField(_("number"))
    segment = models.ForeignKey(
        Segment, models.PROTECT, related_name="+", verbose_name=_("audience")
    )
    trigger = models.JSONField(_("trigger"))
    journey = models.JSONField(_("journey"))
    policy = models.JSONField(_("policy"))
    approved_size = models.PositiveIntegerField(
        _("approved audience"),
        help_text=_("How large the audience was when this version was published."),
    )
    published_at = models.DateTimeField(_("published"))

    class Meta:
        verbose_name = _("campaign version")
        verbose_name_plural = _("campaign versions")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="campaign_version_unique")
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} v{self.number}"


class Occurrence(models.Model):
    """One firing of a campaign's trigger."""

    class State(models.TextChoices):
        """How far it is."""

        RUNNING = "running", _("Running")
        DONE = "done", _("Done")

    campaign = models.ForeignKey(
        Campaign, models.PROTECT, related_name="occurrences", verbose_name=_("campaign")
    )
    version = models.ForeignKey(
        CampaignVersion, models.PROTECT, related_name="+", verbose_name=_("version")
    )
    fire_at = models.DateTimeField(_("fires at"))
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.RUNNING
    )
    audience = models.PositiveIntegerField(_("audience"), default=0)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("occurrence")
        verbose_name_plural = _("occurrences")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "fire_at"], name="occurrence_once")
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.fire_at:%Y-%m-%d %H:%M}"


class Arm(models.TextChoices):
    """Which side of the comparison a customer is on."""

    TREATED = "treated", _("Treated")
    HOLDOUT = "holdout", _("Holdout")


class Enrolment(models.Model):
    """A customer on their way through an occurrence of a campaign."""

    class State(models.TextChoices):
        """How far it is."""

        ACTIVE = "active", _("Active")
        DONE = "done", _("Done")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    occurrence = models.ForeignKey(
        Occurrence, models.PROTECT, related_name="enrolments", verbose_name=_("occurrence")
    )
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="enrolments", verbose_name=_("customer")
    )
    arm = models.CharField(_("arm"), max_length=8, choices=Arm.choices)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.ACTIVE)
    step = models.CharField(_("step"), max_length=60, blank=True)
    due_at = models.DateTimeField(_("due"))
    lease_until = models.DateTimeField(
        _("not before"),
        null=True,
        blank=True,
        help_text=_("After a passing failure: nobody tries again before this."),
    )
    attempts = models.PositiveSmallIntegerField(_("failed attempts"), default=0)
    context = models.JSONField(_("context"), default=dict)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            models.UniqueConstraint(fields=["occurrence", "customer"], name="enrolment_unique")
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"], name="enrolment_due", condition=Q(state="active")
            ),
            models.Index(fields=["occurrence"], name="enrolment_open", condition=Q(state="active")),
        ]

    def __str__(self) -> str:
        return f"{self.occurrence_id}:{self.customer_id}"


class Outcome(models.TextChoices):
    """What a decision came to."""

    ACTED = "acted", _("Acted")
    HELD_OUT = "held_out", _("Held out")
    NO_CONSENT = "no_consent", _("No consent")
    SUPPRESSED = "suppressed", _("Suppressed")
    NO_ADDRESS = "no_address", _("No address")
    CAPPED = "capped", _("Capped")
    DEFERRED = "deferred", _("Deferred")
    OVER_BUDGET = "over_budget", _("Over budget")
    NOT_ELIGIBLE = "not_eligible", _("Not eligible")
    FAILED = "failed", _("Failed")


class Decision(models.Model):
    """One entry of the decision ledger; also "nothing was done" is an entry.

    ``probability`` is the chance with which this very choice was made, given the random choices
    made for this enrolment before it, and ``alternatives`` holds the chance of each choice there
    was: without them no later reader could tell what the campaign caused. So the first step of a
    treated customer has 0.9 (with a holdout of 0.1) and the later ones 1; the product over the
    steps is the chance of the whole path. Gates involve no chance and don't change it. A deferral
    is an entry of its own, at the chance of the decision that it puts off, and is left out of the
    product.
    """

    enrolment = models.ForeignKey(
        Enrolment, models.PROTECT, related_name="decisions", verbose_name=_("enrolment")
    )
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="decisions", verbose_name=_("customer")
    )
    step = models.CharField(_("step"), max_length=60)
    action = models.CharField(_("action"), max_length=60)
    outcome = models.CharField(_("outcome"), max_length=14, choices=Outcome.choices)
    gate = models.CharField(_("gate that stopped it"), max_length=30, blank=True)
    probability = models.FloatField(_("probability"))
    alternatives = models.JSONField(_("alternatives"))
    arm = models.CharField(_("arm"), max_length=8, choices=Arm.choices)
    scores = models.JSONField(
        _("scores"), default=dict, help_text=_("Score and model version by scorer, as they were.")
    )
    reference = models.CharField(
        _("reference"),
        max_length=200,
        blank=True,
        help_text=_("The coupon or message that came of it."),
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    decided_at = models.DateTimeField(_("decided"))

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "step"],
                name="decision_once",
                condition=~Q(outcome="deferred"),
            ),
            models.CheckConstraint(
                condition=Q(probability__gt=0) & Q(probability__lte=1),
                name="decision_probability_range",
            ),
        ]
        indexes = [
            models.Index(
                fields=["customer", "decided_at"],
                name="decision_acted",
                condition=Q(outcome="acted"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step}: {self.outcome}"
