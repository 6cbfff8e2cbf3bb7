"""Scores read as what they are."""

import pytest
from django.utils import translation

from lifecycle_engine.scoring.written import score_written, scores_written
from lifecycle_engine.sdk.scorers import Amount, BaseScorer, Probability
from tests.factories.customers import CustomerFactory
from tests.factories.scoring import AS_OF, ModelVersionFactory, ScoreFactory


class Chance(BaseScorer):
    output = Probability()


class Worth(BaseScorer):
    output = Amount("money")


class Wait(BaseScorer):
    output = Amount("days")


class Baskets(BaseScorer):
    output = Amount("baskets")


@pytest.mark.parametrize(
    ("scorer_class", "value", "written"),
    [
        (Chance, 0.734, "73 %"),
        (Chance, 0.0734, "7.3 %"),
        (Chance, 0.00734, "0.73 %"),
        (Chance, 0.9966, "99.66 %"),
        (Chance, 0.0, "0 %"),
        (Worth, 1234.5, "1,234.50"),
        (Wait, 12.2, "12 days"),
        (Wait, 0.3, "less than a day"),
        (Baskets, 2.0, "2"),
    ],
)
def test_a_score_is_written_as_its_kind_is(scorer_class, value, written):
    with translation.override("en"):
        assert score_written(value, scorer_class) == written


def test_scores_of_plugins_that_are_gone_are_numbers(db):
    customer = CustomerFactory()
    rows = [
        ScoreFactory(
            customer=customer,
            scorer_key=key,
            value=0.25,
            as_of=AS_OF,
            model_version=ModelVersionFactory(scorer_key=key),
        )
        for key in ("churn.risk", "gone.since")
    ]

    with translation.override("en"):
        assert scores_written(rows) == ["25 %", "0.25"]
