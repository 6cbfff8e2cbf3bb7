"""Making and changing segments by API, and lists."""

import pytest
from rest_framework.test import APIClient

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments import selectors, services, touched
from lifecycle_engine.segments.models import MembershipChange, Segment
from tests.factories.segments import NOW, SegmentFactory, country_rule, rule

pytestmark = pytest.mark.django_db(transaction=True)

_URL = "/api/v1/segments/"


def _client(*scopes, **columns):
    _record, key = api_key_create(name=columns.pop("name", "shop"), scopes=scopes, **columns)
    return APIClient(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def client():
    return _client(Scope.SEGMENTS_WRITE)


def _post(client, path, **body):
    return client.post(f"{_URL}{path}", body, format="json")


def _members(key):
    segment = Segment.objects.get(key=key)
    return selectors.segment_member_ids(segment_id=segment.pk).tolist()


def test_a_segment_is_made_changed_and_archived(client):
    made = _post(client, "", key="de", name="Germans", rule=country_rule("DE"))
    changed = client.patch(f"{_URL}de/", {"rule": country_rule("AT")}, format="json")
    archived = client.patch(f"{_URL}de/", {"state": "archived"}, format="json")

    assert (made.status_code, made.json()["upkeep"], made.json()["kind"]) == (
        201,
        "waiting",
        "dynamic",
    )
    assert (changed.status_code, changed.json()["version"], changed.json()["name"]) == (
        200,
        2,
        "Germans",
    )
    assert archived.json()["state"] == "archived"
    assert Segment.objects.get().updated_by == "shop"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"key": "de", "name": "X", "rule": country_rule("DE")}, "key"),
        ({"key": "x", "name": "X", "rule": {"version": 1}}, "rule"),
        ({"key": "x", "name": "X"}, "rule"),
        ({"key": "x", "name": "X", "kind": "static", "rule": country_rule("DE")}, "rule"),
        ({"key": "x", "name": "X", "rule": {"a": "\0"}}, "rule"),
        ({"key": "x y", "name": "X", "kind": "static"}, "key"),
        ({"key": "x"}, "name"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(client, body, field):
    SegmentFactory(key="de")

    answer = _post(client, "", **body)

    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])
    assert Segment.objects.count() == 1


def test_who_is_on_a_list_is_said_in_batches_and_only_the_unknown_are_refused(client):
    ada, bob = (Customer.objects.create(external_id=one) for one in ("ada", "bob"))
    part = Customer.objects.create(external_id="old-bob", merged_into=bob)
    assert _post(client, "", key="vip", name="VIP", kind="static").status_code == 201
    reader = SegmentFactory(rule=rule({"condition": "segment.member", "segment": "vip"}))
    services.segment_refresh(segment_id=reader.pk, at=NOW, cause="schedule")

    added = _post(client, "vip/members/add/", customers=["ada", "nobody", part.external_id])
    again = _post(client, "vip/members/add/", customers=["ada"])
    while touched.touched_settle(at=NOW.replace(year=2100)) is not None:
        pass

    assert added.json() == {
        "changed": 2,
        "rejected": [
            {"index": 1, "customer": "nobody", "message": "there is no customer of this number"}
        ],
    }
    assert again.json() == {"changed": 0, "rejected": []}
    assert _members("vip") == _members(reader.key) == [ada.pk, bob.pk]
    segment = Segment.objects.get(key="vip")
    assert (segment.size, segment.upkeep) == (2, "current")

    removed = _post(client, "vip/members/remove/", customers=["ada"])

    assert removed.json()["changed"] == 1
    assert _members("vip") == [bob.pk]
    changes = MembershipChange.objects.filter(segment=segment).values_list("kind", "cause")
    assert sorted(changes) == [("joined", "api"), ("joined", "api"), ("left", "api")]


def test_a_segment_by_rule_or_in_the_archive_has_no_list(client):
    Customer.objects.create(external_id="ada")
    SegmentFactory(key="de")
    SegmentFactory(key="old", kind="static", rule={}, state="archived")

    for key in ("de", "old"):
        answer = _post(client, f"{key}/members/add/", customers=["ada"])
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["segment"])
        assert _members(key) == []


def test_the_scope_is_wanted_and_partners_may_not():
    SegmentFactory(key="de")
    reader = _client(Scope.SEGMENTS_READ, name="reader")
    partner = _client(Scope.SEGMENTS_WRITE, name="ads", partner="ads")

    for client in (reader, partner):
        assert _post(client, "", key="x", name="X", kind="static").status_code == 403
        assert _post(client, "de/members/add/", customers=["a"]).status_code == 403
        assert client.patch(f"{_URL}de/", {"name": "X"}, format="json").status_code == 403
    assert Segment.objects.get().name != "X"
