"""API keys and the record of background work."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

#: Requests a minute.
RATE_LIMIT_DEFAULT = 6_000
RATE_LIMIT_HIGHEST = 600_000
#: How a partner is named, here and in the consent to share with it.
PARTNER_PATTERN = r"[a-z0-9][a-z0-9._-]{0,59}"


class Scope(models.TextChoices):
    """What an API key may do."""

    CUSTOMERS_READ = "customers:read", _("Read customers")
    CUSTOMERS_WRITE = "customers:write", _("Write customers")
    CUSTOMERS_EXPORT = "customers:export", _("Export all that is kept of a customer")
    CUSTOMERS_ERASE = "customers:erase", _("Erase customers")
    CONSENTS_WRITE = "consents:write", _("Write consents")
    EVENTS_WRITE = "events:write", _("Send events")
    PRODUCTS_WRITE = "products:write", _("Write products")
    SEGMENTS_READ = "segments:read", _("Read segments")
    SEGMENTS_WRITE = "segments:write", _("Write segments and their lists")
    SEGMENTS_PREVIEW = "segments:preview", _("Preview rules")
    TARGETS_READ = "targets:read", _("Read targets of scorers")
    TARGETS_WRITE = "targets:write", _("Make and archive targets of scorers")
    COUPONS_REDEEM = "coupons:redeem", _("Redeem coupons")


class ApiKeyState(models.TextChoices):
    """Whether a key is good, at some time."""

    ACTIVE = "active", _("Active")
    ROTATING = "rotating", _("Two secrets")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")


class ApiKey(models.Model):
    """A partner's key. Only a digest is kept: the key itself is shown once.

    How much of its rate limit a key has used stands in ``core_apikeybucket``, a table without a
    model: it is unlogged, written with every request and worth nothing a minute later.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    digest = models.CharField(_("digest"), max_length=64, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=40, choices=Scope.choices), verbose_name=_("scopes")
    )
    rate_limit = models.PositiveIntegerField(
        _("requests a minute"),
        null=True,
        blank=True,
        default=RATE_LIMIT_DEFAULT,
        validators=[MinValueValidator(1), MaxValueValidator(RATE_LIMIT_HIGHEST)],
        help_text=_("The same number may come at once. Leave it empty for no limit."),
    )
    allowed_networks = ArrayField(
        models.CharField(max_length=43), verbose_name=_("allowed addresses"), default=list
    )
    partner = models.CharField(
        _("partner"),
        max_length=60,
        blank=True,
        help_text=_(
            "Whose system it is, when it isn't the shop's own: the key then shows only customers"
            " who have consented to sharing with this partner (sharing:partner)."
        ),
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    rotated_at = models.DateTimeField(_("rotated"), null=True, blank=True, editable=False)
    previous_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    previous_until = models.DateTimeField(
        _("previous secret good until"), null=True, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(
                condition=Q(rate_limit__isnull=True)
                | Q(rate_limit__gte=1, rate_limit__lte=RATE_LIMIT_HIGHEST),
                name="api_key_rate_limit_in_range",
            ),
            models.CheckConstraint(
                condition=Q(partner="") | Q(partner__regex=f"^{PARTNER_PATTERN}$"),
                name="api_key_partner",
            ),
            models.CheckConstraint(
                condition=Q(previous_digest="", previous_until__isnull=True)
                | (~Q(previous_digest="") & Q(previous_until__isnull=False)),
                name="api_key_previous_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def state(self, *, at: datetime) -> ApiKeyState:
        """Whether the key is good at that time."""
        if self.revoked_at is not None:
            return ApiKeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= at:
            return ApiKeyState.EXPIRED
        if self.previous_until is not None and at < self.previous_until:
            return ApiKeyState.ROTATING
        return ApiKeyState.ACTIVE


class JobState(models.TextChoices):
    """How far a piece of background work is."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")


class JobRun(models.Model):
    """One run of something in the background: its state, progress, duration and error."""

    name = models.CharField(_("name"), max_length=80)
    subject = models.CharField(_("subject"), max_length=120, blank=True)
    state = models.CharField(
        _("state"), max_length=12, choices=JobState.choices, default=JobState.RUNNING
    )
    started_at = models.DateTimeField(_("started"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), db_default=Now())
    done = models.BigIntegerField(_("done"), default=0)
    total = models.BigIntegerField(_("total"), null=True, blank=True)
    unit = models.CharField(_("unit"), max_length=30, blank=True)
    result = models.JSONField(_("result"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        indexes = [models.Index(fields=["name", "subject", "-started_at"], name="job_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(total__isnull=True) | Q(done__lte=models.F("total")),
                name="job_done_within_total",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}".strip()
