"""Scores on demand by API: from the features at hand, by the champion of the moment."""

import sys
from itertools import count

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from rest_framework.test import APIClient

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.erasure import customer_erase
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.scoring import frames, on_demand, running
from lifecycle_engine.scoring.limits import AT_ONCE
from lifecycle_engine.scoring.models import ScorerSetting
from lifecycle_engine.scoring.run_models import FeatureFrame
from lifecycle_engine.sdk.scorers import RankingScorer, scorers
from tests.factories.customers import CustomerFactory
from tests.factories.scoring_runs import AS_OF, KEY, Echo, champion, days, feature_table_of, people

pytestmark = pytest.mark.django_db(transaction=True)

URL = f"/api/v1/scorers/{KEY}/score/"


class Ranks(RankingScorer):
    """A scorer that gives no numbers."""

    key = "test.ranks"
    label = "Ranks"


def _client(*scopes, **columns):
    _record, key = api_key_create(name=columns.pop("name", "shop"), scopes=scopes, **columns)
    return APIClient(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture(autouse=True)
def _shop(monkeypatch, settings):
    settings.ENGINE_NOW = AS_OF
    monkeypatch.setattr(frames.datasets, "feature_table", feature_table_of(count(1)))
    monkeypatch.setattr(frames, "SHARD", 4)
    monkeypatch.setattr(running, "enqueue", lambda *_args, **_given: None)
    on_demand.champions.clear()
    with scorers.temporarily():
        scorers.register(Echo)
        scorers.register(Ranks)
        yield


@pytest.fixture
def client():
    return _client(Scope.CUSTOMERS_READ)


@pytest.fixture
def customers():
    """Ten customers who were scored."""
    found = people(10)
    champion()
    running.scorer_run(scorer_key=KEY, as_of=AS_OF)
    return found


def ask(client, names, url=URL):
    return client.post(url, {"customers": names}, format="json")


def value(customer, frame=1, factor=2.0):
    return float(days(frame, [customer.pk])[0] * factor)


def told(name, value):
    """A score of which nobody asked why."""
    bare = {"customer": name, "value": value, "class": None}
    return bare | {"rather_than": None, "reasons": None, "changes": None}


def test_customers_are_scored_and_the_others_are_named(client, customers):
    objector = customers[3]
    Consent.objects.create(
        customer=objector, purpose="profiling", granted=False, source="test", channel=""
    )
    late = CustomerFactory(external_id="late")
    part = CustomerFactory(external_id="part", merged_into=customers[7])
    names = [one.external_id for one in (customers[9], objector, customers[0], late, part)]

    answer = ask(client, [*names, "stranger", "nul\0", names[0]])

    assert answer.status_code == 400  # No text has a NUL in it.
    answer = ask(client, [*names, "stranger", names[0]])
    assert answer.json() == {
        "scorer": KEY,
        "model": 1,
        "by": "model",
        "features_as_of": "2017-12-01T00:00:00Z",
        "scores": [
            told(names[0], value(customers[9])),
            told(names[2], value(customers[0])),
            told("part", value(customers[7])),
        ],
        "refused": [
            {"customer": "stranger", "code": "unknown", "message": "There is no such customer."},
            {
                "customer": names[1],
                "code": "objection",
                "message": "The customer objects to profiling.",
            },
            {
                "customer": "late",
                "code": "features",
                "message": "The scorer does not look at the customer, or its last run did not yet.",
            },
        ],
    }


def test_the_champion_is_kept_in_memory_until_another_is_promoted(client, customers, monkeypatch):
    read, whole = [], on_demand.scorer_restored
    monkeypatch.setattr(
        on_demand, "scorer_restored", lambda **given: read.append(given) or whole(**given)
    )
    one = customers[0]
    answers = [ask(client, [one.external_id]).json() for _ in range(2)]
    assert (len(read), answers[0]) == (1, answers[1])

    champion(factor=3.0, number=2)
    answer = ask(client, [one.external_id]).json()

    assert (answer["model"], len(read)) == (2, 2)
    assert answer["scores"] == [told(one.external_id, value(one, factor=3.0))]


def test_partners_score_only_whom_they_may_see(customers):
    partner = _client(Scope.CUSTOMERS_READ, name="acme", partner="acme")
    Consent.objects.create(
        customer=customers[1],
        purpose="sharing:acme",
        granted=True,
        source="test",
        channel="",
        recorded_at=AS_OF,
    )

    answer = ask(partner, [customers[0].external_id, customers[1].external_id]).json()

    assert [one["customer"] for one in answer["scores"]] == [customers[1].external_id]
    assert [one["code"] for one in answer["refused"]] == ["unknown"]


def test_an_objection_that_is_taken_back_counts_no_more(client, customers):
    one = customers[0]
    for granted, at in ((False, AS_OF), (True, AS_OF.replace(year=2018))):
        Consent.objects.create(
            customer=one,
            purpose="profiling",
            granted=granted,
            source="test",
            channel="",
            recorded_at=at,
        )

    assert ask(client, [one.external_id]).json()["refused"] == []


def test_what_can_not_be_scored_says_why(client, customers):
    name = customers[0].external_id
    assert ask(client, [name], "/api/v1/scorers/nobody.knows/score/").status_code == 404
    assert ask(client, [name], "/api/v1/scorers/test.ranks/score/").status_code == 404
    for bad in ([], ["x"] * (AT_ONCE + 1), "x", [{}]):
        assert ask(client, bad).status_code == 400
    assert ask(_client(Scope.EVENTS_WRITE, name="other"), [name]).status_code == 403
    ScorerSetting.objects.create(key=KEY, mode="shadow")
    answer = ask(client, [name])
    assert (answer.status_code, answer.json()["message"]) == (409, f"Scorer {KEY} is not live")


def test_a_scorer_without_model_or_features_says_so(client):
    one = CustomerFactory()
    answer = ask(client, [one.external_id])
    assert answer.status_code == 409
    assert "no trained model" in answer.json()["message"]
    champion()

    answer = ask(client, [one.external_id])

    assert answer.status_code == 409
    assert answer.json()["message"] == f"Scorer {KEY} has no features yet: run it first"


def test_a_tampered_model_and_lost_features_are_refused(client, customers):
    name = customers[0].external_id
    for part in FeatureFrame.objects.get().parts:
        default_storage.delete(part["path"])
    assert (
        ask(client, [name]).json()["message"] == f"The features of scorer {KEY} are being renewed"
    )

    model = champion(factor=3.0, number=2)
    default_storage.delete(model.artefact)
    default_storage.save(model.artefact, ContentFile(b"something else"))
    answer = ask(client, [name])
    assert answer.status_code == 409
    assert "does not have the recorded SHA-256" in answer.json()["message"]


@pytest.mark.parametrize("where", ["restore", "predict"])
def test_a_model_that_needs_tensorflow_is_left_to_workers(client, customers, monkeypatch, where):
    def loading(*_given):
        import tensorflow.never_loaded_by_web  # noqa: F401, PLC0415

    # As in a process that has not loaded it.
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(Echo, where, loading)

    answer = ask(client, [customers[0].external_id])

    assert answer.status_code == 503
    assert answer.json()["code"] == "workers_only"
    assert "tensorflow" not in sys.modules


def test_erased_customers_are_unknown(client, customers):
    name = customers[2].external_id
    customer_erase(customer_id=customers[2].pk, actor="test", reason="test", at=AS_OF)

    assert Customer.objects.get(pk=customers[2].pk).erased_at
    assert [one["code"] for one in ask(client, [name]).json()["refused"]] == ["unknown"]
