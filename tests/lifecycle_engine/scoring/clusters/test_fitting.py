"""Scorers that find groups: judged, named, published, followed from one model to the next."""

from datetime import timedelta

import pytest

from lifecycle_engine.scoring.backtests.running import backtest_run
from lifecycle_engine.scoring.classes import classes_known
from lifecycle_engine.scoring.errors import BacktestError, OutcomeWindowError, TrainingDataError
from lifecycle_engine.scoring.evaluation import model_evaluate
from lifecycle_engine.scoring.models import ModelVersion, Score, ScorerSetting
from lifecycle_engine.scoring.monitoring.inputs import run_figures
from lifecycle_engine.scoring.monitoring.services import scorer_check
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.scoring.versions import model_move
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.sdk.testing.scorers import check_scorer
from tests.factories.class_scorers import Groups
from tests.lifecycle_engine.scoring.conftest import AS_OF, CUSTOMERS

KEY = Groups.key


@pytest.fixture
def registered():
    with scorers.temporarily(Groups):
        yield


def train(**config):
    ScorerSetting.objects.update_or_create(key=KEY, defaults={"config": config})
    return model_train(scorer_key=KEY, as_of=AS_OF, at=AS_OF)


def published():
    return dict(Score.objects.values_list("customer_id", "value"))


def names(version, by="model"):
    return {one["number"]: one["words"] for one in version.classes if one["by"] == by}


def test_the_toy_keeps_the_promises_of_a_scorer():
    check_scorer(Groups)


def test_groups_that_are_found_again_are_published_by_number(shop, registered):
    version = train()

    metrics = version.card["validation"]["metrics"]
    assert version.card["decided_by"] == "stability"
    assert metrics["stability"]["model"] == 1.0
    assert metrics["stability"]["low"] > 0  # Beside groups of chance.
    assert version.card["better_than_baseline"]
    assert names(version) == {1: ["here lately", "frequent"], 2: ["long away", "rare"]}
    assert min(names(version, by="baseline")) == 1001
    assert sum(one["customers"] for one in version.classes if one["by"] == "model") == CUSTOMERS
    assert [one["agreement"] for one in version.classes if one["by"] == "model"] == [1.0, 1.0]

    scorer_run(scorer_key=KEY, as_of=AS_OF)

    run = ScoringRun.objects.select_related("model_version", "frame").get()
    sizes = {str(one["number"]): one["customers"] for one in version.classes[:2]}
    assert set(published().values()) == {1.0, 2.0}
    assert run.class_counts == sizes
    assert run_figures(run)["scores"] == pytest.approx(0.0)
    assert [check.kind for check in scorer_check(scorer_key=KEY, at=AS_OF + timedelta(days=60))]
    assert not run.checks.filter(kind="outcomes").exists()


def test_the_map_has_points_and_nobody_s_number(shop, registered):
    card = train().card

    points = card["map"]["points"]
    assert len(points) == CUSTOMERS
    assert {len(point) for point in points} == {3}
    assert {point[2] for point in points} == {1, 2}
    # Not in the order of the customers, from which one could tell who is who.
    again = [point[:2] for point in points]
    assert again != sorted(again)


def test_relabelled_groups_keep_numbers_and_names(shop, registered):
    first = train()
    scorer_run(scorer_key=KEY, as_of=AS_OF)
    before = published()

    second = train(swapped=True)
    scorer_run(scorer_key=KEY, as_of=AS_OF)

    assert second.state == "champion"
    assert [one["place"] for one in first.classes[:2]] == [0, 1]
    assert [one["place"] for one in second.classes[:2]] == [1, 0]
    assert names(first) == names(second)
    assert published() == before
    assert second.card["gone"] == []


def test_other_groups_get_other_numbers_and_the_old_ones_are_known_still(shop, registered):
    train()

    # Hardly anybody is that far away: both groups are others.
    second = train(days=0.9)

    assert min(names(second)) > 2 or second.card["gone"]
    numbers = set(names(second))
    assert set(second.card["gone"]) == {1, 2} - numbers
    assert set(classes_known(scorer_key=KEY)) >= {1, 2} | numbers


def test_where_the_baseline_is_as_stable_its_groups_are_published(shop, registered):
    version = train(noisy=True, baseline_noisy=False)

    assert not version.card["better_than_baseline"]
    scorer_run(scorer_key=KEY, as_of=AS_OF)
    run = ScoringRun.objects.get()
    assert run.use == Use.BASELINE
    assert set(published().values()) == {1001.0, 1002.0}


def test_a_challenger_that_is_promoted_by_hand_keeps_its_own_numbers(shop, registered):
    train()
    other = train(noisy=True, baseline_noisy=False)
    assert other.state == "challenger"

    model_move(version_id=other.pk, to="champion", reason="Try it", by="anna")
    scorer_run(scorer_key=KEY, as_of=AS_OF)

    given = set(published().values())
    assert given <= {float(one["number"]) for one in other.classes}


def test_training_again_on_the_same_gives_the_same(shop, registered):
    assert train() == train()
    assert ModelVersion.objects.count() == 1


def test_what_has_no_outcome_is_not_judged_by_one(shop, registered):
    train()
    scorer_run(scorer_key=KEY, as_of=AS_OF)

    with pytest.raises(OutcomeWindowError, match="finds groups"):
        model_evaluate(scorer_key=KEY, as_of=AS_OF)
    month = AS_OF.date().replace(month=11)
    with pytest.raises(BacktestError, match="finds groups"):
        backtest_run(scorer_key=KEY, first=month, last=month, by="anna")


def test_too_few_days_are_refused(shop, registered):
    with pytest.raises(TrainingDataError, match="30 days of orders; there are 20"):
        model_train(scorer_key=KEY, as_of=AS_OF - timedelta(days=100), at=AS_OF)
