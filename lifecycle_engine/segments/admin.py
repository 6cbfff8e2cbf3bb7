"""Segments, memberships and lifecycle stages in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.core.modeladmin import EngineAdmin, RecordAdmin, labelled
from lifecycle_engine.segments import draft_admin  # noqa: F401 - registers its pages
from lifecycle_engine.segments.models import (
    CustomerStage,
    Membership,
    MembershipChange,
    Segment,
    SegmentSize,
    SegmentState,
    StageTransition,
    TouchedCustomer,
    Upkeep,
)
from lifecycle_engine.segments.rules import RuleError, rule_parse
from lifecycle_engine.segments.services import rule_references_check, segment_save
from lifecycle_engine.segments.stage_models import StageThresholds


class SegmentForm(forms.ModelForm):  # type: ignore[type-arg]
    """A segment whose rule is read by the rule language before anything is saved."""

    class Meta:
        model = Segment
        fields = ["name", "key", "description", "rule", "state"]

    def clean(self) -> dict[str, Any]:
        """Put what is wrong with the rule at its field, with the place inside the rule."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "rule" in cleaned:
            key = cleaned.get("key") or self.instance.key
            try:
                rule_references_check(rule_parse(cleaned["rule"]), key=key)
            except RuleError as error:
                self.add_error("rule", str(error))
        return cleaned


@admin.register(Segment)
class SegmentAdmin(EngineAdmin):
    """Audiences by rule."""

    form = SegmentForm
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
    readonly_fields = ["version", "size", "as_of", "refreshed_at", "refresh_seconds", "error"]
    fieldsets = [
        (None, {"fields": [("name", "key"), "description", "rule", "state"]}),
        (
            _("Membership"),
            {
                "fields": [
                    ("size", "as_of"),
                    ("refreshed_at", "refresh_seconds"),
                    "version",
                    "error",
                ]
            },
        ),
    ]
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

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        """A key is what rules and programs know the segment by: it stays."""
        return [*self.readonly_fields, *(["key"] if obj else [])]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Segment | None = None
    ) -> dict[str, list[str]]:
        """A new segment's key comes from its name."""
        return {} if obj else {"key": ["name"]}

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        """A segment is archived: rules and campaigns may point at it."""
        return False

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        """Save through the service, which also has the membership computed."""
        saved = segment_save(
            key=obj.key,
            name=obj.name,
            rule=obj.rule,
            description=obj.description,
            state=obj.state,
            by=request.user.get_username(),
        )
        obj.__dict__.update(saved.__dict__)


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
