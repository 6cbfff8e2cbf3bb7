"""Staff define a target in a form, see how often it was true, make it and put it away."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.scoring.targets.rates import target_rates
from lifecycle_engine.warehouse.mirror import mirror_run

NOW = datetime(2017, 12, 1, tzinfo=UTC)
FORM = {
    "name": "Signs up",
    "counts": "event",
    "kind": "department",
    "event": "Signed Up",
    "times": "1",
    "horizon_days": "30",
    "population": "buyers",
}


@pytest.fixture
def shop(transactional_db, settings):
    """Three customers order in September; the first two sign up in October, the first again."""
    settings.ENGINE_NOW = NOW
    items = [item(name, "Order Completed", 75) for name in ("a", "b", "c")]
    items += [item("a", "Signed Up", 50), item("b", "Signed Up", 40), item("a", "Signed Up", 5)]
    assert events_ingest(source="shop", items=items, received_at=NOW).rejected == []
    mirror_run()


def item(name, event, ago):
    return {
        "type": "track",
        "messageId": f"{event}-{name}-{ago}",
        "userId": name,
        "event": event,
        "timestamp": (NOW - timedelta(days=ago)).isoformat(),
        "properties": {"order_id": name, "total": 5.0, "products": []},
    }


def test_it_says_how_often_it_was_true_and_makes_the_target(shop, admin_client):
    url = reverse("admin:scoring_target_new")
    looked = admin_client.post(url, FORM | {"look": "1"})
    said = looked.content.decode()
    windows = looked.context["windows"]
    assert [(row["customers"], row["positives"]) for row in windows] == [("3", "1")]
    assert "Not enough to learn from yet." in said
    assert "customers of whom it came true: 1 there, 50 needed" in said
    assert "did “Signed Up” at least 1 time" in said
    assert not Target.objects.exists()

    made = admin_client.post(url, FORM | {"make": "1"})
    target = Target.objects.get()
    assert (target.key, target.made_by, target.population) == (
        *("propensity.signs_up", "admin", "buyers"),
    )
    page = admin_client.get(made.url)
    assert page.status_code == 200
    assert "propensity.signs_up" in page.content.decode()

    admin_client.post(reverse("admin:scoring_target_archive", args=[target.pk]))
    target.refresh_from_db()
    assert target.archived_by == "admin"


def test_rates_are_of_windows_that_are_over(shop):
    rule = {"all": [{"condition": "event.count", "name": "Signed Up", "at_least": 1}]}
    target = Target(
        key="propensity.x", name="X", horizon_days=20, outcome={"version": 1, "rule": rule}
    )
    rates = target_rates(target=target, at=NOW)
    found = [(one.start, one.customers, one.positives) for one in rates.windows]
    assert found == [
        (NOW - timedelta(days=20), 3, 1),
        (NOW - timedelta(days=50), 3, 2),
    ]
    assert {need.what: need.found for need in rates.needs} == {
        "days": 75,
        "customers": 3,
        "positives": 1,
        "negatives": 2,
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"event": ""}, "event"),
        ({"name": "注册"}, "slug"),
        ({"slug": "Signs Up"}, "slug"),
        ({"property": "plan"}, "value"),
        ({"horizon_days": "0"}, "horizon_days"),
        ({"counts": "part"}, "part"),
    ],
)
def test_what_is_missing_is_said_at_its_field(admin_client, db, monkeypatch, changes, field):
    for name in ("events_seen", "catalogue_seen"):
        monkeypatch.setattr(
            f"lifecycle_engine.console.target_pages.{name}", lambda **_given: {"Signed Up": 1}
        )
    answer = admin_client.post(reverse("admin:scoring_target_new"), FORM | changes | {"make": "1"})
    assert list(answer.context["form"].errors) == [field]
    assert not Target.objects.exists()


def test_who_may_not_make_targets_gets_no_form(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("ben", is_staff=True))
    assert client.get(reverse("admin:scoring_target_new")).status_code == 403
