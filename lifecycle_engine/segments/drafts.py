"""Building a rule step by step: drafts that survive a reload, undoing, and publishing.

A draft is private to the member of staff who began it. Every change is a row with the whole content
after it, so that undoing is a step back. Whoever changes a draft says which revision is on the
screen: a page that is behind is refused, not merged.

Most drafts are segments. A page that wants a rule for something else begins one with a purpose of
its own, and reads the rule once it is there; such a draft is never published.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Subquery
from django.db.models.functions import Now
from django.utils.text import slugify
from django.utils.translation import gettext as _

from lifecycle_engine.segments.draft_models import SegmentDraft, SegmentDraftStep
from lifecycle_engine.segments.drafts_check import Problem, rule_document, rule_problems
from lifecycle_engine.segments.drafts_tree import Node, group_kind
from lifecycle_engine.segments.models import Segment, SegmentState
from lifecycle_engine.segments.services import segment_save
from lifecycle_engine.segments.versions import version_size_set

#: So many steps can be undone; older ones go.
STEPS_MAX = 200

Content = dict[str, Any]


class DraftError(Exception):
    """A draft can't be changed or published like this; the message says why, to people."""


class DraftStaleError(DraftError):
    """The page shows an older state of the draft than there is."""


@dataclass(frozen=True)
class Draft:
    """A draft at one of its steps."""

    row: SegmentDraft
    content: Content
    may_undo: bool
    may_redo: bool

    @property
    def root(self) -> Node:
        """The rule's outermost group."""
        root: Node = self.content["rule"]
        return root

    @property
    def key(self) -> str:
        """The key of the segment; empty for a new one without."""
        return self.row.segment.key if self.row.segment else str(self.content["key"])

    def problems(self) -> list[Problem]:
        """What keeps the rule from being used."""
        return rule_problems(self.root, key=self.key)


def draft_begin(*, owner: str, name: str, key: str = "", description: str = "") -> SegmentDraft:
    """Begin a new segment, whose rule is empty."""
    content = {"name": name, "key": key, "description": description, "rule": {"all": []}}
    return _begin(owner, content)


def draft_for(*, owner: str, purpose: str, kept: Mapping[str, str]) -> SegmentDraft:
    """Begin a rule for a page that asks for one.

    Args:
        owner: who builds it.
        purpose: what the page calls what the rule is for.
        kept: what was filled in on the page.
    """
    content = {"name": "", "key": "", "description": "", "rule": {"all": []}}
    return _begin(owner, content, purpose=purpose, kept=dict(kept))


def draft_of(*, segment: Segment, owner: str) -> SegmentDraft:
    """The owner's draft of a segment; begun from what is live where there is none."""
    found = SegmentDraft.objects.filter(segment=segment, owner=owner).first()
    return found or _begin(owner, segment_content(segment), segment)


def draft_copy(*, segment: Segment, owner: str) -> SegmentDraft:
    """Begin a new segment from another one's rule."""
    name = _("%(name)s (copy)") % {"name": segment.name}
    return _begin(owner, segment_content(segment) | {"name": name[:120], "key": ""})


def segment_content(segment: Segment) -> Content:
    """What a draft of the segment begins with."""
    rule = segment.rule.get("rule") if isinstance(segment.rule, dict) else None
    return {
        "name": segment.name,
        "key": segment.key,
        "description": segment.description,
        "rule": root_of(rule),
    }


def root_of(rule: Any) -> Node:
    """A rule's tree whose outermost node is a group."""
    if not isinstance(rule, dict) or not rule:
        return {"all": []}
    return rule if group_kind(rule) is not None else {"all": [rule]}


def draft_load(*, draft_id: int, owner: str) -> Draft:
    """A draft as it stands.

    Raises:
        SegmentDraft.DoesNotExist: there is none, or it is somebody else's.
    """
    # In one statement: between two it may be published, or its step be undone and written over.
    shown = OuterRef("position")
    steps = SegmentDraftStep.objects.filter(draft=OuterRef("pk"))
    row = (
        SegmentDraft.objects.select_related("segment")
        .annotate(
            content=Subquery(steps.filter(number=shown).values("content")),
            earlier=Exists(steps.filter(number__lt=shown)),
            later=Exists(steps.filter(number__gt=shown)),
        )
        .get(pk=draft_id, owner=owner)
    )
    return Draft(row, row.content, may_undo=row.earlier, may_redo=row.later)


def draft_change(
    *,
    draft_id: int,
    owner: str,
    revision: int,
    change: Callable[[Content], Content],
    edited: str = "",
) -> Draft:
    """Make a step.

    Args:
        draft_id: which draft.
        owner: whose it is.
        revision: the one that the change was made on.
        change: from the content to the new one; may raise what it likes.
        edited: the field that is changed; when the newest step was about the same one, it is
            written over, so that typing a word is one step.

    Raises:
        DraftStaleError: the draft is not at this revision any more; nothing is changed.
    """
    with transaction.atomic():
        row = _locked(draft_id, owner, revision)
        step = row.steps.get(number=row.position)
        content = change(step.content)
        if content != step.content:
            row.steps.filter(number__gt=row.position).delete()
            if edited and edited == step.edited:
                SegmentDraftStep.objects.filter(pk=step.pk).update(content=content)
            else:
                row.position += 1
                SegmentDraftStep.objects.create(
                    draft=row, number=row.position, content=content, edited=edited
                )
                row.steps.filter(number__lte=row.position - STEPS_MAX).delete()
            _moved(row)
    return draft_load(draft_id=draft_id, owner=owner)


def draft_step(*, draft_id: int, owner: str, revision: int, by: int) -> Draft:
    """Undo (``by=-1``) or do again (``by=1``) one step; nothing happens where there is none.

    Raises:
        DraftStaleError: the draft is not at this revision any more.
    """
    with transaction.atomic():
        row = _locked(draft_id, owner, revision)
        if row.steps.filter(number=row.position + by).exists():
            row.position += by
            # What is typed next is a step of its own, also in the field that was typed in last.
            row.steps.filter(number=row.position).update(edited="")
            _moved(row)
    return draft_load(draft_id=draft_id, owner=owner)


def drafts_keep(*, draft_ids: Collection[int], owner: str, kept: Mapping[str, str]) -> None:
    """Note with the owner's drafts what is filled in by now on the page that asked for them."""
    found = SegmentDraft.objects.filter(pk__in=draft_ids, owner=owner).exclude(purpose="")
    found.update(kept=dict(kept))


def draft_discard(*, draft_id: int, owner: str) -> None:
    """Throw a draft away."""
    SegmentDraft.objects.filter(pk=draft_id, owner=owner).delete()


def draft_publish(*, draft_id: int, owner: str, revision: int, size: int | None = None) -> Segment:
    """Make the draft what is live; the draft is gone then.

    Args:
        draft_id: which draft.
        owner: whose it is, and who publishes.
        revision: the one that is on the screen.
        size: how many the preview found, for the history.

    Raises:
        SegmentDraft.DoesNotExist: there is none, or it is not a segment's.
        DraftStaleError: the draft is not at this revision any more.
        DraftError: something is wrong or missing, the name or key is taken, or somebody has
            published another version since the draft was begun. Nothing is changed.
    """
    with transaction.atomic():
        row = _locked(draft_id, owner, revision)
        if row.purpose:
            raise SegmentDraft.DoesNotExist
        draft = draft_load(draft_id=draft_id, owner=owner)
        if problems := draft.problems():
            raise DraftError(problems[0].message)
        segment = row.segment
        if segment is not None and segment.version != row.base_version:
            raise DraftError(
                _("Somebody has published version %(version)s meanwhile. Compare it first.")
                % {"version": segment.version}
            )
        saved = segment_save(
            key=draft.key if segment is not None else key_free(draft.content),
            name=draft.content["name"].strip(),
            rule=rule_document(draft.root),
            description=draft.content["description"],
            state=SegmentState.LIVE if segment is None else segment.state,
            by=owner,
        )
        version_size_set(segment=saved, size=size)
        row.delete()
    return saved


def key_free(content: Content) -> str:
    """The key of a new segment: what was typed, or made from the name.

    Raises:
        DraftError: there is no name, or the key is taken or no key at all.
    """
    name, key = str(content["name"]).strip(), str(content["key"]).strip()
    if not name:
        raise DraftError(_("Give the segment a name."))
    if not key:
        number = Segment.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        key = slugify(name)[:70] or f"segment-{number + 1}"
        while Segment.objects.filter(key=key).exists():
            number += 1
            key = f"{slugify(name)[:60] or 'segment'}-{number + 1}"
        return key
    if key != slugify(key, allow_unicode=False) or len(key) > 80:
        raise DraftError(_("A key has small letters, digits and hyphens only."))
    if Segment.objects.filter(key=key).exists():
        raise DraftError(_("There is a segment with the key “%(key)s” already.") % {"key": key})
    return key


def stale_words() -> str:
    """What to say of a page that shows an older state of a draft than there is."""
    return _("This page is out of date: the draft was changed elsewhere. Load it again.")


def _begin(
    owner: str, content: Content, segment: Segment | None = None, **about: Any
) -> SegmentDraft:
    with transaction.atomic():
        row, fresh = (
            SegmentDraft.objects.get_or_create(
                segment=segment, owner=owner, defaults={"base_version": segment.version}
            )
            if segment is not None
            else (SegmentDraft.objects.create(owner=owner, **about), True)
        )
        if fresh:
            SegmentDraftStep.objects.create(draft=row, number=0, content=content)
    return row


def _locked(draft_id: int, owner: str, revision: int) -> SegmentDraft:
    row = (
        SegmentDraft.objects.select_for_update(of=("self",))
        .select_related("segment")
        .get(pk=draft_id, owner=owner)
    )
    if row.revision != revision:
        raise DraftStaleError(stale_words())
    return row


def _moved(row: SegmentDraft) -> None:
    SegmentDraft.objects.filter(pk=row.pk).update(
        position=row.position, revision=F("revision") + 1, changed_at=Now()
    )
