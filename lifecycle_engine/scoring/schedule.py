"""When scorers are trained and run, and by which workers."""

from datetime import UTC, datetime, timedelta
from math import ceil
from typing import NamedTuple

from django.db.models import Max

from lifecycle_engine.scoring.models import ModelVersion, ScorerSetting
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.sdk.scorers import BaseScorer, Scorer, scorers

#: At which full hour of UTC it is looked what is due.
NIGHT = 2
#: Nights are not exactly a day apart.
_EARLY = timedelta(hours=6)


class Due(NamedTuple):
    """What is to be done with a scorer this night; a training is followed by a run."""

    training: bool
    run: bool


class DaysBetween(NamedTuple):
    """How many days apart a scorer is trained, and run."""

    training: int
    run: int


def days_of(*, scorer_key: str, setting: ScorerSetting | None) -> DaysBetween:
    """What staff say in the scorer's setting, or where they say nothing the plugin.

    Raises:
        UnknownExtensionError: no plugin brings the scorer.
    """
    scorer_class, said = scorers.get(scorer_key), setting or ScorerSetting()
    return DaysBetween(
        said.train_every_days or scorer_class.train_every_days,
        said.run_every_days or scorer_class.run_every_days,
    )


def scores_due_hours(*, scorer_key: str, setting: ScorerSetting | None) -> int:
    """How many hours may lie between runs: what staff expect, unless it runs less often than that.

    A training is followed by a run. Of a scorer whose plugin is gone only the former is known.
    """
    expected = (setting or ScorerSetting()).fresh_hours
    if scorer_key not in scorers:
        return expected
    return max(expected, 24 * min(days_of(scorer_key=scorer_key, setting=setting)))


def next_night(*, last: datetime | None, days: int, at: datetime) -> datetime:
    """The first night after ``at`` in which so many days are over.

    Args:
        last: when it was done last; None for never.
        days: how many days are to lie between.
        at: business time.
    """
    night = at.astimezone(UTC).replace(hour=NIGHT, minute=0, second=0, microsecond=0)
    night += timedelta(days=night <= at)
    if last is None or _is_over(last, days, night):
        return night
    wanted = last + timedelta(days=days) - _EARLY
    return night + timedelta(days=ceil((wanted - night) / timedelta(days=1)))


def scorer_queue(scorer_key: str) -> str:
    """The queue of the scorer's work; of one whose plugin is gone that of all others."""
    return scorers.get(scorer_key).queue if scorer_key in scorers else BaseScorer.queue


def is_momentary(scorer_key: str) -> bool:
    """Whether the scorer's scores are worked out when they are asked for, and never published."""
    scorer_class = scorers.get(scorer_key) if scorer_key in scorers else BaseScorer
    return issubclass(scorer_class, Scorer) and scorer_class.momentary


def scorer_due(*, scorer_key: str, at: datetime) -> Due:
    """Whether so many days have passed as there are to be between trainings, and between runs.

    Raises:
        UnknownExtensionError: no plugin brings the scorer.
    """
    setting = ScorerSetting.objects.filter(key=scorer_key).first()
    every = days_of(scorer_key=scorer_key, setting=setting)
    versions = ModelVersion.objects.filter(scorer_key=scorer_key)
    runs = ScoringRun.objects.filter(
        scorer_key=scorer_key, state__in=(RunState.PUBLISHED, RunState.SHADOW)
    )
    trained, ran = (rows.aggregate(last=Max("as_of"))["last"] for rows in (versions, runs))
    return Due(
        _is_over(trained, every.training, at),
        not is_momentary(scorer_key) and _is_over(ran, every.run, at),
    )


def _is_over(last: datetime | None, days: int, at: datetime) -> bool:
    # What is wanted each night is not put off since somebody asked for it the evening before.
    return last is None or days <= 1 or at - last >= timedelta(days=days) - _EARLY
