"""Lookalikes by API: begin, look, page through the ranking, make a segment; who may do what."""

import pytest
from rest_framework.test import APIClient

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.scoring.lookalike_models import Lookalike
from lifecycle_engine.scoring.lookalikes.running import lookalikes_run
from lifecycle_engine.segments.models import Segment
from tests.factories.segments import NOW

pytestmark = pytest.mark.django_db(transaction=True)

_START = "/api/v1/segments/night/lookalikes/"


def _client(*scopes, **columns):
    _record, key = api_key_create(name=columns.pop("name", "shop"), scopes=scopes, **columns)
    return APIClient(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture(autouse=True)
def clock(settings):
    settings.ENGINE_NOW = NOW


@pytest.fixture
def client():
    return _client(Scope.SEGMENTS_READ, Scope.SEGMENTS_WRITE)


@pytest.fixture
def run(seed, client):
    """A search that is ready, as the API shows it."""
    begun = client.post(_START).json()
    lookalikes_run()
    return client.get(f"/api/v1/lookalikes/{begun['id']}/").json()


def test_a_search_is_begun_and_its_result_read(seed, client):
    begun = client.post(_START)
    again = client.post(_START)
    lookalikes_run()
    found = client.get(f"/api/v1/lookalikes/{begun.json()['id']}/").json()

    assert (begun.status_code, begun.json()["state"]) == (202, "queued")
    assert again.json()["id"] == begun.json()["id"]
    assert (found["segment"], found["state"], found["verdict"]) == ("night", "ready", "better")
    assert found["result"]["points"][-1]["size"] == found["others"]
    assert found["as_of"] == "2017-12-01T00:00:00Z"
    assert Lookalike.objects.get().requested_by == "shop"
    (listed,) = client.get(_START).json()["results"]
    assert listed == found


def test_the_ranking_comes_page_by_page(run, client):
    first = client.get(f"/api/v1/lookalikes/{run['id']}/ranking/?limit=3").json()
    second = client.get(first["next"]).json()

    assert [row["rank"] for row in first["results"]] == [1, 2, 3]
    assert [row["rank"] for row in second["results"]][:2] == [4, 5]
    row = first["results"][0]
    assert row["customer"] == Customer.objects.get(pk=row["id"]).external_id
    assert 0 < row["percentile"] <= 100


def test_a_segment_is_made_and_its_size_changed(run, client):
    url = f"/api/v1/lookalikes/{run['id']}/segment/"

    made = client.post(url, {"size": 30}, format="json")
    changed = client.post(url, {"size": 20, "name": "Fewer"}, format="json")

    assert made.status_code == 200
    assert (made.json()["name"], made.json()["size"]) == ("Like “Night owls”", 30)
    assert (changed.json()["key"], changed.json()["size"]) == (made.json()["key"], 20)
    found = client.get(f"/api/v1/lookalikes/{run['id']}/").json()
    assert (found["audience"], found["size"]) == (made.json()["key"], 20)


def test_a_wrong_size_is_named_and_nothing_made(run, client):
    for body in ({}, {"size": 0}, {"size": "many"}, {"size": 10**6}):
        refused = client.post(f"/api/v1/lookalikes/{run['id']}/segment/", body, format="json")

        assert (refused.status_code, list(refused.json()["fields"])) == (400, ["size"])
    assert Segment.objects.count() == 1


def test_a_refusal_is_told_with_its_reason(seed, client):
    seed.memberships.all().delete()
    begun = client.post(_START).json()
    lookalikes_run()

    found = client.get(f"/api/v1/lookalikes/{begun['id']}/").json()

    assert (found["state"], found["reason"], found["seeds"]) == ("refused", "seeds_few", 0)
    assert found["message"] == "The segment is too small to learn from."


def test_what_is_not_there_or_archived_is_said(seed, client):
    assert client.post("/api/v1/segments/none/lookalikes/").status_code == 404
    for path in ("", "ranking/"):
        assert client.get(f"/api/v1/lookalikes/1/{path}").status_code == 404
    Segment.objects.update(state="archived")

    refused = client.post(_START)

    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["segment"])
    assert not Lookalike.objects.exists()


def test_reading_and_writing_want_their_scopes(run):
    paths = {"GET": [_START, f"/api/v1/lookalikes/{run['id']}/"], "POST": [_START]}
    paths["GET"].append(f"/api/v1/lookalikes/{run['id']}/ranking/")
    paths["POST"].append(f"/api/v1/lookalikes/{run['id']}/segment/")
    reader = _client(Scope.SEGMENTS_READ, name="reader")
    writer = _client(Scope.SEGMENTS_WRITE, name="writer")

    assert {reader.post(path).status_code for path in paths["POST"]} == {403}
    assert {writer.get(path).status_code for path in paths["GET"]} == {403}
    assert {reader.get(path).status_code for path in paths["GET"]} == {200}
    assert Lookalike.objects.count() == 1


def test_a_partner_sees_only_who_agreed_and_changes_nothing(run):
    partner = _client(Scope.SEGMENTS_READ, Scope.SEGMENTS_WRITE, name="acme", partner="acme")
    ranking = f"/api/v1/lookalikes/{run['id']}/ranking/"
    shared = Lookalike.objects.get().customers.get(rank=7).customer
    Consent.objects.create(
        customer=shared, purpose="sharing:acme", granted=True, source="shop", recorded_at=NOW
    )

    assert [row["rank"] for row in partner.get(ranking).json()["results"]] == [7]
    assert partner.post(_START).status_code == 403
    refused = partner.post(f"/api/v1/lookalikes/{run['id']}/segment/", {"size": 3}, format="json")
    assert refused.status_code == 403
    assert Segment.objects.count() == 1
