"""What holds for any history at all."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.recommender.config import NextProductsConfig
from plugins.recommender.history import History
from plugins.recommender.model import Model, Ranking, baskets_build, model_fit, rank

CONFIG = NextProductsConfig(co_purchase_orders=1, neighbours=3)
SKUS = np.array([f"sku-{letter}" for letter in "abcdefgh"])

lines = st.tuples(
    st.integers(1, 6),  # customer
    st.integers(0, 3),  # which of their orders
    st.integers(0, len(SKUS) - 1),
)
histories = st.lists(lines, unique=True, max_size=60)
masks = st.lists(st.booleans(), min_size=len(SKUS), max_size=len(SKUS))


def history_of(bought: list[tuple[int, int, int]]) -> History:
    customers = np.array([line[0] for line in bought], dtype=np.int64)
    nth = np.array([line[1] for line in bought], dtype=np.int64)
    products = np.array([line[2] for line in bought], dtype=np.int64)
    used, place = np.unique(products, return_inverse=True)
    return History(
        customers=customers,
        orders=customers * 4 + nth,
        products=place,
        ages=5.0 + 13.7 * nth + customers / 7,
        skus=SKUS[used],
    )


def ranked(
    history: History, model: Model, ids: list[int], allowed: np.ndarray, k: int = 4
) -> Ranking:
    customer_ids = np.array(ids, dtype=np.int64)
    baskets = baskets_build(history, model, customer_ids=customer_ids, half_life_days=90.0)
    return rank(baskets, model, allowed=allowed, k=k, config=CONFIG)


def mask_of(model: Model, mask: list[bool]) -> np.ndarray:
    return np.array([mask[SKUS.tolist().index(sku)] for sku in model.skus], dtype=bool)


@given(bought=histories, mask=masks)
@settings(max_examples=60)
def test_a_list_holds_each_allowed_product_at_most_once(bought, mask):
    history = history_of(bought)
    model = model_fit(history, config=CONFIG)
    allowed = mask_of(model, mask)
    for row in ranked(history, model, [1, 2, 3, 4, 5, 6, 7], allowed).products:
        given_products = row[row >= 0]
        assert len(set(given_products)) == len(given_products) == min(4, allowed.sum())
        assert allowed[given_products].all()


@given(bought=histories)
@settings(max_examples=60)
def test_a_customers_list_does_not_depend_on_the_batch_nor_on_the_order_of_rows(bought):
    history = history_of(bought)
    shuffled = history_of(bought[::-1])
    model, again = model_fit(history, config=CONFIG), model_fit(shuffled, config=CONFIG)
    allowed = np.ones(len(model.skus), dtype=bool)
    assert model.skus.tolist() == again.skus.tolist()
    assert np.array_equal(model.propensity, again.propensity)
    assert (model.neighbours != again.neighbours).nnz == 0
    whole = ranked(history, model, [1, 2, 3], allowed)
    alone = ranked(shuffled, again, [2], allowed)
    assert np.array_equal(whole.products[1], alone.products[0])
    assert np.array_equal(whole.scores[1], alone.scores[0])


@given(bought=histories)
@settings(max_examples=60)
def test_the_ranking_is_the_one_that_scoring_every_product_gives(bought):
    history = history_of(bought)
    model = model_fit(history, config=CONFIG)
    n = len(model.skus)
    found = ranked(history, model, [1, 2, 7], np.ones(n, dtype=bool), k=3)
    everything = ranked(history, model, [1, 2, 7], np.ones(n, dtype=bool), k=max(n, 1))
    best = everything.scores[:, :3]
    assert np.array_equal(found.scores[:, : best.shape[1]], best)
    assert np.array_equal(found.products[:, : best.shape[1]], everything.products[:, :3])
    assert (np.diff(everything.scores) <= 0).all()


@given(bought=histories)
@settings(max_examples=60)
def test_who_has_no_history_gets_the_most_popular_products(bought):
    history = history_of(bought)
    model = model_fit(history, config=CONFIG)
    n = len(model.skus)
    stranger = ranked(history, model, [7], np.ones(n, dtype=bool)).products[0]
    assert stranger[stranger >= 0].tolist() == list(range(min(4, n)))
    assert (np.diff(model.popularity) <= 0).all()


def test_co_purchase_counts_orders_and_not_customers():
    # Given a and b in the same orders, and c in others of the same customers,
    bought = [(c, order, product) for c in (1, 2, 3) for order in (0, 1) for product in (0, 1)]
    bought += [(c, 2, 2) for c in (1, 2, 3)]
    model = model_fit(history_of(bought), config=CONFIG)
    # then a goes with b, and c with nothing.
    place = {sku: at for at, sku in enumerate(model.skus.tolist())}
    together = model.neighbours.toarray()
    assert together[place["sku-a"], place["sku-b"]] == np.float32(6 / 16)
    assert together[place["sku-c"]].sum() == 0
