"""Scores that are asked for by API say why, of the very score in the answer."""

import importlib

import pytest
from rest_framework.test import APIClient

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring import on_demand
from lifecycle_engine.scoring.monitoring.uses import use_set
from lifecycle_engine.scoring.profile import scores_section
from lifecycle_engine.scoring.reasons.services import reasons_refresh
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.scoring.use_models import Use, UseCause
from lifecycle_engine.sdk.scorers import scorers
from tests.lifecycle_engine.scoring.conftest import AS_OF
from tests.lifecycle_engine.scoring.reasons.conftest import LAPSE
from tests.lifecycle_engine.scoring.reasons.test_class_reasons import Why, published

NAMES = ["customer-00", "customer-01"]


@pytest.fixture
def api(settings):
    settings.ENGINE_NOW = AS_OF
    _record, key = api_key_create(name="shop", scopes=[Scope.CUSTOMERS_READ])
    return APIClient(headers={"Authorization": f"Bearer {key}"})


def ask(api, key=LAPSE, names=NAMES, reasons=True, **headers):
    given = {"customers": names, "reasons": reasons}
    return api.post(f"/api/v1/scorers/{key}/score/", given, format="json", headers=headers)


def scores(api, **given):
    answer = ask(api, **given)
    assert answer.status_code == 200, answer.content
    return {one["customer"]: one for one in answer.json()["scores"]}


def test_they_are_those_of_the_profile(scored, api):
    reasons_refresh(scorer_key=LAPSE, as_of=AS_OF)
    numbers = dict(Customer.objects.filter(external_id__in=NAMES).values_list("external_id", "pk"))
    profiles = scores_section(customer_ids=list(numbers.values()), at=AS_OF)

    found = scores(api)

    assert [*found] == NAMES
    for name, one in found.items():
        profile = profiles[numbers[name]][LAPSE]
        assert one["value"] == pytest.approx(profile["value"])
        assert one["reasons"] == profile["reasons"] != []
        assert one["changes"] == profile["changes"]
        assert one["rather_than"] is None
    chinese = scores(api, **{"Accept-Language": "zh-hans"})
    assert (
        chinese["customer-00"]["reasons"][0]["text"] != found["customer-00"]["reasons"][0]["text"]
    )


def test_nobody_who_does_not_ask_waits_for_them(scored, api, lapse, monkeypatch):
    monkeypatch.setattr(lapse, "explain", None)
    assert {one["reasons"] for one in scores(api, reasons=False).values()} == {None}


def test_of_a_momentary_score_they_are_of_this_moment(shop, lapse, api, monkeypatch):
    monkeypatch.setattr(lapse, "momentary", True)
    model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF)
    on_demand.champions.clear()

    found = scores(api)

    for one in found.values():
        assert any(why["features"] == ["recency_days"] for why in one["reasons"])
        assert one["changes"] == []  # What is typical of customers is known after runs only.


def test_of_a_baseline_that_does_not_say_why_there_are_none(scored, api):
    given = {"cause": UseCause.HAND, "reason": "why not", "by": "anna"}
    use_set(scorer_key=LAPSE, use=Use.BASELINE, **given)

    answer = ask(api).json()

    assert answer["by"] == "baseline"
    assert [one["reasons"] for one in answer["scores"]] == [None, None]


def test_a_scorer_that_does_not_say_why_gives_the_score(shop, dummy, api):
    model_train(scorer_key="dummy.spend", as_of=AS_OF, at=AS_OF)
    scorer_run(scorer_key="dummy.spend", as_of=AS_OF)

    found = scores(api, key="dummy.spend")

    assert {name: (one["reasons"], one["changes"]) for name, one in found.items()} == dict.fromkeys(
        NAMES, (None, None)
    )


def test_a_class_is_explained_beside_the_one_that_came_closest(shop, api):
    with scorers.temporarily(Why):
        published(Why.key)
        (found,) = scores(api, key=Why.key, names=NAMES[:1]).values()
    names = {"No order", "One order", "Several orders"}
    assert {found["class"], found["rather_than"]} < names
    assert found["class"] != found["rather_than"]
    assert found["reasons"]


def test_what_is_no_yes_or_no_is_refused(scored, api):
    answer = ask(api, reasons="perhaps")
    assert answer.status_code == 400
    assert [*answer.json()["fields"]] == ["reasons"]


def test_reasons_that_want_tensorflow_are_left_to_workers(scored, lapse, api, monkeypatch):
    def explain(self, frame):
        importlib.import_module("tensorflow.nothing_of_the_kind")

    monkeypatch.setattr(lapse, "explain", explain)
    assert ask(api).status_code == 503
    assert ask(api, reasons=False).status_code == 200
