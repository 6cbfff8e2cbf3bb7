"""Why customers are in their classes: stored, shown beside the class and its rival, in the API."""

import numpy as np
import pandas as pd
import pytest
from django.urls import reverse

from lifecycle_engine.scoring import on_demand
from lifecycle_engine.scoring.errors import ReasonsMissingError, ScorerOutputError
from lifecycle_engine.scoring.models import Score, ScorerSetting
from lifecycle_engine.scoring.profile import scores_section
from lifecycle_engine.scoring.reason_models import ReasonsSummary, ScoreReasons
from lifecycle_engine.scoring.reasons import changes
from lifecycle_engine.scoring.reasons.computing import customers_explain
from lifecycle_engine.scoring.reasons.results import Explained
from lifecycle_engine.scoring.reasons.services import reasons_ask, reasons_refresh
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.explaining import (
    Contributions,
    centre_contributions,
    class_contributions,
    few_contributions,
)
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.sdk.testing.scorers import check_scorer
from tests.factories.class_scorers import Groups, NextOrders
from tests.lifecycle_engine.scoring.conftest import AS_OF, CUSTOMERS


class Why(NextOrders):
    """The toy of known classes, which says why: exactly, since it reads two features."""

    key = "dummy.why"

    def explain(self, frame):
        said = self.predict_proba(frame)

        def pair(rows, own, rival):
            def ahead(some):
                found = self.predict_proba(some).to_numpy()
                return found[:, own] - found[:, rival]

            average = {"recency_days": 9.0, "orders_30d": 2.0}
            return few_contributions(frame.iloc[rows], average=average, output=ahead)

        return class_contributions(frame, margins=said, pair=pair)


class Halves(Groups):
    """The toy that finds groups, of which the baseline says why."""

    key = "dummy.halves"

    def explain_baseline(self, frame):
        days = np.nan_to_num(frame["recency_days"].to_numpy(float))
        inputs = np.column_stack([days, np.zeros(len(frame))])
        cut = self.cuts[0]
        # Beyond the cut is nearer to the second; at the cut the first has it, as in the toy.
        return centre_contributions(
            frame,
            inputs=inputs,
            centres=np.array([[cut - 5.0, 0.0], [cut + 5.0, 0.0]]),
            numbers=self.baseline_numbers or (0, 1),
        )


@pytest.fixture(autouse=True)
def registered():
    with scorers.temporarily(Why, Halves):
        yield
    on_demand.champions.clear()


def published(key, **config):
    ScorerSetting.objects.create(key=key, config=config, reasons="everybody")
    model_train(scorer_key=key, as_of=AS_OF, at=AS_OF)
    scorer_run(scorer_key=key, as_of=AS_OF)
    return list(Score.objects.filter(scorer_key=key).order_by("pk"))


def page_of(admin_client, score):
    return admin_client.get(
        reverse("admin:customers_customer_change", args=[score.customer_id])
    ).text


def test_the_toys_keep_their_promises():
    check_scorer(Why)
    check_scorer(Halves, config=Halves.Config(baseline_noisy=False))


def test_a_class_is_explained_beside_the_one_that_came_closest(shop, admin_client):
    score, *others = published(Why.key)

    assert reasons_refresh(scorer_key=Why.key, as_of=AS_OF).customers == CUSTOMERS

    found = {
        row.customer_id: Explained.from_json(row.document) for row in ScoreReasons.objects.all()
    }
    for one in (score, *others):
        why = found[one.customer_id]
        assert why.score == one.value != why.rival
        assert why.changes == ()
        assert why.total == pytest.approx(why.base + sum(r.contribution for r in why.reasons))
        assert why.total >= 0
    assert set(ReasonsSummary.objects.get().importances) == set(Why.features)
    rival = {0: "No order", 1: "One order", 4: "Several orders"}[
        int(found[score.customer_id].rival)
    ]
    told = scores_section(customer_ids=[score.customer_id], at=AS_OF)[score.customer_id][Why.key]
    assert (told["rather_than"], told["changes"]) == (rival, [])
    assert told["reasons"]
    page = page_of(admin_client, score)
    assert f"Rather than the one that came closest: {rival}" in page
    assert "speaks for it" in page
    assert "raises it" not in page
    assert "the score would be" not in page


def test_what_would_bring_another_class_is_told_with_its_name(shop, admin_client, monkeypatch):
    # Nothing that the toy reads can be acted on; here the last order can.
    monkeypatch.setattr(changes, "actionable", lambda name: name == "recency_days")
    scores = published(Why.key)
    reasons_refresh(scorer_key=Why.key, as_of=AS_OF)
    found = {
        row.customer_id: Explained.from_json(row.document) for row in ScoreReasons.objects.all()
    }
    score = next(one for one in scores if found[one.customer_id].changes)
    (change,) = found[score.customer_id].changes

    told = scores_section(customer_ids=[one.customer_id for one in scores], at=AS_OF)
    page = page_of(admin_client, score)

    assert change.feature == "recency_days"
    assert change.score not in {score.value, None}
    name = {0: "No order", 1: "One order", 4: "Several orders"}[int(change.score)]
    ((shown,),) = [told[score.customer_id][Why.key]["changes"]]
    assert (shown["class"], shown["score"], shown["then"]) == (name, change.score, change.then)
    # Each customer's are named, and those of no others.
    for one in scores:
        mine = told[one.customer_id][Why.key]["changes"]
        assert [row["score"] for row in mine] == [c.score for c in found[one.customer_id].changes]
        assert all(row["class"] for row in mine)
    assert f"; the class would be {name}" in page
    assert "the score would be" not in page


class Thresholds(NextOrders):
    """None below two coupons and three products, one from two coupons on, several beyond ten."""

    key = "dummy.thresholds"
    features = ("recency_days", "coupons_issued_90d", "products_90d")

    def predict_proba(self, frame):
        coupons, products = (frame[name].to_numpy(float) for name in self.features[1:])
        several = (products >= 10).astype(float)
        one = ((coupons >= 2) & (several == 0)).astype(float)
        return self._frame(frame, np.column_stack([1 - one - several, one, several]))


def test_the_smallest_change_that_brings_another_class_comes_first():
    typical = {
        "recency_days": [1.0, 5.0, 9.0],
        "coupons_issued_90d": [0.0, 1.0, 2.0, 5.0],
        "products_90d": [1.0, 12.0, 12.0, 20.0],
    }
    frame = pd.DataFrame(
        # Near in products; already of one order; without any order to have products in.
        [[3.0, 0.0, 1.0], [3.0, 2.0, 1.0], [120.0, 0.0, 1.0], [3.0, np.nan, np.nan]],
        columns=[*Thresholds.features],
    )
    scorer = Thresholds()

    found = changes.class_changes_find(scorer, frame, scores=scorer.predict(frame), typical=typical)

    products = changes.Change("products_90d", 1.0, 12.0, 4.0)
    assert found[0] == (products, changes.Change("coupons_issued_90d", 0.0, 2.0, 1.0))
    # Fewer coupons would do, too: no class is wanted.
    assert set(found[1]) == {products, changes.Change("coupons_issued_90d", 2.0, 1.0, 0.0)}
    assert found[2] == (changes.Change("coupons_issued_90d", 0.0, 2.0, 1.0),)
    assert found[3] == ()


def test_a_baselines_class_is_explained_where_the_scorer_can(shop, admin_client):
    # The model's groups are chance, so what is published is the baseline's.
    score, *_ = published(Halves.key, noisy=True, baseline_noisy=False)
    assert score.value >= 1001
    before = page_of(admin_client, score)
    assert "This score is the baseline's" in before
    assert reverse("admin:scoring_score_explain", args=[score.pk]) in before

    reasons_ask(score=score)
    assert ScoreReasons.objects.count() == 1
    assert reasons_refresh(scorer_key=Halves.key, as_of=AS_OF).customers == CUSTOMERS

    why = Explained.from_json(ScoreReasons.objects.get(customer_id=score.customer_id).document)
    assert {why.score, why.rival} == {1001.0, 1002.0}
    assert why.score == score.value
    assert [reason.feature for reason in why.reasons] == ["recency_days"]
    page = page_of(admin_client, score)
    assert "This score is the baseline's" in page
    assert "speaks for it" in page
    assert "No order for" in page


def test_the_models_classes_are_not_explained_by_the_baseline(shop, admin_client):
    score, *_ = published(Halves.key)

    assert score.value < 1001
    with pytest.raises(ReasonsMissingError, match="gives no reasons"):
        reasons_ask(score=score)
    assert reasons_refresh(scorer_key=Halves.key, as_of=AS_OF).customers == 0
    assert "This model does not say why." in page_of(admin_client, score)


def test_reasons_that_name_no_classes_are_refused():
    class Wrong(ClusterScorer):
        key = "dummy.wrong"
        features = ("recency_days",)

        def assign(self, frame):
            return np.zeros(len(frame), dtype=np.int64)

        def explain(self, frame):
            return Contributions(frame, 0.0)

    frame = pd.DataFrame({"recency_days": [3.0]}, index=[7])

    with pytest.raises(ScorerOutputError, match="no class's"):
        customers_explain(Wrong(), frame, typical={})
