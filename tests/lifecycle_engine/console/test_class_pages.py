"""Classes on a model's card, on a customer's page, and how they have moved."""

import re
from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring.classes import ModelClass, Trait
from lifecycle_engine.scoring.models import Score, ScoreHistory
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from tests.factories.scoring import AS_OF, ModelVersionFactory

KEY = "persona.behaviour"
EARLIER = AS_OF - timedelta(days=30)
NAME = ("frequent", "high spend")


def persona(number, *words, **values):
    return ModelClass(number, words, **{"by": "model", "place": number, **values}).as_json()


@pytest.fixture
def version(db):
    rng = np.random.default_rng(0)
    spots = rng.normal(size=(40, 2))
    traits = (Trait("orders_90d", 1.42), Trait("discount_share_90d", -0.61))
    metric = {"model": 0.91, "baseline": 0.83, "low": 0.02, "high": 0.14, "better": True}
    return ModelVersionFactory(
        scorer_key=KEY,
        state="champion",
        classes=[
            persona(
                1,
                "frequent",
                "high spend",
                customers=1200,
                share=0.6,
                agreement=0.93,
                traits=traits,
            ),
            persona(2, "long away", customers=800, share=0.4, agreement=0.55),
            persona(1001, "rare", by="baseline", customers=2000, share=1.0),
        ],
        card={
            "decided_by": "stability",
            "better_than_baseline": True,
            "validation": {
                "from": AS_OF.isoformat(),
                "until": AS_OF.isoformat(),
                "rows": 600,
                "resamples": 10,
                "metrics": {"stability": metric | {"higher_is_better": True}},
            },
            "map": {"points": [[float(x), float(y), 1 + n % 2] for n, (x, y) in enumerate(spots)]},
            "gone": [7],
            "cost": [{"step": "judging", "processor": 1.0, "wall": 2.0}],
        },
    )


@pytest.fixture
def moved(version):
    """Four customers: one stays, one moves, one is new, one is not scored any more."""
    customers = Customer.objects.bulk_create(
        Customer(external_id=f"mover-{n}", created_at=EARLIER) for n in range(4)
    )
    runs = [(EARLIER, {"1": 2, "2": 1}), (AS_OF, {"1": 1, "2": 2})]
    for moment, counts in runs:
        ScoringRun.objects.create(
            scorer_key=KEY,
            model_version=version,
            as_of=moment,
            state=RunState.PUBLISHED,
            class_counts=counts,
            finished_at=moment,
        )
    rows = {"scorer_key": KEY, "model_version": version, "percentile": 50.0}
    for place, before, after in ((0, 1, 1), (1, 1, 2), (2, None, 2), (3, 2, None)):
        customer = customers[place]
        if before:
            ScoreHistory.objects.create(customer=customer, value=before, as_of=EARLIER, **rows)
        if after:
            Score.objects.create(customer=customer, value=after, as_of=AS_OF, **rows)
            if after != before:
                ScoreHistory.objects.create(customer=customer, value=after, as_of=AS_OF, **rows)
    return customers


def get(client, name, *args):
    return client.get(reverse(f"admin:{name}", args=args)).content.decode()


def test_the_card_shows_the_map_and_what_sets_classes_apart(admin_client, version):
    found = get(admin_client, "scoring_modelversion_change", version.pk)

    assert "A map of customers" in found
    assert found.count("h0M") > 30  # A dot for each point.
    assert "Frequent, high spend" in found
    assert "orders_90d +1.4" in found
    assert '<span class="le-badge le-badge-good">0.93</span>' in found
    assert '<span class="le-badge le-badge-bad">0.55</span>' in found
    assert "Not found any more" in found
    assert "10 resamples" in found
    assert "Customers held out" in found
    assert "Judging" in found


def test_a_confusion_matrix_is_a_table_of_shares(admin_client, version):
    version.card = {"confusion": {"numbers": [1, 2], "counts": [[30, 10], [0, 20]]}}
    version.save()

    found = get(admin_client, "scoring_modelversion_change", version.pk)

    assert "What is taken for what" in found
    assert "75.0 %" in found
    assert "100.0 %" in found


def test_who_moved_is_told_beside_the_shares(admin_client, version, moved):
    found = get(admin_client, "scoring_modelversion_classes", version.pk)

    assert "Shares of the classes from run to run" in found
    assert "66.7 %" in found
    assert "stayed in their class: 50.0 %" in found
    table = found.split("Who moved")[1]
    rows = [re.findall("<td[^>]*>([^<]*)</td>", row) for row in table.split("<tr>")[2:]]
    first, second = "1 · Frequent, high spend", "2 · Long away"
    assert sorted(rows) == sorted(
        [
            [first, second, "1", "50.0 %"],
            [second, "not scored", "1", "100.0 %"],
            ["not scored", second, "1", "100.0 %"],
        ]
    )


def test_without_a_run_there_is_nothing_to_tell(admin_client, version):
    assert "No run has published classes yet." in get(
        admin_client, "scoring_modelversion_classes", version.pk
    )


def test_the_page_wants_the_right_to_see_models(client, django_user_model, version):
    client.force_login(django_user_model.objects.create(username="new", is_staff=True))
    address = reverse("admin:scoring_modelversion_classes", args=[version.pk])
    assert client.get(address).status_code == 403


def test_a_customer_is_told_by_the_class_s_name(admin_client, moved):
    found = get(admin_client, "customers_customer_change", moved[1].pk)

    assert found.count("Long away") >= 1
    assert "Frequent, high spend" in found  # What it was before.
    lists = get(admin_client, "scoring_score_changelist")
    assert "Long away" in lists
    assert "50" not in re.sub("<[^>]+>", "", lists.split("Long away")[1])[:20]
