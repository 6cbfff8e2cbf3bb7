"""Which windows learn, choose and judge, and whether there is enough to learn from, and with."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle_engine.core.models import JobRun
from lifecycle_engine.scoring import timelines
from lifecycle_engine.scoring.errors import TrainingDataError
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.scoring.timelines import days_needed, held_back, timeline
from tests.lifecycle_engine.scoring.conftest import AS_OF

LAPSE = "dummy.lapse"
DAY = timedelta(days=1)


@pytest.fixture
def daily(dummy, monkeypatch):
    """Lapse within two days, judged on three of them."""
    given = {"horizon_days": 2, "judged_count": 3, "judged_step_days": 1.5, "history_days": 20}
    for name, value in (given | {"cutoff_step_days": 4}).items():
        monkeypatch.setattr(dummy.Lapse, name, value)
    return dummy.Lapse


def test_several_windows_choose_and_judge_and_share_no_outcome_with_what_is_learned(shop, daily):
    found = timeline(daily(), as_of=AS_OF)

    assert [(AS_OF - cutoff) / DAY for cutoff in found.judged] == [2, 3.5, 5]
    assert [(AS_OF - cutoff) / DAY for cutoff in found.choice] == [7, 8.5, 10]
    assert [(AS_OF - cutoff) / DAY for cutoff in found.before] == [7, 11]
    assert [(AS_OF - cutoff) / DAY for cutoff in found.past] == [12, 16]
    assert [(AS_OF - cutoff) / DAY for cutoff in found.everything] == [2, 6, 10]
    assert held_back(daily()) == 5 * DAY
    assert days_needed(daily()) == 2 + 5 + 5 + 20


def test_a_model_is_judged_on_all_of_its_windows_together(shop, daily):
    version = model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF)

    said = version.card["validation"]
    assert (said["windows"], said["from"]) == (3, (AS_OF - 5 * DAY).isoformat())
    assert said["until"] == AS_OF.isoformat()
    assert said["customers"] < said["rows"] <= 3 * said["customers"]
    assert version.card["choice"]["windows"] == 3
    assert [one["windows"] for one in version.card["training"]] == [1, 1]


def test_the_champion_meets_the_newer_model_on_windows_that_it_has_not_seen(shop, daily):
    model_train(scorer_key=LAPSE, as_of=AS_OF - DAY, at=AS_OF)
    newer = model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF)
    # Its model that was judged has seen all before its own windows, and no more.
    assert newer.card["decision"]["contest"] is not None

    older = model_train(scorer_key=LAPSE, as_of=AS_OF - 2 * DAY, at=AS_OF)
    assert older.card["decision"]["reason"] == "the champion has seen the newest window"


def test_a_training_that_would_not_fit_into_memory_is_refused_with_the_numbers(
    shop, dummy, monkeypatch
):
    monkeypatch.setattr(dummy.Lapse, "minimum", replace(dummy.Lapse.minimum, memory_mib=4000))
    monkeypatch.setattr(timelines, "memory_available", lambda: 1200)

    with pytest.raises(TrainingDataError, match="4,000 MiB of free memory; there are 1,200"):
        model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF)

    assert JobRun.objects.latest("pk").result["needs"][0]["what"] == "memory"
    monkeypatch.setattr(timelines, "memory_available", lambda: None)  # Where nobody says.
    assert model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF).number == 1
