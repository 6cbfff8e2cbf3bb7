"""Segments, memberships and lifecycle stages in the admin."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.segments.models import (
    CustomerStage,
    Membership,
    MembershipChange,
    Segment,
    SegmentState,
    StageTransition,
)


@admin.register(Segment)
class SegmentAdmin(EngineAdmin):
    """Audiences by rule."""

    list_display = ["name", "key", "size", "state_shown", "as_of", "refresh_seconds", "version"]
    list_filter = ["state"]
    search_fields = ["name", "key"]
    prepopulated_fields = {"key": ["name"]}
    readonly_fields = ["version", "size", "as_of", "refreshed_at", "refresh_seconds", "error"]
    ordering = ["name"]

    @labelled(
        description=_("state"),
        colours={SegmentState.LIVE: "success", SegmentState.ARCHIVED: "info"},
    )
    def state_shown(self, segment: Segment) -> tuple[str, str]:
        """The state as a coloured label."""
        return segment.state, str(segment.get_state_display())


@admin.register(Membership)
class MembershipAdmin(RecordAdmin):
    """Who is in which segment now."""

    list_display = ["customer", "segment", "joined_at"]
    list_filter = ["segment"]
    list_select_related = ["customer", "segment"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]


@admin.register(MembershipChange)
class MembershipChangeAdmin(RecordAdmin):
    """Who came and who went."""

    list_display = ["customer", "kind", "segment", "at", "cause"]
    list_filter = ["kind", "segment"]
    list_select_related = ["customer", "segment"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]


@admin.register(CustomerStage)
class CustomerStageAdmin(RecordAdmin):
    """Where each customer stands."""

    list_display = ["customer", "stage", "since"]
    list_filter = ["stage"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id"]
    ordering = ["-customer_id"]


@admin.register(StageTransition)
class StageTransitionAdmin(RecordAdmin):
    """How customers moved from stage to stage."""

    list_display = ["customer", "from_stage", "to_stage", "at"]
    list_filter = ["to_stage"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id"]
    ordering = ["-id"]
