"""What is shown of a model beside its baseline is what its interval allows."""

import pytest
from django.urls import reverse

from lifecycle_engine.console.metrics import champions
from tests.factories.scoring import ModelVersionFactory


def version(**of):
    found = {"model": 0.6, "baseline": 0.5, "low": 0.05, "high": 0.15, "higher_is_better": True}
    card = {"decided_by": "auc", "validation": {"metrics": {"auc": found | of}}}
    return ModelVersionFactory(scorer_key="churn.risk", state="champion", card=card)


@pytest.mark.parametrize(
    ("low", "high", "higher_is_better", "tone"),
    [
        (0.01, 0.05, True, "good"),
        (-0.01, 0.05, True, "primary"),
        (-0.05, -0.01, True, "bad"),
        (0.01, 0.05, False, "bad"),
        (-0.05, -0.01, False, "good"),
        (0.0, 0.05, True, "primary"),
        (None, None, True, "primary"),
    ],
)
def test_only_what_is_shown_is_good_or_bad(db, low, high, higher_is_better, tone):
    version(low=low, high=high, higher_is_better=higher_is_better)
    (found,) = champions()
    assert found.metrics[0].tone == tone
    assert found.better is (tone == "good")


def test_the_dashboard_has_the_difference_with_its_interval(admin_client, db):
    version()
    page = admin_client.get(reverse("admin:index")).content.decode()
    assert "Churn risk" in page
    assert '<td class="le-number le-good">+0.1 (+0.05 to +0.15)</td>' in page
    assert "1 shown to beat their baseline" in page


def test_the_dashboard_colours_nothing_that_may_be_chance(admin_client, db):
    version(low=-0.05)
    page = admin_client.get(reverse("admin:index")).content.decode()
    assert '<td class="le-number">+0.1 (-0.05 to +0.15)</td>' in page
    assert "0 shown to beat their baseline" in page


@pytest.mark.parametrize(
    ("better", "low", "words"),
    [
        (True, 0.05, "better than its baseline"),
        (True, -0.05, "ahead of its baseline, which may be chance"),
        (False, -0.05, "not better than its baseline"),
    ],
)
def test_a_card_says_whether_it_may_be_chance(admin_client, db, better, low, words):
    found = version(low=low)
    found.card["better_than_baseline"] = better
    found.save()
    url = reverse("admin:scoring_modelversion_change", args=[found.pk])
    page = admin_client.get(url).content.decode()
    assert f">{words}</span>" in page
