"""Campaigns, their versions, occurrences, enrolments and decisions in the admin."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from campaigns.models import (
    Campaign,
    CampaignState,
    CampaignVersion,
    Decision,
    Enrolment,
    Occurrence,
    Outcome,
)
from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled


@admin.register(Campaign)
class CampaignAdmin(EngineAdmin):
    """What staff configure."""

    list_display = ["name", "key", "state_shown", "segment", "pause_reason"]
    list_filter = ["state"]
    list_select_related = ["segment"]
    search_fields = ["name", "key"]
    prepopulated_fields = {"key": ["name"]}
    readonly_fields = ["pause_reason"]
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
