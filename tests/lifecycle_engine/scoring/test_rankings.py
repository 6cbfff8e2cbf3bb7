"""Rankings meet the champion and are judged beside it by models that have not seen the window."""

from datetime import timedelta

import pytest

from lifecycle_engine.scoring import running
from lifecycle_engine.scoring.artefacts import artefact_load
from lifecycle_engine.scoring.check_models import ModelCheck
from lifecycle_engine.scoring.monitoring import challengers, outcomes
from lifecycle_engine.scoring.monitoring.services import scorer_check
from lifecycle_engine.scoring.services import model_train
from tests.lifecycle_engine.scoring.conftest import AS_OF

KEY = "dummy.again"
DAY = timedelta(days=1)


@pytest.fixture
def places(shop, dummy, monkeypatch):
    """How many places models fill that are trained from now on, and the cut-offs that fits saw."""

    class Places:
        fill, seen = 10, []

    def fit(self, tables, *, as_of, rng, progress=None):
        self.seen = Places.fill
        Places.seen.append(as_of)

    ranks = dummy.Again.recommend

    def recommend(self, tables, *, customer_ids, k):
        return ranks(self, tables, customer_ids=customer_ids, k=min(k, self.seen))

    monkeypatch.setattr(dummy.Again, "fit", fit)
    monkeypatch.setattr(dummy.Again, "recommend", recommend)
    monkeypatch.setattr(running, "enqueue", lambda *_name, **_given: None)
    return Places


def train(days=0):
    return model_train(scorer_key=KEY, as_of=AS_OF - days * DAY, at=AS_OF)


@pytest.fixture
def waiting(places):
    """Judge a challenger that fills one place, beside a champion that fills ten."""

    def judged():
        train(days=24)
        places.fill = 1
        worse = train(days=23)
        running.scorer_run(scorer_key=KEY, as_of=AS_OF - 22 * DAY)
        scorer_check(scorer_key=KEY, at=AS_OF)
        return ModelCheck.objects.get(kind="challenger", challenger=worse).figures

    return judged


def test_the_same_recipe_takes_over_unless_it_is_worse(places, monkeypatch):
    loaded = []

    def load(**given):
        loaded.append(given["path"])
        return artefact_load(**given)

    monkeypatch.setattr("lifecycle_engine.scoring.contests.artefact_load", load)
    first, second = train(days=1), train()

    assert places.seen[:2] == [AS_OF - 21 * DAY, AS_OF - DAY]
    assert first.held_artefact != first.artefact
    assert loaded == [first.held_artefact]
    decision = second.card["decision"]
    assert decision["reason"] == "the same recipe on newer data, not worse"
    assert (decision["champion"], decision["contest"]["difference"]) == (1, 0.0)
    assert second.state == "champion"


def test_one_that_ranks_worse_stays_a_challenger(places):
    train(days=1)
    places.fill = 1
    worse = train()

    decision = worse.card["decision"]
    assert worse.card["better_than_baseline"]
    assert (worse.state, decision["reason"]) == ("challenger", "worse than the champion")
    assert decision["contest"]["high"] < 0


def test_a_challenger_is_judged_beside_the_champion_by_what_was_bought(waiting, monkeypatch):
    for module in (outcomes, challengers):
        monkeypatch.setattr(module, "ROWS_LEAST", 5)

    figures = waiting()

    champion = ModelCheck.objects.get(kind="outcomes").figures
    assert figures["customers"] == champion["customers"] > 20
    assert figures["metric"]["name"] == "ndcg_at_10"
    # Both on the same customers: the champion is what the one is compared with.
    assert figures["metric"]["baseline"] == champion["metric"]["model"]
    assert figures["baseline"]["baseline"] == champion["metric"]["baseline"]
    assert figures["metric"]["model"] == figures["baseline"]["model"]
    assert figures["verdict"] == "worse"


def test_too_few_customers_judge_no_challenger(waiting):
    figures = waiting()

    assert (figures["metric"], figures["customers"] > 20) == (None, True)
