"""Which of model and baseline is published: the rule alone."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.scoring.monitoring.rule import (
    CardSays,
    Fallback,
    can_fall_back,
    published,
    shown,
)
from lifecycle_engine.scoring.use_models import Use, UseCause
from lifecycle_engine.sdk.scorers import Amount, RankingScorer, Scorer

JUDGED = datetime(2017, 11, 1, tzinfo=UTC)
BETTER = CardSays(better=True, shown=True, since=JUDGED + timedelta(days=1))


def fallback(cause, count=1):
    return Fallback(cause, judged_as_of=JUDGED, count=count)


@pytest.mark.parametrize(
    ("better", "use"), [(True, Use.MODEL), (None, Use.MODEL), (False, Use.BASELINE)]
)
def test_a_first_model_that_does_not_beat_its_baseline_gives_way_to_it(better, use):
    assert published(CardSays(better=better), can_fall_back=True) is use
    assert published(CardSays(better=better), can_fall_back=False) is Use.MODEL


@pytest.mark.parametrize("cause", [UseCause.NOT_BETTER, UseCause.FAILING])
@pytest.mark.parametrize(("better", "use"), [(True, "model"), (None, "baseline")])
def test_a_champion_that_beats_the_baseline_ends_what_needed_no_outcomes(cause, better, use):
    found = published(CardSays(better=better), can_fall_back=True, fallback=fallback(cause))

    assert found == use


@pytest.mark.parametrize("cause", [UseCause.OUTCOMES, UseCause.CALIBRATION])
@pytest.mark.parametrize(
    ("card", "count", "use"),
    [
        (BETTER, 1, "model"),
        # Better, but that may be chance.
        (CardSays(better=True, shown=False, since=BETTER.since), 1, "baseline"),
        # Shown on the very window on which the published scores were worse.
        (CardSays(better=True, shown=True, since=JUDGED), 1, "baseline"),
        (CardSays(better=True, shown=True), 1, "baseline"),
        # What it says of itself was wrong twice.
        (BETTER, 2, "baseline"),
    ],
)
def test_after_bad_outcomes_a_champion_has_to_show_it_on_newer_ones(cause, card, count, use):
    assert published(card, can_fall_back=True, fallback=fallback(cause, count)) == use


def test_what_staff_have_decided_stays():
    assert published(BETTER, can_fall_back=True, fallback=Fallback(UseCause.HAND)) is Use.BASELINE


@pytest.mark.parametrize(
    ("low", "high", "higher", "found"),
    [
        (0.1, 0.2, True, 1),
        (0.1, 0.2, False, -1),
        (-0.2, -0.1, True, -1),
        (-0.2, -0.1, False, 1),
        (-0.1, 0.1, True, 0),
        (0.0, 0.1, True, 0),
    ],
)
def test_shown_is_what_the_interval_shows(low, high, higher, found):
    assert shown({"low": low, "high": high, "higher_is_better": higher}) == found


def test_a_card_is_read_by_the_metric_that_decides():
    metric = {"low": -0.3, "high": -0.1, "higher_is_better": False}
    card = {
        "better_than_baseline": True,
        "decided_by": "mae",
        "validation": {"from": JUDGED.isoformat(), "metrics": {"mae": metric}},
    }

    assert CardSays.of(card) == CardSays(better=True, shown=True, since=JUDGED)
    assert CardSays.of({}) == CardSays()


def test_a_baseline_that_says_something_else_can_not_stand_in():
    class Plain(Scorer):
        key = "test.plain"
        label = "Plain"
        output = Amount("days")

    class Apart(Plain):
        key = "test.apart"

        def judged(self, frame):
            return frame

    class Ranks(RankingScorer):
        key = "test.ranks"
        label = "Ranks"

    assert [can_fall_back(one) for one in (Plain, Apart, Ranks)] == [True, False, True]
