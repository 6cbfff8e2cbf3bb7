"""Records of who saw personal data and of who was erased. They point at nobody."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Cast, Now
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.encryption import HASH_LENGTH


class ErasureState(models.TextChoices):
    """How far an erasure is."""

    ERASED = "erased", _("Erased here, not yet from the columnar copy")
    REWRITTEN = "rewritten", _("Erased, old files of the copy wait to be deleted")
    DONE = "done", _("Done")


class Erasure(models.Model):
    """An erasure: of it nothing stays but who did it when, and hashes that name nobody."""

    customer_id = models.BigIntegerField(_("customer"))
    profile_ids = ArrayField(models.BigIntegerField(), verbose_name=_("profiles"))
    names = ArrayField(
        models.CharField(max_length=HASH_LENGTH), verbose_name=_("names (keyed hashes)")
    )
    actor = models.CharField(_("by"), max_length=150)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=ErasureState.choices, default=ErasureState.ERASED
    )
    erased_at = models.DateTimeField(_("erased"))
    rewritten_at = models.DateTimeField(_("columnar copy rewritten"), null=True, blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    # What was under way then may still write of the customer, and is over once this is old enough.
    txid = models.BigIntegerField(
        editable=False,
        db_default=Cast(
            Cast(Func(function="pg_current_xact_id"), models.TextField()), models.BigIntegerField()
        ),
    )

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        indexes = [models.Index(fields=["state"], name="erasure_open", condition=~Q(state="done"))]

    def __str__(self) -> str:
        return str(self.customer_id)


class AccessAction(models.TextChoices):
    """What somebody did with personal data."""

    VIEWED = "viewed", _("Viewed")
    SEARCHED = "searched", _("Searched")
    EXPORTED = "exported", _("Exported")
    ERASED = "erased", _("Erased")


class Access(models.Model):
    """Somebody saw or took out personal data: the audit trail. Entries are added, never changed."""

    at = models.DateTimeField(_("time"), db_default=Now())
    actor = models.CharField(_("who"), max_length=150)
    action = models.CharField(_("what"), max_length=10, choices=AccessAction.choices)
    customer_id = models.BigIntegerField(_("customer"), null=True, blank=True)
    ip_address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)

    class Meta:
        verbose_name = _("access to personal data")
        verbose_name_plural = _("accesses to personal data")
        indexes = [models.Index(fields=["customer_id", "at"], name="access_customer")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.customer_id}"
