"""Making targets, and putting them away."""

import re
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.scoring.models import ScorerMode, ScorerSetting
from lifecycle_engine.scoring.schedule import scorer_queue
from lifecycle_engine.scoring.selectors import scorer_readers
from lifecycle_engine.scoring.target_models import Target, TargetPopulation
from lifecycle_engine.scoring.targets.definitions import TargetError, definition_check
from lifecycle_engine.sdk.scorers import scorers

_SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")


class TargetUsedError(TargetError):
    """A target can't be put away while something counts on its scores."""


@dataclass(frozen=True)
class Definition:
    """What a target is to say, unchecked.

    Attributes:
        name: how staff call it.
        outcome: the rule of what has to come true.
        horizon_days: within how many days.
        population: one of ``TargetPopulation``.
        population_rule: where that is ``rule``.
    """

    name: str
    outcome: object
    horizon_days: int
    population: str = TargetPopulation.BUYERS
    population_rule: object = None

    def row(self, *, key: str, by: str) -> Target:
        """The target, not yet stored.

        Raises:
            TargetError: a part is not what it may be.
        """
        target = Target(
            key=key,
            name=self.name.replace("\0", "").strip(),
            outcome=self.outcome,
            population=self.population,
            population_rule=self.population_rule,
            horizon_days=self.horizon_days,
            made_by=by,
        )
        definition_check(target)
        return target


def target_make(
    *, family: str, slug: str, definition: Definition, by: str, train: bool = True
) -> Target:
    """Make a target, and with it the scorer ``family.slug``; its first training is begun.

    Args:
        family: the key of a registered family.
        slug: lower-case letters, digits and underscores; never given twice.
        definition: what it says.
        by: who makes it.
        train: whether to train it now; else the next nightly training does.

    Raises:
        TargetError: a part is not what it may be, or the key was given before; nothing is made.
    """
    known = [one.key for one in scorers.families()]
    if family not in known:
        raise TargetError("family", family, f"there is: {', '.join(known) or 'none'}")
    if not _SLUG.fullmatch(slug):
        reason = "must be lower-case letters, digits and underscores, 40 at most, a letter first"
        raise TargetError("slug", slug, reason)
    target = definition.row(key=f"{family}.{slug}", by=by)
    with advisory_lock(f"scoring:target:{target.key}", wait=True), transaction.atomic():
        if Target.objects.filter(key=target.key).exists():
            raise TargetError("slug", slug, "was given to a target before, and a key stays its own")
        target.save(force_insert=True)
        ScorerSetting.objects.get_or_create(key=target.key, defaults={"mode": ScorerMode.LIVE})
        if train:
            enqueue("scoring.train_and_run", queue=scorer_queue(target.key), scorer_key=target.key)
    target.refresh_from_db()
    return target


@transaction.atomic
def target_archive(*, key: str, by: str) -> Target:
    """Put a target away: it is neither trained nor run any more, nor offered.

    Its models, cards and last scores stay, and so does its key. One that is put away stays so.

    Raises:
        TargetUsedError: live segments read its scores, which nobody would keep up any more.
        TargetError: there is none of that key, or nobody says who does it.
    """
    target = Target.objects.select_for_update().filter(key=key).first()
    if target is None:
        raise TargetError("key", key, "there is no such target")
    if not by:
        raise TargetError("by", by, "somebody has to do it")
    if target.archived_at is None:
        if readers := scorer_readers(scorer_key=key):
            reason = f"segment {readers[0].key!r} reads its scores: change it first"
            words = _("“%(reader)s” reads this target's scores: change it first.")
            raise TargetUsedError("key", key, reason, words % {"reader": readers[0].name})
        changes: dict[str, Any] = {"archived_by": by, "archived_at": Now()}
        Target.objects.filter(pk=target.pk).update(**changes)
        ScorerSetting.objects.update_or_create(key=key, defaults={"mode": ScorerMode.OFF})
        target.refresh_from_db()
    return target
