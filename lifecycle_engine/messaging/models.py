"""Message templates, the outbox, and addresses that must not be written to."""

import uuid_utils.compat as uuid
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.customers.models import Customer
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
    """An address that must not be written to, kept as a keyed hash only."""

    channel = models.CharField(_("channel"), max_length=20)
    address_hash = models.CharField(_("address (keyed hash)"), max_length=64)
    reason = models.CharField(_("reason"), max_length=100)
    created_at = models.DateTimeField(_("since"), db_default=Now())

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(fields=["channel", "address_hash"], name="suppression_unique")
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.address_hash[:8]}"
