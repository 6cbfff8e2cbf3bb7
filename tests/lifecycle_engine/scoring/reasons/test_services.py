"""Reasons are worked out after a run and on demand, fit their score, and go with it."""

import importlib
from datetime import timedelta

import pytest
from django.urls import reverse

from lifecycle_engine.core.models import JobRun
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.scoring.errors import ReasonsMissingError
from lifecycle_engine.scoring.models import Score, ScorerSetting
from lifecycle_engine.scoring.personal import ScoreReasons
from lifecycle_engine.scoring.profile import scores_section
from lifecycle_engine.scoring.reason_models import ReasonsSummary
from lifecycle_engine.scoring.reasons.selectors import reasons_of
from lifecycle_engine.scoring.reasons.services import reasons_ask, reasons_refresh
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.services import model_train
from tests.lifecycle_engine.scoring.conftest import AS_OF, CUSTOMERS
from tests.lifecycle_engine.scoring.reasons.conftest import LAPSE


def explained_ids():
    return set(ScoreReasons.objects.values_list("customer_id", flat=True))


def test_the_highest_scores_are_explained_and_replaced_with_each_run(scored, admin_client):
    ScorerSetting.objects.create(key=LAPSE, reasons_top=5)
    best = list(Score.objects.order_by("-percentile", "customer_id"))

    worked = reasons_refresh(scorer_key=LAPSE, as_of=AS_OF)

    assert (worked.customers, worked.withdrawn) == (5, 0)
    assert explained_ids() == {score.customer_id for score in best[:5]}
    found = reasons_of(scores=best)
    assert set(found) == {score.pk for score in best[:5]}
    for score in best[:5]:
        explained = found[score.pk]
        assert explained.score == pytest.approx(score.value)
        told = sum(reason.contribution for reason in explained.reasons)
        assert explained.base + told == pytest.approx(explained.total)
    summary = ReasonsSummary.objects.get()
    assert (summary.customers, set(summary.importances)) == (CUSTOMERS, set(scored.features))
    assert JobRun.objects.get(name="scoring.explain").result == {"customers": 5, "withdrawn": 0}

    # The page of one with reasons, and of one without, who is worked out when somebody asks.
    page = admin_client.get(reverse("admin:customers_customer_change", args=[best[0].customer_id]))
    assert "No order for" in page.text
    assert "raises it" in page.text
    other = admin_client.get(
        reverse("admin:customers_customer_change", args=[best[9].customer_id])
    ).text
    assert "raises it" not in other
    assert reverse("admin:scoring_score_explain", args=[best[9].pk]) in other
    asked = admin_client.post(
        reverse("admin:scoring_score_explain", args=[best[9].pk]), follow=True
    )
    assert "lowers it" in asked.text
    assert explained_ids() == {score.customer_id for score in [*best[:5], best[9]]}

    # A newer score is not explained by older reasons, and the next time these go.
    later = AS_OF + timedelta(days=1)
    scorer_run(scorer_key=LAPSE, as_of=later)
    assert reasons_of(scores=Score.objects.all()) == {}
    worked = reasons_refresh(scorer_key=LAPSE, as_of=later)
    assert worked.customers == 5
    assert set(ScoreReasons.objects.values_list("as_of", flat=True)) == {later}


def test_everybody_or_nobody(scored):
    setting = ScorerSetting.objects.create(key=LAPSE, reasons="everybody", reasons_top=1)
    assert reasons_refresh(scorer_key=LAPSE, as_of=AS_OF).customers == CUSTOMERS

    setting.reasons = "nobody"
    setting.save()
    worked = reasons_refresh(scorer_key=LAPSE, as_of=AS_OF)

    assert (worked.customers, worked.withdrawn) == (0, CUSTOMERS)
    assert not ScoreReasons.objects.exists()


def test_reasons_are_in_the_profile(scored):
    score = Score.objects.order_by("-percentile", "customer_id").first()

    before = scores_section(customer_ids=[score.customer_id], at=AS_OF)
    reasons_ask(score=score)
    after = scores_section(customer_ids=[score.customer_id], at=AS_OF)

    assert before[score.customer_id][LAPSE]["reasons"] is None
    first = after[score.customer_id][LAPSE]["reasons"][0]
    assert first["effect"] == "raises"
    assert first["text"].startswith("No order for ")
    assert first["features"] == ["recency_days"]


def test_who_objects_is_not_looked_at(scored):
    score = Score.objects.first()
    Consent.objects.create(
        customer=Customer.objects.get(pk=score.customer_id),
        purpose="profiling",
        channel="",
        granted=False,
        source="test",
        recorded_at=AS_OF,
    )

    with pytest.raises(ReasonsMissingError, match=f"customer {score.customer_id}"):
        reasons_ask(score=score)

    assert not ScoreReasons.objects.exists()


def test_tensorflow_is_refused_where_a_page_is_made(scored, lapse, monkeypatch, admin_client):
    def explain(self, frame):
        importlib.import_module("tensorflow.nothing_of_the_kind")

    monkeypatch.setattr(lapse, "explain", explain)
    score = Score.objects.first()

    page = admin_client.post(reverse("admin:scoring_score_explain", args=[score.pk]), follow=True)

    assert "needs TensorFlow" in page.text
    assert not ScoreReasons.objects.exists()


def test_a_scorer_that_does_not_say_why_has_an_empty_state(shop, dummy, admin_client):
    model_train(scorer_key="dummy.spend", as_of=AS_OF, at=AS_OF)
    scorer_run(scorer_key="dummy.spend", as_of=AS_OF)
    score = Score.objects.first()

    assert reasons_refresh(scorer_key="dummy.spend", as_of=AS_OF).customers == 0
    with pytest.raises(ReasonsMissingError, match="gives no reasons"):
        reasons_ask(score=score)
    page = admin_client.get(reverse("admin:customers_customer_change", args=[score.customer_id]))
    assert "This model does not say why." in page.text
    assert not ScoreReasons.objects.exists()
