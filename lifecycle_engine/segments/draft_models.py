"""Segments that somebody is working on, and what each segment has been."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class SegmentDraft(models.Model):
    """A rule as a member of staff is building it; nothing of it counts until it is published.

    Most are segments. One with a purpose is for the page that asked for it, and goes back there.

    Attributes:
        segment: what it changes; none for a new one.
        purpose: what the rule is for; empty for a segment.
        kept: what was filled in on the page that asked for the rule, by the names of its fields.
        base_version: the segment's version when the draft was begun.
        position: the number of the step that is shown; later ones can be done again.
        revision: rises with every change, undoing included, so that a page that shows an older
            one is found out.
    """

    segment = models.ForeignKey(
        "segments.Segment",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="drafts",
        verbose_name=_("segment"),
    )
    owner = models.CharField(_("by"), max_length=150)
    purpose = models.CharField(_("for"), max_length=20, blank=True)
    kept = models.JSONField(_("filled in"), default=dict, blank=True)
    base_version = models.PositiveIntegerField(_("begun at version"), default=0)
    position = models.PositiveIntegerField(_("step"), default=0)
    revision = models.PositiveIntegerField(_("revision"), default=0)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    changed_at = models.DateTimeField(_("changed"), db_default=Now())

    class Meta:
        verbose_name = _("segment draft")
        verbose_name_plural = _("segment drafts")
        constraints = [
            models.UniqueConstraint(fields=["segment", "owner"], name="segment_draft_unique"),
            models.CheckConstraint(
                condition=Q(purpose="") | Q(segment__isnull=True), name="segment_draft_one_purpose"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.segment or self.purpose or '+'} ({self.owner})"


class SegmentDraftStep(models.Model):
    """What a draft was after one change.

    Attributes:
        content: ``{"name", "key", "description", "rule"}``; the rule may be unfinished or wrong.
        edited: the field that was changed; further changes of the same one belong to the step.
    """

    draft = models.ForeignKey(
        SegmentDraft, models.CASCADE, related_name="steps", verbose_name=_("segment draft")
    )
    number = models.PositiveIntegerField(_("step"))
    content = models.JSONField(_("content"))
    edited = models.CharField(_("changed field"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("step of a segment draft")
        verbose_name_plural = _("steps of segment drafts")
        constraints = [
            models.UniqueConstraint(fields=["draft", "number"], name="segment_draft_step_unique")
        ]

    def __str__(self) -> str:
        return f"{self.draft_id}: {self.number}"


class SegmentVersion(models.Model):
    """What a segment was from a moment on.

    Attributes:
        number: the version of the rule; a new name or an archiving leaves it as it is.
        size: how many it held when this was saved, by the preview; unknown for programs' saves.
    """

    segment = models.ForeignKey(
        "segments.Segment", models.CASCADE, related_name="versions", verbose_name=_("segment")
    )
    number = models.PositiveIntegerField(_("version"))
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    rule = models.JSONField(_("rule"))
    state = models.CharField(_("state"), max_length=12)
    size = models.PositiveIntegerField(_("size"), null=True)
    by = models.CharField(_("by"), max_length=150, blank=True)
    at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        verbose_name = _("segment version")
        verbose_name_plural = _("segment versions")
        indexes = [models.Index(fields=["segment", "-id"], name="segment_version_newest")]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.number}"
