"""Message templates, the outbox, and addresses that must not be written to."""

import uuid_utils.compat as uuid
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import ConsentText, Customer
from lifecycle_engine.messaging.template_rules import template_problems


class MessageTemplate(models.Model):
    """The text of a message, with merge tags."""

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    channel = models.CharField(_("channel"), max_length=20)
    purpose = models.CharField(_("purpose"), max_length=20, default="marketing")
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(_("text"))
    html = models.TextField(_("HTML"), blank=True)

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what could not be sent, with a reason per field."""
        problems = template_problems(
            channel=self.channel,
            purpose=self.purpose,
            subject=self.subject,
            text=self.text,
            html=self.html,
        )
        if problems:
            raise ValidationError(problems)


class MessageState(models.TextChoices):
    """Where a message is. Only ``queued`` is ever taken up by a worker.

    A ``claimed`` message belongs to a worker that has not yet handed it over: when its lease runs
    out it is safely queued again. ``sending`` is committed just before the handing over: when that
    lease runs out nobody knows, so it becomes ``unknown`` and is never sent again by itself.
    """

    QUEUED = "queued", _("Queued")
    CLAIMED = "claimed", _("Claimed")
    SENDING = "sending", _("Sending")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    BOUNCED = "bounced", _("Bounced")
    SUPPRESSED = "suppressed", _("Suppressed")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")


class Message(models.Model):
    """An outbox row: written in the transaction of its decision, delivered by a worker."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid7, editable=False)
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="messages", verbose_name=_("customer")
    )
    template = models.ForeignKey(
        MessageTemplate, models.PROTECT, related_name="messages", verbose_name=_("template")
    )
    channel = models.CharField(_("channel"), max_length=20)
    campaign = models.CharField(_("campaign"), max_length=80, blank=True)
    dedupe_key = models.CharField(
        _("deduplication key"),
        max_length=200,
        unique=True,
        help_text=_("One message per campaign, occurrence, customer and step."),
    )
    context = models.JSONField(_("merge data"), default=dict)
    state = models.CharField(
        _("state"), max_length=12, choices=MessageState.choices, default=MessageState.QUEUED
    )
    due_at = models.DateTimeField(_("due"), db_default=Now())
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claim = models.CharField(
        _("claimed by"),
        max_length=120,
        blank=True,
        editable=False,
        help_text=_("The worker and its batch; only they may record a result."),
    )
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    provider_id = models.CharField(_("provider's id"), max_length=200, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    queued_at = models.DateTimeField(_("queued"), db_default=Now())
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    #: The whole customer, for whoever is sending: who it is may have changed since it was queued.
    recipient: Customer

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            models.Index(fields=["due_at"], name="message_queued", condition=Q(state="queued")),
            models.Index(
                fields=["lease_until"],
                name="message_leased",
                condition=Q(state__in=["claimed", "sending"]),
            ),
            models.Index(fields=["campaign", "state"], name="message_campaign_state"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Suppression(models.Model):
    """An address that must not be written to, kept as a keyed hash only.

    An entry is never deleted: it is lifted, with a reason, and stays to be seen.
    """

    channel = models.CharField(
        _("channel"),
        max_length=20,
        blank=True,
        help_text=_("Empty: on every channel that has such addresses."),
    )
    address_hash = models.CharField(_("address (keyed hash)"), max_length=64)
    purpose = models.CharField(
        _("purpose"), max_length=20, blank=True, help_text=_("Empty: for whatever purpose.")
    )
    reason = models.CharField(_("reason"), max_length=100)
    source = models.CharField(_("source"), max_length=60, blank=True)
    added_by = models.CharField(_("added by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("since"), db_default=Now())
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)
    lifted_by = models.CharField(_("lifted by"), max_length=150, blank=True)
    lift_reason = models.CharField(_("why it was lifted"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(
                fields=["address_hash", "purpose", "channel"],
                condition=Q(lifted_at=None),
                name="suppression_unique",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lift_reason="")
                | (Q(lifted_at__isnull=False) & ~Q(lift_reason="")),
                name="suppression_lifted_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel or '*'}: {self.address_hash[:8]}"


class OptInState(models.TextChoices):
    """How far a double opt-in is."""

    PENDING = "pending", _("Waiting for confirmation")
    CONFIRMED = "confirmed", _("Confirmed")
    REPLACED = "replaced", _("Replaced")


class OptIn(models.Model):
    """A consent that was asked for and counts only once its address has confirmed it."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="opt_ins", verbose_name=_("customer")
    )
    channel = models.CharField(_("channel"), max_length=20)
    purpose = models.CharField(_("purpose"), max_length=20)
    address_hash = models.CharField(_("address (keyed hash)"), max_length=64)
    wording = models.ForeignKey(
        ConsentText,
        models.PROTECT,
        to_field="digest",
        related_name="+",
        verbose_name=_("wording"),
    )
    source = models.CharField(_("source"), max_length=150)
    state = models.CharField(
        _("state"), max_length=12, choices=OptInState.choices, default=OptInState.PENDING
    )
    requested_at = models.DateTimeField(_("requested"), db_default=Now())
    requested_ip = models.GenericIPAddressField(_("requested from"), null=True, blank=True)
    mails = models.PositiveSmallIntegerField(_("e-mails"), default=0)
    mailed_at = models.DateTimeField(_("last e-mail"), null=True, blank=True)
    expires_at = models.DateTimeField(_("link good until"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)

    class Meta:
        verbose_name = _("double opt-in")
        verbose_name_plural = _("double opt-ins")
        indexes = [models.Index(fields=["address_hash", "mailed_at"], name="opt_in_address")]
        constraints = [
            models.UniqueConstraint(
                fields=["address_hash", "purpose"],
                condition=Q(state="pending"),
                name="opt_in_one_pending",
            ),
            models.CheckConstraint(
                condition=Q(state="confirmed", confirmed_at__isnull=False)
                | (~Q(state="confirmed") & Q(confirmed_at=None)),
                name="opt_in_confirmed_at_some_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.purpose}: {self.state}"
