"""Segments, who is in them, who came and went, and each customer's lifecycle stage."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Import
from lifecycle_engine.segments import (  # models of this app too
    draft_models,  # noqa: F401
    stage_models,  # noqa: F401
)


class SegmentState(models.TextChoices):
    """Whether a segment's membership is kept up."""

    LIVE = "live", _("Live")
    ARCHIVED = "archived", _("Archived")


class SegmentKind(models.TextChoices):
    """Where a segment's members come from."""

    DYNAMIC = "dynamic", _("By rule")
    STATIC = "static", _("By list")


class Upkeep(models.TextChoices):
    """How it stands with a segment's membership."""

    CURRENT = "current", _("Current")
    WAITING = "waiting", _("Waiting")
    COMPUTING = "computing", _("Computing")
    FAILED = "failed", _("Failed")


class Segment(models.Model):
    """A named audience: those for whom the rule holds, or those who were put on its list.

    Attributes:
        version: counts the rules it has had.
        members_version: of the rule that its members were computed by; the old members stand until
            those by the new rule are complete.
        as_of: the moment, in business time, up to which everybody's membership is right.
        asked_at: the newest such moment as of which anybody was asked.
        refresh_due_at: when a whole refresh is to begin, by the database's clock; null when none is
            wanted. It is what a refresh that was asked for, failed or was killed leaves behind.
        computing_since: a whole refresh is under way, if whoever set it still holds its lock.
        refresh_attempts: tries that failed since the last that worked.
        waits_for: why a refresh that is due can't be done yet.
    """

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    kind = models.CharField(
        _("kind"), max_length=8, choices=SegmentKind.choices, default=SegmentKind.DYNAMIC
    )
    rule = models.JSONField(_("rule"), default=dict, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    members_version = models.PositiveIntegerField(null=True, editable=False)
    state = models.CharField(
        _("state"), max_length=12, choices=SegmentState.choices, default=SegmentState.LIVE
    )
    size = models.PositiveIntegerField(_("size"), null=True, editable=False)
    as_of = models.DateTimeField(_("as of"), null=True, editable=False)
    asked_at = models.DateTimeField(null=True, editable=False)
    refreshed_at = models.DateTimeField(_("refreshed"), null=True, editable=False)
    refresh_seconds = models.FloatField(_("seconds to refresh"), null=True, editable=False)
    refresh_due_at = models.DateTimeField(_("next try"), null=True, editable=False)
    refresh_cause = models.CharField(max_length=40, blank=True, editable=False)
    refresh_attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, editable=False)
    computing_since = models.DateTimeField(_("computing since"), null=True, editable=False)
    waits_for = models.CharField(_("waits for"), max_length=200, blank=True, editable=False)
    error = models.TextField(_("last error"), blank=True, editable=False)
    failed_at = models.DateTimeField(_("failed"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.CharField(_("created by"), max_length=150, blank=True, editable=False)
    updated_at = models.DateTimeField(_("changed"), db_default=Now(), editable=False)
    updated_by = models.CharField(_("changed by"), max_length=150, blank=True, editable=False)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")

    def __str__(self) -> str:
        return self.name

    @property
    def upkeep(self) -> Upkeep:
        """How it stands with its membership."""
        if self.computing_since is not None:
            return Upkeep.COMPUTING
        if self.error:
            return Upkeep.FAILED
        return Upkeep.WAITING if self.refresh_due_at is not None else Upkeep.CURRENT


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


class ListedProfile(models.Model):
    """A profile that was put on a segment's list; who the members are follows from these.

    It stays what was said when the profile becomes part of another customer, see ``listed``.
    """

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="listed", verbose_name=_("segment")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="+", verbose_name=_("customer")
    )
    listed_at = models.DateTimeField(_("listed"))

    class Meta:
        verbose_name = _("customer on a list")
        verbose_name_plural = _("customers on lists")
        constraints = [
            models.UniqueConstraint(fields=["segment", "customer"], name="listed_profile_unique")
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}:{self.customer_id}"


class StagedProfile(models.Model):
    """A profile that a file for a list names, set aside until the whole file was read."""

    imported = models.ForeignKey(Import, models.CASCADE, related_name="+", verbose_name=_("import"))
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="+", verbose_name=_("customer")
    )

    class Meta:
        verbose_name = _("customer set aside")
        verbose_name_plural = _("customers set aside")
        constraints = [
            models.UniqueConstraint(fields=["imported", "customer"], name="staged_profile_unique")
        ]

    def __str__(self) -> str:
        return f"{self.imported_id}:{self.customer_id}"


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


class SegmentSize(models.Model):
    """How large a segment was at the end of a day, and how many came and went in it."""

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="sizes", verbose_name=_("segment")
    )
    day = models.DateField(_("day"))
    size = models.PositiveIntegerField(_("size"))
    joined = models.PositiveIntegerField(_("joined"))
    gone = models.PositiveIntegerField(_("left"))

    class Meta:
        verbose_name = _("size of a segment")
        verbose_name_plural = _("sizes of segments")
        constraints = [
            models.UniqueConstraint(fields=["segment", "day"], name="segment_size_unique")
        ]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.day}: {self.size}"


class TouchedCustomer(models.Model):
    """A customer about whom there is news that segments have not taken in yet.

    Attributes:
        segment: the one that has to take it in; null for all.
        due_at: from when on, in business time; later than now for what has not happened yet.
        asked_at: as of when segments have taken it in; null while they haven't. They look at the
            customer once more when time passes, see ``passing``.
    """

    customer_id = models.BigIntegerField(_("customer"))
    segment = models.ForeignKey(
        Segment, models.CASCADE, null=True, related_name="+", verbose_name=_("segment")
    )
    due_at = models.DateTimeField(_("due"))
    asked_at = models.DateTimeField(_("asked as of"), null=True)

    class Meta:
        verbose_name = _("touched customer")
        verbose_name_plural = _("touched customers")
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                name="touched_customer_due",
                condition=models.Q(asked_at=None),
            ),
            models.Index(
                fields=["asked_at"],
                name="touched_customer_asked",
                condition=~models.Q(asked_at=None),
            ),
        ]

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
