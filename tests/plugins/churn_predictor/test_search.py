"""A search of the boosting's settings: on the window for choices, told on the one that judges."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.tuning import SearchConfig
from plugins.churn_predictor.scorers import ChurnConfig, ChurnRisk

CUTOFFS = pd.to_datetime(["2020-01-01", "2020-02-15", "2020-04-01", "2020-05-01"], utc=True)


def rows(cutoffs, seed=0, each=300):
    """Who has been away for long churns."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([cutoffs, range(each)], names=["cutoff", "customer_id"])
    names = ChurnRisk.feature_names()
    frame = pd.DataFrame(rng.lognormal(1, 1, (len(index), len(names))), index, columns=list(names))
    risk = 1 / (1 + np.exp(2 * (3 - frame["recency_days"])))
    return frame, pd.Series((rng.random(len(index)) < risk).astype(float), index, name="target")


def fitted(**budget):
    config = ChurnConfig(candidates=("boosting",), trees=10, search=SearchConfig(**budget))
    scorer, rng = ChurnRisk(config), np.random.default_rng(3)
    scorer.fit(*rows(CUTOFFS[:2]), validation=rows(CUTOFFS[2:3], seed=1), rng=rng)
    choice = scorer.report()
    scorer.fit(*rows(CUTOFFS[:3]), validation=None, rng=rng)
    return scorer, choice, rng


@pytest.fixture(scope="module")
def searched():
    return fitted(trials=5)


def test_the_settings_found_are_chosen_where_choices_are_made(searched):
    _, choice, _ = searched
    search = choice["search"]

    assert search["trials"][0]["settings"]["trees"] == 10
    assert len(search["trials"]) == 5
    best = search["trials"][search["best"]]
    assert best["loss"] <= search["trials"][0]["loss"]
    # The candidate that competes is the one that the search has found.
    assert choice["candidates"]["boosting"]["log_loss"] == pytest.approx(best["loss"], abs=1e-12)
    assert search["best"] > 0


def test_the_window_that_judges_says_what_it_was_worth(searched):
    scorer, choice, _ = searched
    frame, truth = rows(CUTOFFS[3:], seed=2)

    judged = scorer.report_judged(frame, truth)["search"]["judged"]

    said = np.clip(scorer.predict(frame).to_numpy(), 1e-6, 1 - 1e-6)
    lost = -np.mean(np.where(truth > 0, np.log(said), np.log(1 - said)))
    assert judged["found"] == pytest.approx(lost)
    assert judged["difference"] == pytest.approx(judged["found"] - judged["default"])
    assert judged["low"] < judged["difference"] < judged["high"]
    assert choice["search"]["judged"] is None


def test_equal_budgets_of_trials_give_equal_models(searched):
    scorer, _, _ = searched
    again, _, _ = fitted(trials=5)
    frame, _ = rows(CUTOFFS[3:], seed=2)

    assert again.predict(frame).equals(scorer.predict(frame))


def test_the_model_for_use_keeps_the_settings_and_asks_no_further(searched):
    scorer, _, rng = deepcopy(searched)
    frame, truth = rows(CUTOFFS, seed=0)

    scorer.fit(frame, truth, validation=None, rng=rng)

    best = scorer.report()["search"]["best"]
    wanted = scorer.report()["search"]["trials"][best]["settings"]
    assert scorer.state().estimators["boosting"].max_iter == wanted["trees"]
    assert scorer.state().estimators["boosting"].learning_rate == wanted["learning_rate"]
    assert scorer.report_judged(frame, truth) == {}


def test_without_a_budget_nothing_is_searched():
    scorer, choice, _ = fitted()

    assert choice["search"] is None
    assert scorer.state().estimators["boosting"].max_iter == 10
    assert scorer.report_judged(*rows(CUTOFFS[3:])) == {}
