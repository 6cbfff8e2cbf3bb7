"""Targets by API: made, listed, archived, and refused with the field."""

import pytest
from rest_framework.test import APIClient

from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.segments import SegmentFactory, rule

pytestmark = pytest.mark.django_db
URL = "/api/v1/targets/"
WANTED = {
    "slug": "pastry",
    "name": "Buys pastry",
    "horizon_days": 14,
    "outcome": {
        "version": 1,
        "rule": {"all": [{"condition": "category.bought", "category": "PASTRY"}]},
    },
}


def client(**columns):
    scopes = ["targets:read", "targets:write"]
    _record, key = api_key_create(**{"name": "shop", "scopes": scopes} | columns)
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return found


def test_a_target_is_made_listed_and_archived():
    partner = client()
    answer = partner.post(URL, WANTED, format="json")

    assert answer.status_code == 201, answer.json()
    made = answer.json()
    assert (made["key"], made["population"], made["made_by"]) == (
        *("propensity.pastry", "buyers", "shop"),
    )
    assert "propensity.pastry" in scorers.keys()  # noqa: SIM118 - a registry yields classes
    assert partner.get(URL).json()["results"] == [made]
    assert partner.get(f"{URL}propensity.pastry/").json() == made

    archived = partner.post(f"{URL}propensity.pastry/archive/").json()
    assert archived["archived_by"] == "shop"
    assert partner.post(f"{URL}propensity.pastry/archive/").json() == archived
    assert partner.post(f"{URL}propensity.none/archive/").status_code == 404


def test_one_that_a_segment_reads_is_not_archived():
    partner = client()
    key = partner.post(URL, WANTED, format="json").json()["key"]
    SegmentFactory(
        key="keen",
        rule=rule({"condition": "score.value", "scorer": key, "operator": "at_least", "value": 0}),
    )

    refused = partner.post(f"{URL}{key}/archive/")

    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert "segment 'keen' reads its scores" in refused.json()["message"]
    assert Target.objects.get().archived_at is None


def test_a_bad_one_is_refused_with_field_and_value():
    days = {"condition": "event.count", "name": "Signed Up", "at_least": 1, "days": 3}
    bad = WANTED | {"outcome": {"version": 1, "rule": {"all": [days]}}}

    answer = client().post(URL, bad, format="json")

    assert answer.status_code == 400
    assert "outcome.rule.all[0].days" in str(answer.json())
    assert not Target.objects.exists()


@pytest.mark.parametrize("columns", [{"scopes": ["targets:read"]}, {"partner": "ads"}])
def test_who_may_not_make_makes_none(columns):
    reader = client(**columns)
    assert reader.post(URL, WANTED, format="json").status_code == 403
    assert not Target.objects.exists()
    assert reader.get(URL).status_code == 200
