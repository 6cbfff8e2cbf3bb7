"""The segments' part of the API."""

import pytest
from rest_framework.test import APIClient

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.models import Customer
from tests.factories.segments import NOW, MembershipFactory, SegmentFactory, country_rule, rule

pytestmark = pytest.mark.django_db


def _client(*scopes):
    _record, key = api_key_create(name="partner", scopes=scopes)
    return APIClient(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def client():
    return _client(Scope.SEGMENTS_READ)


@pytest.mark.parametrize(
    "path", ["", "de/", "de/members/", "de/explain/?customer=c1"], ids=lambda path: path or "list"
)
def test_the_scope_is_wanted(path):
    SegmentFactory(key="de")

    assert _client(Scope.EVENTS_WRITE).get(f"/api/v1/segments/{path}").status_code == 403
    assert APIClient().get(f"/api/v1/segments/{path}").status_code == 401


def test_a_segment_says_what_it_is_and_how_fresh(client):
    SegmentFactory(key="de", name="Germans", size=7, as_of=NOW, error="rule: trouble")

    answer = client.get("/api/v1/segments/de/")

    assert answer.status_code == 200
    assert answer.json() == {
        "key": "de",
        "name": "Germans",
        "description": "",
        "rule": country_rule("DE"),
        "sentence": "A customer who has a profile where country is DE.",
        "version": 1,
        "kind": "dynamic",
        "state": "live",
        "upkeep": "failed",
        "size": 7,
        "as_of": "2017-12-01T00:00:00Z",
        "refreshed_at": None,
        "refresh_seconds": None,
        "refresh_due_at": None,
        "error": "rule: trouble",
    }


def test_an_unreadable_rule_hides_no_segment(client):
    SegmentFactory(key="odd", rule={"version": 9})
    SegmentFactory(key="old", state="archived")

    answer = client.get("/api/v1/segments/").json()

    assert [(row["key"], row["state"]) for row in answer["results"]] == [
        ("odd", "live"),
        ("old", "archived"),
    ]
    assert answer["results"][0]["sentence"] == ""


def test_members_come_in_pages(client):
    segment = SegmentFactory(key="de")
    customers = [Customer.objects.create(external_id=f"c{i}") for i in range(3)]
    for customer in reversed(customers):
        MembershipFactory(segment=segment, customer=customer)
    MembershipFactory(customer=customers[0])

    first = client.get("/api/v1/segments/de/members/?limit=2").json()
    second = client.get(first["next"]).json()

    assert [row["customer"] for row in first["results"]] == ["c0", "c1"]
    assert second["results"] == [
        {"id": customers[2].pk, "customer": "c2", "joined_at": "2017-12-01T00:00:00Z"}
    ]
    assert second["next"] is None


def test_an_unknown_segment_is_not_found(client):
    for path in ("", "members/", "explain/"):
        assert client.get(f"/api/v1/segments/nowhere/{path}").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_explain_gives_the_tree_with_outcomes(client, settings):
    settings.ENGINE_NOW = NOW
    Customer.objects.create(external_id="c1", country="DE")
    german, french = (country_rule(country)["rule"]["all"][0] for country in ("DE", "FR"))
    SegmentFactory(key="de", rule=rule(german, {"none": [french]}))

    answer = client.get("/api/v1/segments/de/explain/?customer=c1")

    assert answer.status_code == 200
    assert answer.json() == {
        "customer": "c1",
        "as_of": "2017-12-01T00:00:00Z",
        "holds": True,
        "rule": {
            "group": "all",
            "holds": True,
            "children": [
                {
                    "condition": "attribute",
                    "sentence": "has a profile where country is DE",
                    "path": "rule.all[0]",
                    "holds": True,
                    "observed": "DE",
                },
                {
                    "group": "none",
                    "holds": True,
                    "children": [
                        {
                            "condition": "attribute",
                            "sentence": "has a profile where country is FR",
                            "path": "rule.all[1].none[0]",
                            "holds": False,
                            "observed": "DE",
                        }
                    ],
                },
            ],
        },
    }


def test_explain_names_an_unknown_customer(client):
    SegmentFactory(key="de")

    answer = client.get("/api/v1/segments/de/explain/?customer=ghost")

    assert answer.status_code == 400
    assert answer.json()["fields"] == {"customer": ["No customer 'ghost'."]}
