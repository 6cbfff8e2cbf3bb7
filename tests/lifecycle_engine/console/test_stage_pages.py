"""The pages of the lifecycle."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.urls import reverse

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.segments.stage_learning import thresholds_in_force, thresholds_set
from lifecycle_engine.segments.stage_models import StageThresholds
from tests.factories.segments import NOW, ago

pytestmark = pytest.mark.django_db(transaction=True)

LIFECYCLE, THRESHOLDS = "/admin/lifecycle/", "/admin/lifecycle/thresholds/"


@pytest.fixture(autouse=True)
def clock(settings):
    settings.ENGINE_NOW = NOW
    cache.clear()
    yield
    cache.clear()


def test_an_empty_shop_is_told_what_to_expect(admin_client):
    page = admin_client.get(LIFECYCLE).text

    assert "Stages appear with the first customers" in page
    assert "Nobody has ordered yet." in page
    assert "None have been set yet" in admin_client.get(THRESHOLDS).text


def test_moves_are_shown_for_the_days_asked_for(admin_client):
    Customer.objects.create(external_id="old", created_at=ago(40))
    Customer.objects.create(external_id="new", created_at=ago(2))

    page = admin_client.get(LIFECYCLE, {"start": "2017-11-01", "end": "2017-11-15"}).text
    wide = admin_client.get(LIFECYCLE).text

    assert "1 November 2017" in page
    assert "New → Prospect: 1" in page  # "new" came after the end, but is a customer now
    assert "Prospect → Prospect: 1" in page
    assert "New → Prospect: 2" in wide


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"start": "2017-11-15", "end": "2017-11-15"}, "The last day has to be after the first."),
        ({"start": "soon", "end": "2017-11-15"}, "Enter a valid date."),
    ],
)
def test_wrong_days_are_named(admin_client, asked, message):
    page = admin_client.get(LIFECYCLE, asked)

    assert page.status_code == 200
    assert message in page.text


def test_staff_see_who_would_move_before_anything_changes(admin_client):
    Customer.objects.create(external_id="c")
    wanted = {**StageThresholds().values(), "lapsed_gaps": 3}

    page = admin_client.post(THRESHOLDS, {**wanted, "preview": "1"}).text

    assert "0 customers would be in another stage." in page
    assert thresholds_in_force() is None


def test_staff_put_thresholds_into_force(admin_client, admin_user):
    wanted = {**StageThresholds().values(), "lapsed_gaps": 3.5}

    answer = admin_client.post(THRESHOLDS, {**wanted, "save": "1"}, follow=True)

    assert "The stages follow within a minute." in answer.text
    assert (thresholds_in_force().lapsed_gaps, thresholds_in_force().set_by) == (3.5, "admin")
    assert "set by admin" in answer.text


def test_thresholds_that_contradict_each_other_change_nothing(admin_client):
    wrong = {**StageThresholds().values(), "lapsed_gaps": 1, "save": "1"}

    page = admin_client.post(THRESHOLDS, wrong).text

    assert "Lapsed wants a longer silence than at risk." in page
    assert thresholds_in_force() is None


def test_what_was_learned_is_offered_beside_what_is_in_force(admin_client):
    set_by_staff = StageThresholds(**{**StageThresholds().values(), "gap_days": 44.0})
    thresholds_set(thresholds=set_by_staff, by="ada")

    assert 'value="44.0"' in admin_client.get(THRESHOLDS).text
    assert 'value="30.0"' in admin_client.get(THRESHOLDS, {"learned": "1"}).text


def test_others_may_not(client):
    user = User.objects.create(username="eve", is_staff=True)
    client.force_login(user)

    assert client.get(reverse("lifecycle")).status_code == 403
    assert client.post(reverse("stage-thresholds"), {"save": "1"}).status_code == 403
    assert thresholds_in_force() is None
