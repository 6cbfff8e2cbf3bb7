"""Customers, the identifiers they are known by, and what they consented to."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.core.validators import EmailValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.encryption import HASH_LENGTH
from lifecycle_engine.core.fields import EncryptedField
from lifecycle_engine.core.models import PARTNER_PATTERN
from lifecycle_engine.customers import privacy_models  # noqa: F401 - models of this app too
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
        permissions = [
            ("export_customer", "Can export all that is kept of a customer"),
            ("erase_customer", "Can erase a customer"),
        ]
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
        name = f"{self.first_name} {self.last_name}".strip() or self.external_id
        return name or gettext("Visitor %(number)s") % {"number": self.pk}

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


class MergeCause(models.TextChoices):
    """What made two profiles one customer."""

    SIGNED_IN = "signed_in", _("An anonymous visitor gave a customer number")
    STAFF = "staff", _("Staff")


class Merge(models.Model):
    """One customer became part of another. Entries are added, and ended by an undoing.

    Nothing else changes: each profile keeps its traits, identifiers and events, and who reads them
    puts them together. The live entries make a forest; ``Customer.merged_into`` names the root of
    each tree.
    """

    profile = models.ForeignKey(
        Customer, models.CASCADE, related_name="merges", verbose_name=_("profile")
    )
    into = models.ForeignKey(
        Customer, models.CASCADE, related_name="merges_in", verbose_name=_("into")
    )
    cause = models.CharField(_("cause"), max_length=12, choices=MergeCause.choices)
    actor = models.CharField(_("by"), max_length=150, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    merged_at = models.DateTimeField(_("merged"), db_default=Now())
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    undone_by = models.CharField(_("undone by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        constraints = [
            models.UniqueConstraint(
                fields=["profile"], condition=Q(undone_at=None), name="merge_live_once"
            ),
            models.CheckConstraint(condition=~Q(profile=F("into")), name="merge_of_two"),
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} → {self.into_id}"


class SuggestionCause(models.TextChoices):
    """What speaks for two customers being one person."""

    ANONYMOUS_ID = "anonymous_id", _("They share an anonymous id")
    ALIAS = "alias", _("An alias joined their numbers")
    EMAIL = "email", _("They have the same e-mail address")
    PHONE = "phone", _("They have the same telephone number")


class MergeSuggestion(models.Model):
    """Two known customers who may be one: only staff merge those. ``first`` has the lower id."""

    first = models.ForeignKey(
        Customer, models.CASCADE, related_name="+", verbose_name=_("first customer")
    )
    second = models.ForeignKey(
        Customer, models.CASCADE, related_name="+", verbose_name=_("second customer")
    )
    cause = models.CharField(_("cause"), max_length=12, choices=SuggestionCause.choices)
    created_at = models.DateTimeField(_("first seen"), db_default=Now())
    seen_at = models.DateTimeField(_("last seen"), db_default=Now())
    dismissed_by = models.CharField(_("dismissed by"), max_length=150, blank=True)
    dismissed_at = models.DateTimeField(_("dismissed"), null=True, blank=True)

    class Meta:
        verbose_name = _("possible duplicate")
        verbose_name_plural = _("possible duplicates")
        constraints = [
            models.UniqueConstraint(
                fields=["first", "second", "cause"], name="merge_suggested_once"
            ),
            models.CheckConstraint(
                condition=Q(first__lt=F("second")), name="merge_suggestion_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} = {self.second_id}?"


class ConsentPurpose(models.TextChoices):
    """What the customer's data may be used for."""

    MARKETING = "marketing", _("Marketing")
    PROFILING = "profiling", _("Profiling")
    SHARING = "sharing", _("Sharing with others")


#: What may stand as a purpose: one of the above, or sharing with one partner, ``sharing:acme``.
PURPOSE_PATTERN = rf"^(marketing|profiling|sharing(:{PARTNER_PATTERN})?)$"


def purpose_words(purpose: str) -> str:
    """A purpose in words, such as "Sharing with others: acme"."""
    kind, _colon, partner = purpose.partition(":")
    known = kind in ConsentPurpose.values
    label = str(ConsentPurpose(kind).label) if known else kind
    return f"{label}: {partner}" if partner else label


class ConsentText(models.Model):
    """A wording that customers agree to, in one language.

    Entries of the ledger point here by the digest of the wording. The database checks the digest
    against the text and keeps what an entry points to: a wording that somebody has agreed to can
    be neither changed nor deleted, by whatever way.
    """

    purpose = models.CharField(
        _("purpose"), max_length=70, help_text=_("marketing, profiling, sharing or sharing:partner")
    )
    channel = models.CharField(
        _("channel"), max_length=20, blank=True, help_text=_("Empty: for every channel.")
    )
    version = models.CharField(_("version"), max_length=40)
    language = models.CharField(_("language"), max_length=12, help_text=_("Such as en or zh-hans."))
    text = models.TextField(_("text"), max_length=10_000)
    digest = models.CharField(_("digest"), max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("consent text")
        verbose_name_plural = _("consent texts")
        constraints = [
            models.UniqueConstraint(
                fields=["purpose", "channel", "version", "language"], name="consent_text_unique"
            ),
            models.CheckConstraint(
                condition=Q(purpose__regex=PURPOSE_PATTERN), name="consent_text_purpose"
            ),
            models.CheckConstraint(
                condition=Q(
                    digest=models.Func(
                        *("purpose", "channel", "version", "language", "text"),
                        # Sorted, as a migration writes them: else each makes another one.
                        arg_joiner=" || chr(31) || ",
                        template="encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')",
                        output_field=models.CharField(),
                    )
                ),
                name="consent_text_digest",
            ),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.purpose, self.channel, self.version, self.language)))


class Consent(models.Model):
    """One entry of the consent ledger. Entries are added, never changed; the newest counts.

    The database refuses every change of an entry (``sql/consent_ledger_protect.sql``). Those of
    merged profiles keep the profile that they came with, and count for the customer.
    """

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="consents", verbose_name=_("customer")
    )
    channel = models.CharField(
        _("channel"),
        max_length=20,
        blank=True,
        help_text=_("Empty for a purpose that has no channel."),
    )
    purpose = models.CharField(_("purpose"), max_length=70)
    granted = models.BooleanField(_("granted"))
    source = models.CharField(_("source"), max_length=200)
    text_version = models.CharField(_("text version"), max_length=40, blank=True)
    wording = models.ForeignKey(
        ConsentText,
        models.PROTECT,
        to_field="digest",
        null=True,
        blank=True,
        related_name="entries",
        verbose_name=_("wording"),
    )
    ip_address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=400, blank=True)
    recorded_at = models.DateTimeField(_("recorded"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    written_at = models.DateTimeField(_("written"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                # A yes and a no of the same moment are two entries, of which the no counts.
                fields=["customer", "channel", "purpose", "recorded_at", "granted"],
                name="consent_entry_unique",
            ),
            models.CheckConstraint(
                condition=Q(purpose__regex=PURPOSE_PATTERN), name="consent_purpose"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True)
                | Q(granted=True, expires_at__gt=models.F("recorded_at")),
                name="consent_expiry_of_a_grant",
            ),
        ]

    def __str__(self) -> str:
        said = _("granted") if self.granted else _("refused")
        return f"{purpose_words(self.purpose)} {self.channel}".rstrip() + f": {said}"

    def get_purpose_display(self) -> str:
        """The purpose in words."""
        return purpose_words(self.purpose)

    def stands(self, *, at: datetime) -> bool:
        """Whether the entry, if it is the newest, grants at that time."""
        return self.granted and (self.expires_at is None or self.expires_at > at)


class AttributeKind(models.TextChoices):
    """What kind of value an attribute has."""

    TEXT = "text", _("Text")
    NUMBER = "number", _("Number")
    BOOLEAN = "boolean", _("Yes or no")
    MOMENT = "moment", _("Date or time")
    LIST = "list", _("List")
    OBJECT = "object", _("Object")


class Attribute(models.Model):
    """A name that customers' attributes have, and what kind of value it stands for.

    Values are kept with the customers, as they were sent. Of one that doesn't fit only its place in
    the log is noted: it is shown from there, and erased there.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=AttributeKind.choices)
    fixed = models.BooleanField(
        _("fixed"), default=False, help_text=_("Set by staff: traffic does not change it.")
    )
    description = models.CharField(_("description"), max_length=300, blank=True)
    seen = models.BigIntegerField(_("values"), default=0)
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))
    conflicts = models.BigIntegerField(_("conflicts"), default=0)
    conflict_kind = models.CharField(
        _("conflicting kind"), max_length=10, choices=AttributeKind.choices, blank=True
    )
    conflict_source = models.CharField(_("source of the conflict"), max_length=100, blank=True)
    conflict_at = models.DateTimeField(_("last conflict"), null=True, blank=True)
    conflict_event_id = models.UUIDField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")

    def __str__(self) -> str:
        return self.name
