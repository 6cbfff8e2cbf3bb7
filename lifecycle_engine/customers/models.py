"""Customers, the identifiers they are known by, and what they consented to."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Customer(models.Model):
    """A person or household. Events point here by ``customer_id``."""

    external_id = models.CharField(
        _("customer number"),
        max_length=200,
        unique=True,
        null=True,
        blank=True,
        help_text=_("What your shop calls this customer (the SDKs' userId)."),
    )
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("telephone"), max_length=32, blank=True)
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    language = models.CharField(_("language"), max_length=12, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    created_at = models.DateTimeField(_("first seen"), db_default=Now())
    updated_at = models.DateTimeField(_("updated"), db_default=Now())

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [
            models.Index(fields=["email"], name="customer_email", condition=~Q(email="")),
            models.Index(fields=["phone"], name="customer_phone", condition=~Q(phone="")),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.external_id or str(self.pk)


class IdentifierKind(models.TextChoices):
    """The kinds of name a customer may be known by."""

    USER_ID = "user_id", _("Customer number")
    ANONYMOUS_ID = "anonymous_id", _("Anonymous id")


class Identifier(models.Model):
    """One name of a customer, unique in its kind."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="identifiers", verbose_name=_("customer")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=IdentifierKind.choices)
    value = models.CharField(_("value"), max_length=200)
    created_at = models.DateTimeField(_("first seen"), db_default=Now())

    class Meta:
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")
        constraints = [
            models.UniqueConstraint(fields=["kind", "value"], name="identifier_kind_value_unique")
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class ConsentPurpose(models.TextChoices):
    """What the customer's data may be used for."""

    MARKETING = "marketing", _("Marketing")
    PROFILING = "profiling", _("Profiling")


class Consent(models.Model):
    """One entry of the consent ledger. Entries are added, never changed; the newest counts."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="consents", verbose_name=_("customer")
    )
    channel = models.CharField(
        _("channel"),
        max_length=20,
        blank=True,
        help_text=_("Empty for a purpose that has no channel."),
    )
    purpose = models.CharField(_("purpose"), max_length=20, choices=ConsentPurpose.choices)
    granted = models.BooleanField(_("granted"))
    source = models.CharField(_("source"), max_length=100)
    text_version = models.CharField(_("text version"), max_length=40, blank=True)
    recorded_at = models.DateTimeField(_("recorded"), db_default=Now())

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "channel", "purpose", "recorded_at"],
                name="consent_entry_unique",
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.purpose}: {self.granted}".strip()
