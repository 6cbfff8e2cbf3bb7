"""Which cut-off dates a training learns from, chooses on and is judged on, and if that is enough.

::

    … learns from …      | horizon | chooses on | judged on | as_of
    … learns from, keeping the choices …        | judged on | as_of
    … learns from everything, for use …                     | as_of

A window is named by its cut-off date: features are from before it, outcomes from the
``horizon_days`` after it. Each part's outcomes end where the next part's begin. What chooses and
what judges is one window, or several, of which the newest ends where the part does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

import pandas as pd

from lifecycle_engine.core.memory import memory_available
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.datasets import LabelledFrame
from lifecycle_engine.scoring.errors import Need, TrainingDataError
from lifecycle_engine.sdk.classes import ClassScorer
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.scorers import BaseScorer, Probability, Scorer


@dataclass(frozen=True)
class Timeline:
    """The cut-off dates of one training, each part newest first.

    Attributes:
        judged: of the windows that nothing but the judgement sees.
        choice: of the windows on which choices are made; none for a scorer that makes none.
        past: what is learned from while choosing.
        before: what the model that is judged has learned from.
        everything: what the model in use has learned from.
    """

    judged: tuple[datetime, ...]
    choice: tuple[datetime, ...]
    past: tuple[datetime, ...]
    before: tuple[datetime, ...]
    everything: tuple[datetime, ...]

    @property
    def cutoffs(self) -> list[datetime]:
        """All of them, newest first, each once."""
        parts = (self.judged, self.choice, self.past, self.before, self.everything)
        return sorted({cutoff for part in parts for cutoff in part}, reverse=True)


def days_needed(scorer: BaseScorer) -> int:
    """How many days of orders the windows take, or more where the scorer says so.

    Every cut-off date has as much history before it as the outcome window is long, or as the
    scorer says.
    """
    ahead, history = scorer.horizon_days, scorer.horizon_days
    if isinstance(scorer, Scorer):
        held = held_back(scorer) / timedelta(days=1)
        ahead = scorer.horizon_days + held * (2 if scorer.chooses else 1)
        if isinstance(scorer, ClusterScorer):
            ahead = 0  # Nothing has to come true.
        history = scorer.history_days or scorer.horizon_days
    return max(ceil(ahead + history), scorer.minimum.days or 0)


def held_back(scorer: BaseScorer) -> timedelta:
    """How long the stretch is that judges: from its oldest cut-off date to its newest outcome."""
    held = timedelta(days=scorer.horizon_days)
    if isinstance(scorer, Scorer):
        held += (scorer.judged_count - 1) * timedelta(days=scorer.judged_step_days)
    return held


def windows_ahead(scorer: BaseScorer, *, as_of: datetime) -> list[datetime]:
    """The cut-off dates of as many windows as judge a model, from ``as_of`` on, oldest first."""
    if not isinstance(scorer, Scorer):
        return [as_of]
    step = timedelta(days=scorer.judged_step_days)
    return [as_of + step * number for number in range(scorer.judged_count)]


def timeline(scorer: Scorer, *, as_of: datetime) -> Timeline:
    """The cut-off dates of a training on everything before ``as_of``.

    Raises:
        TrainingDataError: history does not reach back far enough.
    """
    first = days_check(scorer, as_of=as_of)

    def before(until: datetime) -> list[datetime]:
        return datasets.cutoffs(scorer=scorer, until=until, first_event=first)

    everything = before(as_of)

    def kept(until: datetime) -> tuple[datetime, ...]:
        # Those of the model in use that are over by then, and not fewer than half as many: each
        # further cut-off date costs another pass over the features.
        wanted = before(until)
        over = [cutoff for cutoff in wanted if cutoff >= everything[-1]]
        return tuple(wanted[: max(len(over), -(-scorer.cutoff_count // 2))])

    judged = _held(scorer, until=as_of)
    choice = _held(scorer, until=judged[-1]) if scorer.chooses else ()
    return Timeline(
        judged=judged,
        choice=choice,
        past=kept(choice[-1]) if choice else (),
        before=kept(judged[-1]),
        everything=tuple(everything),
    )


def _held(scorer: Scorer, *, until: datetime) -> tuple[datetime, ...]:
    return tuple(reversed(windows_ahead(scorer, as_of=until - held_back(scorer))))


def days_check(scorer: BaseScorer, *, as_of: datetime) -> datetime:
    """The first order, if it is long enough ago, and there is the memory that training takes.

    Raises:
        TrainingDataError: it is not, or there is none.
    """
    free, memory = memory_available(), scorer.minimum.memory_mib
    if memory and free is not None and free < memory:
        raise TrainingDataError.of_needs(scorer.key, [Need("memory", memory, free)])
    first = datasets.first_event(as_of=as_of)
    found = 0 if first is None else (as_of - first).days
    wanted = days_needed(scorer)
    if first is None or found < wanted:
        needs = [Need("days", wanted, found)]
        customers = datasets.population_size(scorer, as_of=as_of) if first else 0
        if customers < scorer.minimum.customers:
            needs.insert(0, Need("customers", scorer.minimum.customers, customers))
        raise TrainingDataError.of_needs(scorer.key, needs)
    return first


def rows_check(scorer: Scorer, dates: Timeline, parts: Mapping[datetime, LabelledFrame]) -> None:
    """See that what is learned from, chosen on and judged on each have what the scorer wants.

    Raises:
        TrainingDataError: the smallest figures of the three are too small.
    """
    used = [part for part in (dates.judged, dates.choice, dates.past or dates.before) if part]
    windows = [[parts[cutoff].target for cutoff in part] for part in used]
    targets = [pd.concat(part) for part in windows]
    customers = [max(map(len, part)) for part in windows]
    positives = [int((target > 0).sum()) for target in targets]
    negatives = [int((target <= 0).sum()) for target in targets]
    least = scorer.minimum
    needs = [Need("customers", least.customers, min(customers))]
    if isinstance(scorer, ClassScorer):
        counts = [target.value_counts() for target in targets]
        enough = [int((one >= max(least.positives, 1)).sum()) for one in counts]
        needs.append(Need("classes", 2, min(enough)))
    else:
        needs.append(Need("positives", max(least.positives, 1), min(positives)))
    if isinstance(scorer.output, Probability):
        needs.append(Need("negatives", max(least.negatives, 1), min(negatives)))
    lacking = [need for need in needs if need.found < need.wanted]
    if lacking:
        raise TrainingDataError.of_needs(scorer.key, lacking)
