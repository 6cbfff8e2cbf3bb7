"""The consent ledger and the wordings of consent in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.customers.consent_texts import language_shown, wording_digest
from lifecycle_engine.customers.models import Consent, ConsentPurpose, ConsentText, purpose_words
from lifecycle_engine.sdk.channels import channels


class PurposeFilter(admin.SimpleListFilter):
    """Entries of one purpose; of all partners together where it is sharing."""

    title = _("purpose")
    parameter_name = "purpose"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - the base names it
        model_admin: Any,  # noqa: ARG002 - the base names it
    ) -> list[tuple[str, Any]]:
        """The purposes."""
        return list(ConsentPurpose.choices)

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - the base names it
        queryset: QuerySet[Any],
    ) -> QuerySet[Any]:
        """The rows of the chosen one."""
        value = self.value()
        return queryset.filter(purpose__startswith=value) if value else queryset


@admin.register(Consent)
class ConsentAdmin(RecordAdmin):
    """The consent ledger."""

    list_display = [
        *("customer", "purpose_shown", "channel", "state_shown", "source", "text_version"),
        *("recorded_at", "expires_at"),
    ]
    list_filter = [PurposeFilter, "granted"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]
    readonly_fields = ["purpose_shown", "state_words", "wording_text"]
    fields = [
        ("customer", "purpose_shown", "channel"),
        ("state_words", "recorded_at", "expires_at"),
        ("source", "written_at"),
        ("ip_address", "user_agent"),
        ("text_version", "wording", "wording_text"),
    ]

    @admin.display(description=_("purpose"), ordering="purpose")
    def purpose_shown(self, consent: Consent) -> str:
        """The purpose in words."""
        return purpose_words(consent.purpose)

    @labelled(
        description=_("said"),
        colours={"granted": "success", "expired": "warning", "refused": "danger"},
    )
    def state_shown(self, consent: Consent) -> tuple[str, str]:
        """What the entry says, and whether it still does."""
        return _state(consent)

    @admin.display(description=_("said"))
    def state_words(self, consent: Consent) -> str:
        """The same on the entry's own page."""
        return _state(consent)[1]

    @admin.display(description=_("what was agreed to"))
    def wording_text(self, consent: Consent) -> str:
        """The wording, whole."""
        return consent.wording.text if consent.wording else "–"


def _state(consent: Consent) -> tuple[str, str]:
    if not consent.granted:
        return "refused", gettext("refused")
    if not consent.stands(at=timezone.now()):
        return "expired", gettext("expired")
    return "granted", gettext("granted")


class ConsentTextForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new wording."""

    class Meta:
        model = ConsentText
        fields = ["purpose", "channel", "version", "language", "text"]

    def clean_channel(self) -> str:
        """A channel that there is, or none."""
        channel: str = self.cleaned_data["channel"]
        if channel and channel not in channels:
            known = ", ".join(channels.keys())
            raise ValidationError(
                gettext("There is no channel %(channel)r; there is: %(known)s.")
                % {"channel": channel, "known": known}
            )
        return channel

    def clean_language(self) -> str:
        """The language as it is kept."""
        return language_shown(self.cleaned_data["language"])

    def _post_clean(self) -> None:
        # The digest belongs to the constraints that the model checks.
        said = self.cleaned_data
        self.instance.digest = wording_digest(
            *(said.get(name, "") for name in ("purpose", "channel", "version", "language", "text"))
        )
        super()._post_clean()  # type: ignore[misc]


@admin.register(ConsentText)
class ConsentTextAdmin(EngineAdmin):
    """The wordings that customers agree to. Another wording is another version."""

    form = ConsentTextForm
    list_display = ["purpose", "channel", "version", "language", "beginning", "created_at"]
    search_fields = ["=version"]
    readonly_fields = ["digest", "created_at"]
    ordering = ["-id"]

    @admin.display(description=_("text"))
    def beginning(self, text: ConsentText) -> str:
        """The first words."""
        return text.text if len(text.text) <= 80 else f"{text.text[:79]}…"

    def get_fields(
        self,
        request: HttpRequest,  # noqa: ARG002 - the base names it
        obj: ConsentText | None = None,
    ) -> Any:
        """What identifies the wording, the wording, and once there is one, its digest."""
        chosen = [("purpose", "channel"), ("version", "language"), "text"]
        return [*chosen, *([("digest", "created_at")] if obj else [])]

    def has_change_permission(self, request: HttpRequest, obj: ConsentText | None = None) -> bool:
        """A wording is never changed; whoever agreed to it agreed to these words."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ConsentText | None = None) -> bool:
        """Only a wording that nobody has agreed to."""
        used = obj is not None and obj.entries.exists()
        return not used and super().has_delete_permission(request, obj)
