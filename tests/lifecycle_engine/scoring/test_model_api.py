"""Model versions and their cards by API."""

import pytest
from rest_framework.test import APIClient

from lifecycle_engine.core.services import api_key_create
from tests.factories.scoring import ModelVersionFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/scorers/dummy.lapse/models/"


def client(**columns):
    _record, key = api_key_create(**{"name": "shop", "scopes": ["customers:read"]} | columns)
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return found


def test_versions_are_listed_and_one_comes_with_its_card():
    ModelVersionFactory(number=1, state="champion", card={"curves": {"gain": []}})
    ModelVersionFactory(number=1, scorer_key="dummy.again")
    reader = client()

    listed = reader.get(URL).json()["results"]
    assert [(one["number"], one["state"], "card" in one) for one in listed] == [
        (1, "champion", False)
    ]
    assert reader.get(f"{URL}1/").json()["card"] == {"curves": {"gain": []}}
    assert reader.get(f"{URL}2/").status_code == 404


def test_a_partner_and_a_key_without_the_scope_read_none():
    ModelVersionFactory(number=1)

    assert client(partner="ads").get(f"{URL}1/").status_code == 403
    assert client(name="other", scopes=["events:write"]).get(URL).status_code == 403
