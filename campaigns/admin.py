"""Campaigns, their versions, occurrences, enrolments and decisions in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from campaigns.errors import CampaignDocumentError, CampaignError
from campaigns.journeys import documents_check
from campaigns.models import (
    Campaign,
    CampaignState,
    CampaignVersion,
    Decision,
    Enrolment,
    Occurrence,
    Outcome,
)
from campaigns.services import campaign_pause, campaign_publish, campaign_resume, campaign_save
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled

_DOCUMENTS = ("trigger", "journey", "policy")


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg]
    """A campaign's draft, checked as a whole before anything is saved."""

    class Meta:
        model = Campaign
        fields = ["name", "key", "segment", *_DOCUMENTS]

    def clean(self) -> dict[str, Any]:
        """Put every mistake at the document that it is in, with its path."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if all(name in cleaned for name in _DOCUMENTS):
            try:
                documents_check(**{name: cleaned[name] for name in _DOCUMENTS})
            except CampaignDocumentError as error:
                for problem in error.problems:
                    document = problem.path.partition(".")[0]
                    self.add_error(document if document in _DOCUMENTS else None, str(problem))
        return cleaned


@admin.register(Campaign)
class CampaignAdmin(EngineAdmin):
    """What staff configure: saving changes the draft, publishing makes it fire."""

    form = CampaignForm
    actions_submit_line = ["publish", "pause", "resume"]
    list_display = ["name", "key", "state_shown", "segment", "pause_reason"]
    list_filter = ["state"]
    list_select_related = ["segment"]
    search_fields = ["name", "key"]
    readonly_fields = ["state", "pause_reason"]
    fieldsets = [
        (None, {"fields": [("name", "key"), "segment", ("state", "pause_reason")]}),
        (_("Documents"), {"fields": list(_DOCUMENTS)}),
    ]
    ordering = ["name"]

    @labelled(
        description=_("state"),
        colours={
            CampaignState.DRAFT: "info",
            CampaignState.LIVE: "success",
            CampaignState.PAUSED: "warning",
            CampaignState.FINISHED: "default",
        },
    )
    def state_shown(self, campaign: Campaign) -> tuple[str, str]:
        """The state as a coloured label."""
        return campaign.state, str(campaign.get_state_display())

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> list[str]:
        """A key stands in messages and events: it stays."""
        return [*self.readonly_fields, *(["key"] if obj else [])]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Campaign | None = None
    ) -> dict[str, list[str]]:
        """A new campaign's key comes from its name."""
        return {} if obj else {"key": ["name"]}

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        """Save the draft through the service, then do what the pressed button says."""
        saved = campaign_save(
            key=obj.key,
            name=obj.name,
            segment_id=obj.segment_id,
            **{name: getattr(obj, name) for name in _DOCUMENTS},
        )
        obj.__dict__.update(saved.__dict__)
        # The theme does this in its own save_model, which would write the model past the service.
        for button in self.get_actions_submit_line(request, obj.pk):
            if button.action_name in request.POST:
                button.method(request, obj)

    @action(description=_("Save and publish"), permissions=["change"])  # type: ignore[untyped-decorator]
    def publish(self, request: HttpRequest, obj: Campaign) -> None:
        """Make the saved draft the version that fires."""
        try:
            version = campaign_publish(campaign_id=obj.pk, at=business_now())
        except CampaignError as error:
            messages.error(request, str(error))
            return
        messages.success(
            request, gettext("Version %(number)d is live.") % {"number": version.number}
        )

    @action(description=_("Save and pause"), permissions=["change"])  # type: ignore[untyped-decorator]
    def pause(self, request: HttpRequest, obj: Campaign) -> None:
        """Stop firing; customers stay where they are."""
        reason = gettext("Paused by %(name)s") % {"name": request.user.get_username()}
        campaign_pause(campaign_id=obj.pk, reason=reason)

    @action(description=_("Save and resume"), permissions=["change"])  # type: ignore[untyped-decorator]
    def resume(self, request: HttpRequest, obj: Campaign) -> None:
        """Go on after a pause."""
        try:
            campaign_resume(campaign_id=obj.pk)
        except CampaignError as error:
            messages.error(request, str(error))

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """A campaign that decided anything stays; a draft may go."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or obj.state == CampaignState.DRAFT)


@admin.register(CampaignVersion)
class CampaignVersionAdmin(RecordAdmin):
    """Campaigns as they were published."""

    list_display = ["campaign", "number", "segment", "published_at"]
    list_display_links = ["campaign", "number"]
    list_select_related = ["campaign", "segment"]
    ordering = ["-id"]


@admin.register(Occurrence)
class OccurrenceAdmin(RecordAdmin):
    """Each firing of a campaign."""

    list_display = ["campaign", "version", "fire_at", "state", "audience"]
    list_filter = ["state", "campaign"]
    list_select_related = ["campaign", "version"]
    ordering = ["-id"]


@admin.register(Enrolment)
class EnrolmentAdmin(RecordAdmin):
    """Customers on their way through a campaign."""

    list_display = ["customer", "occurrence", "arm", "state", "step", "due_at"]
    list_filter = ["state", "arm"]
    list_select_related = ["customer", "occurrence"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]


@admin.register(Decision)
class DecisionAdmin(RecordAdmin):
    """The decision ledger."""

    list_display = [
        "customer",
        "step",
        "action",
        "outcome_shown",
        "gate",
        "probability",
        "arm",
        "decided_at",
    ]
    list_filter = ["outcome", "arm"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]

    @labelled(
        description=_("outcome"),
        colours={
            Outcome.ACTED: "success",
            Outcome.HELD_OUT: "info",
            Outcome.FAILED: "danger",
        },
    )
    def outcome_shown(self, decision: Decision) -> tuple[str, str]:
        """The outcome as a coloured label."""
        return decision.outcome, str(decision.get_outcome_display())
