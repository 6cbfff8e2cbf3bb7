"""What customers of a small shop are recommended, and why."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from django.utils import translation

from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.sdk.testing.rankings import check_ranking_scorer
from lifecycle_engine.sdk.testing.shop import shop_tables
from plugins.recommender.config import NOT_MERCHANDISE, NextProductsConfig
from plugins.recommender.scorers import NextProducts
from tests.plugins.recommender.shop import CONFIG, NOW, Shop, usual_shop


def recommended(shop: Shop, *customer_ids: int, k: int = 10, config=CONFIG) -> pd.DataFrame:
    tables = shop.tables()
    scorer = NextProducts(config)
    scorer.fit(tables, as_of=NOW, rng=np.random.default_rng(0))
    return scorer.recommend(tables, customer_ids=np.array(customer_ids, dtype=np.int64), k=k)


def test_keeps_the_promises_of_a_ranking_scorer():
    check_ranking_scorer(NextProducts, usual_shop().tables(), config=CONFIG, k=4)


def test_orders_may_have_fractions_of_seconds():
    check_ranking_scorer(NextProducts, shop_tables(customers=12))


def test_is_registered_under_its_key():
    assert scorers.get("recommender.next_products") is NextProducts


def test_what_a_customer_buys_again_and_again_comes_first_with_its_rhythm():
    ranking = recommended(usual_shop(), 1)
    assert ranking.loc[0, ["sku", "reason"]].tolist() == ["tofu", "You buy it about every 14 days"]
    assert ranking.loc[1, ["sku", "reason"]].tolist() == ["milk", "You bought it before"]


def test_what_goes_with_a_customers_products_names_its_companion():
    ranking = recommended(usual_shop(), 5).set_index("sku")
    assert ranking.loc["butter", "reason"] == "Bought with Bread"
    assert ranking.loc["butter", "score"] > ranking.loc["tofu", "score"]


def test_a_customer_without_history_gets_what_is_popular():
    ranking = recommended(usual_shop(), 99, k=3)
    tables = usual_shop().tables()
    scorer = NextProducts(CONFIG)
    scorer.fit(tables, as_of=NOW, rng=np.random.default_rng(0))
    popular = scorer.baseline(tables, customer_ids=np.array([99]), k=3)
    assert ranking["sku"].tolist() == popular["sku"].tolist()
    assert ranking["sku"].iloc[0] == "milk"
    assert set(ranking["reason"]) == {"Popular now"}


def test_departments_that_are_no_merchandise_are_never_recommended():
    ranking = recommended(usual_shop(), *range(1, 9), 99)
    assert not {"fuel", "stamps"} & set(ranking["sku"])


def test_without_exclusions_fuel_is_recommended():
    config = CONFIG.model_copy(update={"excluded_departments": ()})
    assert "fuel" in set(recommended(usual_shop(), 1, config=config)["sku"])


def test_a_product_that_the_catalogue_lacks_is_never_recommended():
    assert "unlisted" not in set(recommended(usual_shop(), *range(1, 9))["sku"])


def test_a_product_that_went_out_of_stock_after_the_training_is_not_recommended():
    shop = usual_shop()
    scorer = NextProducts(CONFIG)
    scorer.fit(shop.tables(), as_of=NOW, rng=np.random.default_rng(0))
    shop.unavailable = {"milk", "tofu"}
    for method in (scorer.recommend, scorer.baseline):
        ranking = method(shop.tables(), customer_ids=np.array([1, 99]), k=10)
        assert not {"milk", "tofu"} & set(ranking["sku"])


def test_the_future_changes_nothing():
    shop = usual_shop()
    before = recommended(shop, 1, 2, 99)
    shop.buys(1, "caviar", days_ago=-3)
    pd.testing.assert_frame_equal(recommended(shop, 1, 2, 99), before)


def test_an_old_habit_counts_less_than_a_new_one():
    shop = usual_shop()
    for week in range(3):
        shop.buys(10, "wine", days_ago=200 + 7 * week)
        shop.buys(10, "lentils", days_ago=1 + 7 * week)
    ranking = recommended(shop, 10)["sku"].tolist()
    assert ranking.index("lentils") == 0
    assert ranking.index("wine") > 0


def test_a_product_in_one_order_twice_counts_once():
    shop, twin = usual_shop(), usual_shop()
    shop.buys(10, "wine", days_ago=3)
    twin.buys(10, "wine", "wine", days_ago=3)
    pd.testing.assert_frame_equal(recommended(shop, 10), recommended(twin, 10))


def test_reasons_are_in_the_customers_language(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "plugins.recommender.scorers.reason_popular",
        lambda: seen.append(translation.get_language()) or "x",
    )
    shop = usual_shop()
    shop.languages = {99: "zh-hans"}
    recommended(shop, 99, k=2)
    assert seen == ["zh-hans", "zh-hans"]


@pytest.mark.parametrize("language", ["", "xx-nowhere", None])
def test_an_unknown_language_falls_back_to_the_shops(language):
    shop = usual_shop()
    shop.languages = {99: language}
    assert recommended(shop, 99, k=1)["reason"].tolist() == ["Popular now"]


def test_a_shop_without_orders_recommends_nothing():
    ranking = recommended(Shop(), 99)
    assert ranking.empty


def test_training_as_of_another_moment_than_the_tables_is_refused():
    scorer = NextProducts(CONFIG)
    with pytest.raises(ValueError, match="is not the tables' as_of"):
        scorer.fit(
            usual_shop().tables(), as_of=NOW - timedelta(days=1), rng=np.random.default_rng(0)
        )


def test_the_artefact_names_no_customer():
    scorer = NextProducts(CONFIG)
    scorer.fit(usual_shop().tables(), as_of=NOW, rng=np.random.default_rng(0))
    state = scorer.state()
    assert not state.estimators
    assert set(state.arrays) == {
        "skus", "popularity", "propensity",
        "neighbour_data", "neighbour_indices", "neighbour_indptr",
    }  # fmt: skip


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="no_such_setting"):
        NextProductsConfig.model_validate({"no_such_setting": 1})
    assert NextProductsConfig().excluded_departments == NOT_MERCHANDISE
