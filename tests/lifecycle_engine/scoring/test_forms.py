"""What staff set of a scorer is refused where the scorer would refuse it."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from lifecycle_engine.scoring.models import ScorerSetting
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.sdk.tuning import SearchConfig
from tests.factories.scoring_runs import KEY, Echo

GIVEN = {
    "key": KEY,
    "mode": "live",
    "promotion": "rule",
    "reasons": "top",
    "reasons_top": 200,
    "fall_back": "outcomes",
    "drift_limit": 0.25,
    "calibration_limit": 1.25,
    "fresh_hours": 24,
}


class EchoConfig(Config):
    """A scorer that offers a search."""

    search: SearchConfig = SearchConfig()


@pytest.fixture
def added(admin_client, monkeypatch):
    """Add a setting with a configuration; the answer."""
    monkeypatch.setattr(Echo, "Config", EchoConfig)
    address = reverse("admin:scoring_scorersetting_add")
    with scorers.temporarily():
        scorers.register(Echo)
        yield lambda config, **given: admin_client.post(address, GIVEN | {"config": config} | given)


def test_a_budget_for_a_search_is_kept(added):
    assert added('{"search": {"trials": 30, "seconds": 300}}').status_code == 302

    kept = ScorerSetting.objects.get(key=KEY)
    assert kept.config == {"search": {"trials": 30, "seconds": 300}}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"search": {"trials": -1}}', "search.trials"),
        ('{"serach": {"trials": 30}}', "serach"),
        ("[30]", "configuration"),
    ],
)
def test_one_that_the_scorer_refuses_is_told_at_once(added, config, said):
    answer = added(config)

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not ScorerSetting.objects.exists()


def test_one_whose_plugin_is_missing_is_left_as_it_is(added):
    assert added('{"anything": 1}', key="gone.scorer").status_code == 302


@pytest.mark.parametrize(("days", "status"), [(7, 302), ("", 302), (0, 200), (366, 200)])
def test_days_between_trainings_are_a_day_to_a_year_or_as_the_plugin_says(added, days, status):
    answer = added("{}", train_every_days=days)

    assert answer.status_code == status
    assert ScorerSetting.objects.count() == (status == 302)


def test_the_form_says_what_the_plugin_says(admin_client):
    page = admin_client.get(reverse("admin:scoring_scorersetting_add"), {"key": "value.alive"})
    days = str(scorers.get("value.alive").train_every_days)

    assert (
        page.context["adminform"].form.fields["train_every_days"].widget.attrs["placeholder"]
        == days
    )
    assert "together" not in page.context["adminform"].form.fields


@pytest.mark.parametrize("together", [True, False])
def test_the_tasks_of_a_model_are_configured_alike_if_staff_want_it(admin_client, together):
    address = reverse("admin:scoring_scorersetting_add") + "?key=lifecycle.purchase"
    ScorerSetting.objects.create(
        key="lifecycle.activation", mode="shadow", config={"single_seeds": 9}
    )
    given = GIVEN | {"key": "lifecycle.purchase", "config": '{"single_tasks": false}'}
    given |= {"train_every_days": 3}

    answer = admin_client.post(address, given | ({"together": "on"} if together else {}))

    assert answer.status_code == 302
    kept = {one.key: (one.mode, one.config) for one in ScorerSetting.objects.all()}
    days = dict(ScorerSetting.objects.values_list("key", "train_every_days"))
    assert days["lifecycle.activation"] == (3 if together else None)
    assert kept.pop("lifecycle.purchase") == ("live", {"single_tasks": False})
    told = LogEntry.objects.filter(change_message__contains="Configured as lifecycle.purchase")
    assert told.count() == (3 if together else 0)
    if together:
        # Nobody is switched on by it.
        assert kept == {
            "lifecycle.acquisition_cost": ("off", {"single_tasks": False}),
            "lifecycle.activation": ("shadow", {"single_tasks": False}),
            "lifecycle.retention": ("off", {"single_tasks": False}),
        }
    else:
        assert kept == {"lifecycle.activation": ("shadow", {"single_seeds": 9})}


def test_the_tick_is_set_unless_the_tasks_are_configured_apart(admin_client):
    def shown(**given):
        page = admin_client.get(reverse("admin:scoring_scorersetting_add"), given)
        return page.context["adminform"].form.fields["together"]

    assert shown().initial
    assert shown(key="lifecycle.purchase").initial
    assert "lifecycle.retention" in shown(key="lifecycle.purchase").help_text

    ScorerSetting.objects.create(key="lifecycle.activation", config={"single_tasks": False})
    assert not shown(key="lifecycle.purchase").initial
    ScorerSetting.objects.update(config={"gone": 1})
    assert not shown(key="lifecycle.activation").initial


def test_a_task_whose_scorer_is_typed_in_is_shared_as_well(admin_client):
    given = GIVEN | {"key": "lifecycle.purchase", "config": "{}", "together": "on"}

    assert admin_client.post(reverse("admin:scoring_scorersetting_add"), given).status_code == 302

    assert ScorerSetting.objects.count() == 4
