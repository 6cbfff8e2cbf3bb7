"""What a rule is built for: a segment, or what counts or for whom in a target.

A purpose says who may build such a rule, of which conditions, and what else the builder's page
does in another way. A rule for a target goes back to the target's form, with all that was filled
in there.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy

from lifecycle_engine.scoring.target_models import HORIZON_MOST
from lifecycle_engine.scoring.targets.definitions import (
    OUTCOME_CONDITIONS,
    POPULATION_CONDITIONS,
    TIMES,
    TargetError,
    outcome_faults,
    population_faults,
)
from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.drafts import Draft
from lifecycle_engine.segments.drafts_check import Problem, rule_document, rule_place
from lifecycle_engine.segments.rules import Rule, RuleError, rule_parse

OUTCOME, POPULATION = "outcome", "population"
_HORIZON = 30


def _none(_rule: Rule) -> Iterator[TargetError]:
    return iter(())


@dataclass(frozen=True)
class Purpose:
    """What the builder does for rules of one purpose.

    Attributes:
        key: what drafts note; empty for segments.
        permission: what who builds has to have.
        title: of the page; ``%(name)s`` is what the rule is for.
        preview: the title of what stands beside the rule.
        about: what the rule is to say.
        conditions: the keys of those that may be used; None for all.
        hidden: conditions' fields that aren't asked for.
        faults: what may not stand in a rule, though the conditions accept it.
    """

    key: str
    permission: str
    title: Any
    preview: Any
    about: Any = ""
    conditions: Collection[str] | None = None
    hidden: Collection[str] = ()
    faults: Callable[[Rule], Iterator[TargetError]] = _none

    def problems(self, draft: Draft) -> list[Problem]:
        """What keeps the rule from being used for this."""
        found = draft.problems()
        if self.key and not any(not one.missing or one.place for one in found):
            found += [_problem(fault) for fault in self._faults(draft)]
        return found

    def _faults(self, draft: Draft) -> list[TargetError]:
        try:
            return list(self.faults(rule_parse(rule_document(draft.root))))
        except RuleError:
            return []  # The draft's own problems say so.

    def days(self, draft: Draft) -> int | None:
        """How many days of events the rule is asked of; None for all."""
        if self.key != OUTCOME:
            return None
        given = str(draft.row.kept.get("horizon_days", ""))
        usable = given.isdecimal() and len(given) < 4 and 1 <= int(given) <= HORIZON_MOST
        return int(given) if usable else _HORIZON


_PURPOSES = {
    one.key: one
    for one in (
        Purpose(
            key="",
            permission="segments.change_segment",
            title=gettext_lazy("Build “%(name)s”"),
            preview=gettext_lazy("Audience"),
        ),
        Purpose(
            key=OUTCOME,
            permission="scoring.add_target",
            title=gettext_lazy("What counts for “%(name)s”"),
            preview=gettext_lazy("Of whom it came true"),
            about=gettext_lazy("Say what has to happen."),
            conditions=OUTCOME_CONDITIONS,
            hidden=TIMES,
            faults=outcome_faults,
        ),
        Purpose(
            key=POPULATION,
            permission="scoring.add_target",
            title=gettext_lazy("For whom “%(name)s” is foreseen"),
            preview=gettext_lazy("For whom it would be now"),
            about=gettext_lazy("Say whom the target is about, by what they did until then."),
            conditions=POPULATION_CONDITIONS,
            faults=population_faults,
        ),
    )
}


def purpose_of(row: SegmentDraft) -> Purpose:
    """What a draft's rule is for."""
    return _PURPOSES[row.purpose]


def purposes_permissions() -> set[str]:
    """What staff need at least one of to build anything."""
    return {one.permission for one in _PURPOSES.values()}


def draft_field(purpose: str) -> str:
    """The field of the target's form that holds the number of the draft for a purpose."""
    return f"{purpose}_draft"


def form_url(row: SegmentDraft, *, look: bool = False, forget: bool = False) -> str:
    """The target's form as it was left.

    Args:
        row: the draft that was begun there.
        look: whether to look at once how often the target was true.
        forget: whether the form goes on without the draft.
    """
    kept = dict(row.kept)
    if forget:
        kept.pop(draft_field(row.purpose), None)
    if look:
        kept["look"] = "1"
    return f"{reverse('admin:scoring_target_new')}?{urlencode(kept)}"


def _problem(fault: TargetError) -> Problem:
    path, place = rule_place(fault.field.partition(".")[2])
    return Problem(path, place, fault.words)
