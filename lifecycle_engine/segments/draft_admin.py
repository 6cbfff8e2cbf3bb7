"""Drafts and versions of segments in the admin."""

from django.contrib import admin

from lifecycle_engine.core.modeladmin import RecordAdmin
from lifecycle_engine.segments.draft_models import SegmentDraft, SegmentDraftStep, SegmentVersion


@admin.register(SegmentDraft)
class SegmentDraftAdmin(RecordAdmin):
    """What is being built, and by whom."""

    list_display = [
        "segment",
        "purpose",
        "owner",
        "base_version",
        "position",
        "revision",
        "changed_at",
    ]
    list_select_related = ["segment"]
    list_filter = ["owner", "purpose"]
    ordering = ["-id"]


@admin.register(SegmentDraftStep)
class SegmentDraftStepAdmin(RecordAdmin):
    """The steps that can be undone."""

    list_display = ["draft", "number", "edited"]
    list_select_related = ["draft__segment"]
    ordering = ["-id"]


@admin.register(SegmentVersion)
class SegmentVersionAdmin(RecordAdmin):
    """What each segment was from when on, and who made it so."""

    list_display = ["segment", "number", "name", "state", "size", "by", "at"]
    list_select_related = ["segment"]
    list_filter = ["segment"]
    ordering = ["-id"]
