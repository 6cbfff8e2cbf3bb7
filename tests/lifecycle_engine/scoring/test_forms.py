"""What staff set of a scorer is refused where the scorer would refuse it."""

import pytest
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
