"""A model's card in the admin: plots, words, and what is left out."""

import numpy as np
import pytest
from django.urls import reverse

from lifecycle_engine.scoring.cards.curves import curves
from lifecycle_engine.scoring.models import ModelState
from lifecycle_engine.scoring.versions import model_move
from lifecycle_engine.sdk.scorers import Probability
from tests.factories.scoring import ModelVersionFactory

RNG = np.random.default_rng(0)
SCORE = RNG.random(200)
TRUE = (RNG.random(200) < SCORE).astype(float)


def metric(value, baseline, higher_is_better=True):
    return {
        "model": value,
        "baseline": baseline,
        "difference": value - baseline,
        "low": value - baseline - 0.01,
        "high": value - baseline + 0.01,
        "model_low": value - 0.02,
        "model_high": value + 0.02,
        "higher_is_better": higher_is_better,
        "better": True,
    }


@pytest.fixture
def version(db):
    one = {"dimension": "stage", "rows": 150, "target_mean": 0.3}
    judged = {"metric": "auc", "low": 0.6, "high": 0.8, "baseline": 0.65, "said_mean": 0.31}
    return ModelVersionFactory(
        card={
            "decided_by": "average_precision",
            "better_than_baseline": True,
            "manifest": {"excluded": 3},
            "validation": {
                "from": "2017-11-01T00:00:00+00:00",
                "until": "2017-12-01T00:00:00+00:00",
                "rows": 200,
                "metrics": {"average_precision": metric(0.6, 0.5), "precision": metric(0.7, 0.6)},
                "threshold": {"share": 0.5, "model": 0.4, "baseline": 0.5},
                "total_ratio": 1.25,
            },
            "curves": curves(
                Probability(), target=TRUE, model=SCORE, baseline=SCORE**0.5 % 0.7, rng=RNG
            ),
            "importance": [
                {"feature": "recency_days", "metric": "average_precision", "loss": 0.04}
            ],
            "slices": [
                one | judged | {"group": "loyal", "model": 0.71},
                one | judged | {"group": "lapsed", "model": 0.62},
                one | {"group": "activated", "rows": 8},
                one | judged | {"dimension": "tenure", "group": "365-", "model": 0.8},
            ],
            "worst_slice": one | judged | {"group": "lapsed", "model": 0.62},
            "drift": [{"feature": "tenure_days", "psi": 0.31}],
            "cost": [{"step": "judging", "processor": 1.234, "wall": 2.0}],
            "devices": [
                {"kind": "T4", "count": 2, "precision": "mixed_float16", "compiled": "auto"},
                {"kind": "T4", "count": 1, "precision": "float32", "compiled": False},
            ],
        }
    )


def page(client, version, language="en"):
    client.cookies["django_language"] = language
    address = reverse("admin:scoring_modelversion_change", args=[version.pk])
    return client.get(address).content.decode()


def test_the_card_shows_curves_slices_drift_and_cost(admin_client, version):
    found = page(admin_client, version)

    assert "Share of the cases reached" in found
    assert "What was said and what came true" in found
    assert "Loss of Average precision without the feature" in found
    assert "worst for Lapsed: AUC 0.6200" in found
    assert "too few to judge" in found
    assert "365 and more" in found
    assert "0.6000 (0.5800 – 0.6200)" in found
    assert "a share of 0.500, from a score of 0.400 on" in found
    assert 'le-badge-bad">0.3100' in found
    assert "Networks on 2 × T4, numbers of 16 and 32 bits, compiled by XLA where Keras can" in found
    assert "Networks on 1 × T4, numbers of 32 bits, not compiled by XLA" in found
    assert found.count('role="img"') >= 6
    assert "style=" not in found[found.index("le-page") :].split("</main>")[0].partition("<svg")[2]


def test_the_card_reads_in_chinese(admin_client, version):
    found = page(admin_client, version, "zh-hans")

    assert "覆盖的目标客户比例" in found
    assert "表现最差的是" in found
    assert "too few to judge" not in found


def test_a_model_without_a_judgement_has_a_page_too(admin_client, db):
    found = page(admin_client, ModelVersionFactory(card={}))

    assert "This model was not judged yet" in found
    assert "What it leans on" not in found


def test_only_a_champion_that_replaced_another_can_be_rolled_back(admin_client, db):
    first, second = (
        ModelVersionFactory(number=number, state=ModelState.CHALLENGER) for number in (1, 2)
    )
    why = {"reason": "It calls whom we want", "by": "anna"}
    model_move(version_id=first.pk, to=ModelState.CHAMPION, **why)
    assert "Roll back to the one before" not in page(admin_client, first)

    model_move(version_id=second.pk, to=ModelState.CHAMPION, **why)

    assert "Roll back to the one before" in page(admin_client, second)
    assert "Promote" in page(admin_client, first)


@pytest.mark.parametrize(
    ("helps", "language", "said"),
    [
        (False, "en", "Made-up churners (WGAN-GP): tried, did not help, and is left out. Log loss"),
        (True, "en", "Made-up churners (WGAN-GP): tried, helps, and is used. Log loss -0.004 "),
        (False, "zh-hans", "没有帮助"),
        (True, "zh-hans", "有帮助"),
    ],
)
def test_the_card_says_in_words_what_several_seeds_said(
    admin_client, version, helps, language, said
):
    trial = {
        "name": "Made-up churners (WGAN-GP)",
        "metric": "log_loss",
        "higher_is_better": False,
        "seeds": 5,
        "difference": -0.004,
        "low": -0.011,
        "high": -0.001 if helps else 0.003,
        "helps": helps,
    }
    version.card["report"] = {"chosen": "boosting", "trials": [trial]}
    version.save()

    found = page(admin_client, version, language)

    assert said in found
    assert "-0.011" in found
    assert "trials" not in found


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["Still active, week by week", "The third least likely to stay", "0.1215"]),
        ("zh-hans", ["逐周仍然活跃", "最可能流失的三分之一", "0.1215"]),
    ],
)
def test_the_card_draws_who_stayed_active(admin_client, version, language, said):
    figures = {"said": 0.8, "came_true": 0.75, "low": 0.7, "high": 0.79, "at_risk": 200.0}
    points = [figures | {"week": 1}, figures | {"week": 2, "came_true": 0.7}]
    groups = [{"group": name, "points": points} for name in ("everybody", "low")]
    version.card["report"] = {
        "survival": {"error": 0.1215, "error_baseline": 0.1464, "groups": groups}
    }
    version.save()

    found = page(admin_client, version, language)

    assert all(words in found for words in said)
    assert "at_risk" not in found


def searched(*, best=2, judged=(-0.02, -0.001), seconds=0.0):
    trials = [
        {"settings": {"trees": 120 - n, "rate": 0.05 + n / 100}, "loss": loss, "seconds": 1.0}
        for n, loss in enumerate((0.6, 0.62, 0.55 if best else 0.61))
    ]
    low, high = judged
    beside = {"default": 0.5, "found": 0.49, "difference": (low + high) / 2, "low": low}
    return {
        "metric": "log_loss",
        "budget": {"trials": 3, "seconds": seconds},
        "trials": trials,
        "failed": 1,
        "best": best,
        "won": 0.05,
        "judged": beside | {"high": high} if best else None,
    }


@pytest.mark.parametrize(
    ("search", "language", "said"),
    [
        (searched(), "en", "Of 4 trials number 2 was best on the window for choices: 0.55"),
        (searched(), "en", "-0.0105 [-0.02 to -0.001] beside the configuration"),
        (searched(), "en", "the search has helped"),
        (searched(judged=(-0.01, 0.02)), "en", "it cannot be told apart"),
        (searched(judged=(0.01, 0.02)), "en", "the search has harmed"),
        (searched(best=0), "en", "4 trials found nothing better than the configuration (0.6)"),
        (searched(seconds=9.0), "en", "may get another number of trials"),
        (searched(), "zh-hans", "搜索有帮助"),
    ],
)
def test_the_card_says_what_a_search_won_and_what_it_was_worth(
    admin_client, version, search, language, said
):
    version.card["report"] = {"chosen": "boosting", "search": search}
    version.save()

    found = page(admin_client, version, language)

    assert said in found
    assert "0.62" in found
    assert found.count('<th scope="col">trees</th>') == 1
    assert "search · " not in found
