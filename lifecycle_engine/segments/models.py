"""Segments, who is in them, who came and went, and each customer's lifecycle stage."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments import draft_models  # noqa: F401 - models of this app too


class SegmentState(models.TextChoices):
    """Whether a segment's membership is kept up."""

    LIVE = "live", _("Live")
    ARCHIVED = "archived", _("Archived")


class Segment(models.Model):
    """A named audience: those for whom the rule holds."""

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    rule = models.JSONField(_("rule"))
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    state = models.CharField(
        _("state"), max_length=12, choices=SegmentState.choices, default=SegmentState.LIVE
    )
    size = models.PositiveIntegerField(_("size"), null=True, editable=False)
    as_of = models.DateTimeField(_("as of"), null=True, editable=False)
    refreshed_at = models.DateTimeField(_("refreshed"), null=True, editable=False)
    refresh_seconds = models.FloatField(_("seconds to refresh"), null=True, editable=False)
    error = models.TextField(_("last error"), blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.CharField(_("created by"), max_length=150, blank=True, editable=False)
    updated_at = models.DateTimeField(_("changed"), db_default=Now(), editable=False)
    updated_by = models.CharField(_("changed by"), max_length=150, blank=True, editable=False)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A customer who is in a segment now."""

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="memberships", verbose_name=_("segment")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="memberships", verbose_name=_("customer")
    )
    joined_at = models.DateTimeField(_("joined"))

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["segment", "customer"], name="membership_unique")
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}:{self.customer_id}"


class MembershipChange(models.Model):
    """A customer joined or left a segment."""

    class Kind(models.TextChoices):
        """Which way."""

        JOINED = "joined", _("Joined")
        LEFT = "left", _("Left")

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="changes", verbose_name=_("segment")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="+", verbose_name=_("customer")
    )
    kind = models.CharField(_("change"), max_length=8, choices=Kind.choices)
    at = models.DateTimeField(_("at"))
    cause = models.CharField(_("cause"), max_length=40)

    class Meta:
        verbose_name = _("membership change")
        verbose_name_plural = _("membership changes")
        indexes = [models.Index(fields=["segment", "-at"], name="membership_change_newest")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.kind} {self.segment_id}"


class TouchedCustomer(models.Model):
    """A customer about whom the log has news that the segments have not taken in yet.

    Attributes:
        txid, event_id: the newest of that news, as a position in the log; 0 and null when there is
            no need to wait for the columnar copy.
    """

    customer_id = models.BigIntegerField(_("customer"))
    txid = models.BigIntegerField(_("transaction"), default=0)
    event_id = models.UUIDField(_("event"), null=True)

    class Meta:
        verbose_name = _("touched customer")
        verbose_name_plural = _("touched customers")
        indexes = [models.Index(fields=["txid", "event_id"], name="touched_customer_position")]

    def __str__(self) -> str:
        return str(self.customer_id)


class Stage(models.TextChoices):
    """Where a customer stands in their lifecycle."""

    PROSPECT = "prospect", _("Prospect")
    ACTIVATED = "activated", _("Activated")
    RETAINED = "retained", _("Retained")
    DEVELOPING = "developing", _("Developing")
    LOYAL = "loyal", _("Loyal")
    AT_RISK = "at_risk", _("At risk")
    LAPSED = "lapsed", _("Lapsed")
    WON_BACK = "won_back", _("Won back")


class CustomerStage(models.Model):
    """The stage a customer is in."""

    customer = models.OneToOneField(
        Customer,
        models.CASCADE,
        primary_key=True,
        related_name="stage_row",
        verbose_name=_("customer"),
    )
    stage = models.CharField(_("stage"), max_length=12, choices=Stage.choices)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("customer stage")
        verbose_name_plural = _("customer stages")

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.stage}"


class StageTransition(models.Model):
    """A customer moved from one stage to another."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="stage_transitions", verbose_name=_("customer")
    )
    from_stage = models.CharField(_("from"), max_length=12, choices=Stage.choices, blank=True)
    to_stage = models.CharField(_("to"), max_length=12, choices=Stage.choices)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("stage transition")
        verbose_name_plural = _("stage transitions")
        indexes = [models.Index(fields=["customer", "-at"], name="stage_transition_newest")]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.from_stage} → {self.to_stage}"
