"""Reading scores and recommendations, and what the customer's profile shows of them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from lifecycle_engine.scoring.profile import recommendations_section, scores_section
from lifecycle_engine.scoring.selectors import recommendations_of, scores_of
from tests.factories.customers import CustomerFactory
from tests.factories.events import ProductFactory
from tests.factories.scoring import AS_OF, RecommendationFactory, ScoreFactory, items

pytestmark = pytest.mark.django_db


def test_scores_of_the_customers_asked_for_and_by_the_scorer_asked_for():
    score = ScoreFactory()
    ScoreFactory(customer=score.customer, scorer_key="dummy.spend")
    ScoreFactory()
    nobody = CustomerFactory()

    found = scores_of(customer_ids=[score.customer_id, nobody.pk], scorer_key="dummy.lapse")

    assert found == {score.customer_id: score}


def test_recommendations_are_products_of_the_catalogue_best_first(django_assert_num_queries):
    for number in (1, 2, 3):
        ProductFactory(sku=f"sku-{number}", price=Decimal(number), url=f"/{number}")
    ProductFactory(sku="sold-out", available=False)
    row = RecommendationFactory(items=items("sku-3", "sold-out", "gone", "sku-1", "sku-2"))
    other = RecommendationFactory(items=items("gone"))
    RecommendationFactory()
    wanted = [row.customer_id, other.customer_id, CustomerFactory().pk]

    with django_assert_num_queries(2):
        found = recommendations_of(customer_ids=wanted, limit=2)

    assert sorted(found) == sorted([row.customer_id, other.customer_id])
    assert found[other.customer_id] == []
    assert [(p.sku, p.name, p.price, p.url, p.reason) for p in found[row.customer_id]] == [
        ("sku-3", "Product sku-3", Decimal(3), "/3", "Because of sku-3"),
        ("sku-1", "Product sku-1", Decimal(1), "/1", "Because of sku-1"),
    ]


def test_of_two_rankings_the_newer_counts_unless_one_is_named():
    old = RecommendationFactory(items=items("sku-1"), as_of=AS_OF - timedelta(days=1))
    RecommendationFactory(customer=old.customer, scorer_key="dummy.new", items=items("sku-2"))
    for number in (1, 2):
        ProductFactory(sku=f"sku-{number}")
    key = old.customer_id

    newest = recommendations_of(customer_ids=[key], limit=5)
    named = recommendations_of(customer_ids=[key], limit=5, scorer_key="dummy.again")

    assert [product.sku for product in newest[key]] == ["sku-2"]
    assert [product.sku for product in named[key]] == ["sku-1"]


def test_the_profile_shows_scores_by_scorer():
    score = ScoreFactory(value=0.25, percentile=75.0)
    ScoreFactory(customer=score.customer, scorer_key="dummy.spend")
    nobody = CustomerFactory()

    found = scores_section(customer_ids=[score.customer_id, nobody.pk], at=AS_OF)

    assert sorted(found) == [score.customer_id]
    assert sorted(found[score.customer_id]) == ["dummy.lapse", "dummy.spend"]
    assert found[score.customer_id]["dummy.lapse"] == {
        "value": 0.25,
        "percentile": 75.0,
        "class": None,
        "rather_than": None,
        "as_of": "2017-12-01T00:00:00+00:00",
        "by": "model",
        "reasons": None,
        "changes": None,
    }


def test_the_profile_shows_recommendations_as_plain_json():
    ProductFactory(sku="sku-1", price=Decimal("1.50"))
    ProductFactory(sku="sku-2", price=None)
    row = RecommendationFactory(items=items("sku-1", "sku-2"))

    found = recommendations_section(customer_ids=[row.customer_id], at=AS_OF)

    assert found == {
        row.customer_id: [
            {
                "sku": "sku-1",
                "name": "Product sku-1",
                "price": "1.50",
                "url": "",
                "reason": "Because of sku-1",
            },
            {
                "sku": "sku-2",
                "name": "Product sku-2",
                "price": None,
                "url": "",
                "reason": "Because of sku-2",
            },
        ]
    }
