"""Customers, the identifiers they are known by, and what they consented to."""

from collections.abc import Collection
from typing import Any

from django.core.validators import EmailValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.encryption import HASH_LENGTH
from lifecycle_engine.core.fields import EncryptedField
from lifecycle_engine.customers.contacts import email_hash, phone_hash


class Customer(models.Model):
    """A person or household, or a part of its history that was merged into another's.

    Events point here by ``customer_id`` and keep the profile that they came with: who reads them
    puts ``merged_into`` in its place. It always names a profile that is not merged itself.

    E-mail address and telephone number are encrypted, and looked up by their keyed hashes.
    """

    external_id = models.CharField(
        _("customer number"),
        max_length=200,
        unique=True,
        null=True,
        blank=True,
        help_text=_("What your shop calls this customer (the SDKs' userId)."),
    )
    email = EncryptedField(_("e-mail"), max_length=254, blank=True, validators=[EmailValidator()])
    email_hash = models.CharField(max_length=HASH_LENGTH, blank=True, editable=False)
    phone = EncryptedField(_("telephone"), max_length=32, blank=True)
    phone_hash = models.CharField(max_length=HASH_LENGTH, blank=True, editable=False)
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    language = models.CharField(_("language"), max_length=12, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    created_at = models.DateTimeField(_("first seen"), db_default=Now())
    updated_at = models.DateTimeField(_("updated"), db_default=Now())
    merged_into = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="profiles",
        verbose_name=_("merged into"),
        db_index=False,
    )
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [
            models.Index(fields=["email_hash"], name="customer_email", condition=~Q(email_hash="")),
            models.Index(fields=["phone_hash"], name="customer_phone", condition=~Q(phone_hash="")),
            models.Index(
                fields=["merged_into"], name="customer_merged", condition=~Q(merged_into=None)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(merged_into=None) | ~Q(merged_into=F("id")),
                name="customer_not_merged_into_itself",
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None)
                | Q(external_id=None, email_hash="", phone_hash="")
                & Q(first_name="", last_name="", attributes={}),
                name="customer_erased_is_empty",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.external_id or str(self.pk)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the hashes that belong to the address and the number."""
        self.email_hash = email_hash(self.email)
        self.phone_hash = phone_hash(self.phone)
        fields: Collection[str] | None = kwargs.get("update_fields")
        if fields is not None:
            kwargs["update_fields"] = {*fields, "email_hash", "phone_hash"}
        super().save(*args, **kwargs)


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
