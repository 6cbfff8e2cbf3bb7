"""Scores that hold for a moment: worked out when they are asked for, and never published."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.scoring import datasets, on_demand, running, tasks
from lifecycle_engine.scoring.conditions import ScoreValue
from lifecycle_engine.scoring.errors import ScorerMomentaryError
from lifecycle_engine.scoring.models import ModelVersion, Score, ScorerSetting
from lifecycle_engine.scoring.monitoring.uses import use_open
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.scoring.schedule import scorer_due
from lifecycle_engine.scoring.services import model_train
from tests.lifecycle_engine.scoring.conftest import AS_OF

LAPSE = "dummy.lapse"
LATER = AS_OF + timedelta(hours=5)


@pytest.fixture
def momentary(shop, dummy, monkeypatch):
    monkeypatch.setattr(dummy.Lapse, "momentary", True)
    on_demand.champions.clear()
    return dummy.Lapse


def test_it_is_worked_out_from_what_is_known_now(momentary, settings):
    version = model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF)
    names = ["customer-00", "customer-01", "nobody"]
    settings.ENGINE_NOW = LATER

    before = on_demand.customers_score(scorer_key=LAPSE, external_ids=names)
    order = {
        "type": "track",
        "messageId": "new",
        "userId": "customer-01",
        "event": "Order Completed",
        "timestamp": (LATER - timedelta(minutes=1)).isoformat(),
        "properties": {"order_id": "new", "total": 900.0, "currency": "USD"},
    }
    # No columnar copy has been made of it.
    assert events_ingest(source="shop", items=[order], received_at=LATER).rejected == []
    nobody = on_demand.customers_score(scorer_key=LAPSE, external_ids=["nobody"])
    assert (nobody.values, nobody.refused) == ({}, {"nobody": "unknown"})
    after = on_demand.customers_score(scorer_key=LAPSE, external_ids=names)

    assert (before.features_as_of, before.refused) == (LATER, {"nobody": "unknown"})
    scorer = scorer_restored(version=version)
    ids = dict(Customer.objects.values_list("external_id", "pk"))
    whole = scorer.predict(datasets.feature_frame(scorer, as_of=LATER))
    assert before.values == pytest.approx({name: whole[ids[name]] for name in names[:2]})
    assert after.values["customer-00"] == before.values["customer-00"]
    assert after.values["customer-01"] != before.values["customer-01"]


def test_nothing_is_run_nor_published(momentary, settings, monkeypatch):
    settings.ENGINE_NOW = AS_OF
    monkeypatch.setattr(tasks, "enqueue", pytest.fail)
    tasks.model_train_and_run(scorer_key=LAPSE, as_of=AS_OF.isoformat())
    tasks.scorer_run(scorer_key=LAPSE)

    assert ModelVersion.objects.get(scorer_key=LAPSE).state == "champion"
    assert not ScoringRun.objects.exists()
    assert not Score.objects.exists()
    with pytest.raises(ScorerMomentaryError, match="asked on demand"):
        running.scorer_run(scorer_key=LAPSE, as_of=AS_OF)
    assert scorer_due(scorer_key=LAPSE, at=AS_OF + timedelta(days=1)) == (True, False)


def train(days):
    as_of = AS_OF + timedelta(days=days)
    return model_train(scorer_key=LAPSE, as_of=as_of, at=as_of)


@pytest.fixture
def turned(momentary, monkeypatch):
    """Called, it has models know nothing from then on, and the baseline all; ``back`` undoes it."""
    predict, baseline = momentary.predict, momentary.baseline

    def turn():
        monkeypatch.setattr(momentary, "predict", baseline)
        monkeypatch.setattr(
            momentary, "baseline", lambda _, frame: frame["recency_days"].clip(0, 100) / 100
        )

    def back():
        monkeypatch.setattr(momentary, "predict", predict)
        monkeypatch.setattr(momentary, "baseline", baseline)

    turn.back = back
    return turn


def test_a_champion_that_no_longer_beats_its_baseline_is_found_out_by_the_next_training(turned):
    first = train(-2)
    assert use_open(scorer_key=LAPSE).use == "model"
    turned()
    second = train(-1)

    stays = second.card["decision"]["stays"]
    assert (second.state, second.card["decision"]["champion"]) == ("challenger", first.number)
    assert max(stays["low"], stays["high"]) < 0
    held = use_open(scorer_key=LAPSE)
    assert (held.use, held.cause, held.model_version) == ("baseline", "outcomes", first)
    assert f"training of #{second.number}" in held.reason
    assert held.judged_as_of.isoformat() == second.card["validation"]["from"]

    # The next to be shown better than the baseline, on a later window, brings the model back.
    turned.back()
    third = train(0)
    assert third.state == "champion"
    assert use_open(scorer_key=LAPSE).cause == "promotion"


def test_a_champion_that_may_be_as_good_stays(momentary):
    train(-2)
    ScorerSetting.objects.create(key=LAPSE, promotion="hand")
    second = train(-1)

    assert second.card["decision"]["stays"]["high"] >= 0
    assert use_open(scorer_key=LAPSE).use == "model"


def test_where_staff_decide_what_is_published_a_training_does_not(turned):
    train(-2)
    ScorerSetting.objects.create(key=LAPSE, fall_back="never")
    turned()

    assert train(-1).card["decision"]["stays"]["high"] < 0
    assert use_open(scorer_key=LAPSE).use == "model"


def test_a_training_says_nothing_of_a_champion_whose_runs_are_judged(turned, dummy, monkeypatch):
    monkeypatch.setattr(dummy.Lapse, "momentary", False)
    train(-2)
    turned()

    assert train(-1).card["decision"]["stays"] is None
    assert use_open(scorer_key=LAPSE).use == "model"


def test_no_rule_can_read_it(momentary):
    with pytest.raises(ValidationError, match="hold for a moment"):
        ScoreValue.Config(scorer=LAPSE, operator="at_least", value=0.5)


def test_a_training_looks_at_so_many_customers_and_the_same_each_night(shop, dummy, monkeypatch):
    monkeypatch.setattr(dummy.Lapse, "customers_most", 10)
    scorer = dummy.Lapse()
    cutoffs = [AS_OF - timedelta(days=days) for days in (20, 30)]

    def looked_at(cutoffs):
        found = datasets.labelled_frames(scorer, cutoffs=cutoffs, excluded=())
        return [set(part.frame.index.get_level_values("customer_id")) for part in found.values()]

    first, second = looked_at(cutoffs)
    assert len(first) == 10
    assert second <= first
    (night_before,) = looked_at([AS_OF - timedelta(days=21)])
    assert len(night_before & first) >= 9
    everybody = set(Customer.objects.values_list("pk", flat=True))
    (without,) = looked_at_without(scorer, cutoffs[:1], first)
    assert without <= everybody - first


def looked_at_without(scorer, cutoffs, excluded):
    found = datasets.labelled_frames(scorer, cutoffs=cutoffs, excluded=excluded)
    return [set(part.frame.index.get_level_values("customer_id")) for part in found.values()]
