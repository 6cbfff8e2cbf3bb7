"""Segments, memberships and lifecycle stages in the admin."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.segments import draft_admin  # noqa: F401 - registers its pages
from lifecycle_engine.segments.models import (
    CustomerStage,
    ListedProfile,
    Membership,
    MembershipChange,
    Segment,
    SegmentSize,
    SegmentState,
    StagedProfile,
    StageTransition,
    TouchedCustomer,
    Upkeep,
)
from lifecycle_engine.segments.stage_models import StageThresholds


@admin.register(Segment)
class SegmentAdmin(EngineAdmin):
    """Audiences by rule; one is changed in the builder only."""

    list_display = [
        "name",
        "key",
        "size",
        "upkeep_shown",
        "as_of",
        "refresh_seconds",
        "state_shown",
        "version",
    ]
    list_filter = ["state", "kind"]
    search_fields = ["name", "key"]
    ordering = ["name"]

    @labelled(
        description=_("state"),
        colours={SegmentState.LIVE: "success", SegmentState.ARCHIVED: "info"},
    )
    def state_shown(self, segment: Segment) -> tuple[str, str]:
        """The state as a coloured label."""
        return segment.state, str(segment.get_state_display())

    @labelled(
        description=_("membership"),
        colours={
            Upkeep.CURRENT: "success",
            Upkeep.COMPUTING: "info",
            Upkeep.WAITING: "info",
            Upkeep.FAILED: "danger",
        },
    )
    def upkeep_shown(self, segment: Segment) -> tuple[str, str]:
        """How it stands with the membership, as a coloured label."""
        return segment.upkeep, str(segment.upkeep.label)

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        """A segment is archived: rules and campaigns may point at it."""
        return False


@admin.register(Membership)
class MembershipAdmin(RecordAdmin):
    """Who is in which segment now."""

    list_display = ["customer", "segment", "joined_at"]
    list_filter = ["segment"]
    list_select_related = ["customer", "segment"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]


@admin.register(ListedProfile)
class ListedProfileAdmin(RecordAdmin):
    """Who was put on which list, as the profile that was named."""

    list_display = ["customer", "segment", "listed_at"]
    list_filter = ["segment"]
    list_select_related = ["customer", "segment"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]


@admin.register(StagedProfile)
class StagedProfileAdmin(RecordAdmin):
    """Who is named by a file for a list that is being read."""

    list_display = ["customer", "imported"]
    list_select_related = ["customer", "imported"]
    ordering = ["-id"]


@admin.register(MembershipChange)
class MembershipChangeAdmin(RecordAdmin):
    """Who came and who went."""

    list_display = ["customer", "kind", "segment", "at", "cause"]
    list_filter = ["kind", "segment"]
    list_select_related = ["customer", "segment"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]


@admin.register(SegmentSize)
class SegmentSizeAdmin(RecordAdmin):
    """How large segments were day by day."""

    list_display = ["segment", "day", "size", "joined", "gone"]
    list_filter = ["segment"]
    list_select_related = ["segment"]
    ordering = ["-day", "segment_id"]


@admin.register(CustomerStage)
class CustomerStageAdmin(RecordAdmin):
    """Where each customer stands."""

    list_display = ["customer", "stage", "since"]
    list_filter = ["stage"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id"]
    ordering = ["-customer_id"]


@admin.register(StageThresholds)
class StageThresholdsAdmin(RecordAdmin):
    """What the stages went by, and since when; set on the page of the lifecycle."""

    list_display = ["set_at", "set_by", "learned", *StageThresholds.VALUES]
    ordering = ["-pk"]


@admin.register(StageTransition)
class StageTransitionAdmin(RecordAdmin):
    """How customers moved from stage to stage."""

    list_display = ["customer", "from_stage", "to_stage", "at"]
    list_filter = ["to_stage"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]


@admin.register(TouchedCustomer)
class TouchedCustomerAdmin(RecordAdmin):
    """Customers who wait to be looked at again."""

    list_display = ["customer_id", "segment", "due_at", "asked_at"]
    list_select_related = ["segment"]
    ordering = ["-pk"]
