"""A scorer of known classes, from the real log to what is published and judged."""

import numpy as np
import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring import on_demand
from lifecycle_engine.scoring.backtests.results import Result
from lifecycle_engine.scoring.backtests.running import backtest_run
from lifecycle_engine.scoring.classes import class_name, class_names, classes_known, is_class_scorer
from lifecycle_engine.scoring.errors import ScorerOutputError, TrainingDataError
from lifecycle_engine.scoring.evaluation import model_evaluate
from lifecycle_engine.scoring.models import ModelVersion, Score
from lifecycle_engine.scoring.monitoring.inputs import run_figures
from lifecycle_engine.scoring.monitoring.outcomes import outcome_figures
from lifecycle_engine.scoring.profile import scores_section
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.sdk.scorers import MinimumData, scorers
from lifecycle_engine.sdk.testing.scorers import check_scorer
from tests.factories.class_scorers import MANY, NONE, ONE, NextOrders
from tests.lifecycle_engine.scoring.conftest import AS_OF, CUSTOMERS

KEY = NextOrders.key


@pytest.fixture
def registered():
    with scorers.temporarily(NextOrders):
        yield
    on_demand.champions.clear()


def train():
    return model_train(scorer_key=KEY, as_of=AS_OF, at=AS_OF)


def test_the_toy_keeps_the_promises_of_a_scorer():
    check_scorer(NextOrders)


def test_a_model_of_classes_is_judged_by_its_probabilities_and_published_by_number(
    shop, registered
):
    version = train()

    assert version.card["decided_by"] == "class_log_loss"
    assert [one["number"] for one in version.classes] == [NONE, ONE, MANY]
    metrics = version.card["validation"]["metrics"]
    assert set(metrics) == {"class_log_loss", "class_accuracy", "macro_f1"}
    assert metrics["class_log_loss"]["better"]
    assert metrics["macro_f1"]["model"] > metrics["macro_f1"]["baseline"]
    assert sum(version.card["validation"]["shares"].values()) == pytest.approx(1.0)
    counts = np.array(version.card["confusion"]["counts"])
    assert counts.sum() == CUSTOMERS
    hits = counts.trace() / CUSTOMERS
    assert metrics["class_accuracy"]["model"] == pytest.approx(hits)
    assert "curves" not in version.card

    result = scorer_run(scorer_key=KEY, as_of=AS_OF)

    published = list(Score.objects.values_list("value", flat=True))
    assert set(published) <= {NONE, ONE, MANY}
    counted = {str(int(one)): published.count(one) for one in set(published)}
    assert ScoringRun.objects.get().class_counts == result.classes == counted
    assert is_class_scorer(scorer_key=KEY)


def test_what_is_published_is_shown_by_name(shop, registered):
    train()
    scorer_run(scorer_key=KEY, as_of=AS_OF)

    score = Score.objects.select_related("customer").order_by("pk").first()
    expected = {0: "No order", 1: "One order", 4: "Several orders"}[int(score.value)]

    assert class_names(scores=[score]) == [expected]
    told = scores_section(customer_ids=[score.customer_id], at=AS_OF)[score.customer_id][KEY]
    assert (told["value"], told["class"], told["percentile"]) == (score.value, expected, None)
    number = score.customer.external_id
    asked = on_demand.customers_score(scorer_key=KEY, external_ids=[number])
    assert asked.values == {number: score.value}
    assert class_name(asked.version, asked.values[number]) == expected
    assert classes_known(scorer_key=KEY)[MANY].name == "Several orders"


def test_it_is_judged_again_once_outcomes_are_known(shop, registered):
    train()
    scorer_run(scorer_key=KEY, as_of=AS_OF)
    run = ScoringRun.objects.select_related("model_version", "frame").get()

    found = model_evaluate(scorer_key=KEY, as_of=AS_OF)

    assert next(iter(found.metrics)) == "class_log_loss"
    assert found.total_ratio is None
    assert run_figures(run)["scores"] is not None
    # Too few customers to say so in earnest; the figures are those of the evaluation.
    assert outcome_figures(run)["customers"] == CUSTOMERS


def test_a_backtest_judges_the_probabilities_month_by_month(shop, registered):
    month = AS_OF.date().replace(month=11)

    found = Result.of(backtest_run(scorer_key=KEY, first=month, last=month, by="anna"))

    assert [one.state for one in found.months] == ["judged"]
    assert found.months[0].metrics["class_log_loss"].better
    assert found.months[0].target_mean is None


def test_outcomes_are_of_the_classes_and_several_of_them(shop):
    class Wrong(NextOrders):
        key = "dummy.wrong"
        outcome_missing = 2.0

    class Wanting(NextOrders):
        key = "dummy.wanting"
        minimum = MinimumData(customers=20, positives=1_000)

    with scorers.temporarily(Wrong, Wanting):
        with pytest.raises(ScorerOutputError, match="none of its classes"):
            model_train(scorer_key=Wrong.key, as_of=AS_OF, at=AS_OF)
        with pytest.raises(TrainingDataError, match="2 classes that came true often enough"):
            model_train(scorer_key=Wanting.key, as_of=AS_OF, at=AS_OF)
    assert not ModelVersion.objects.exists()
    assert Customer.objects.exists()
