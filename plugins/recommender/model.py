"""The maths: how likely a customer is to buy a product next. Pure functions over arrays.

A product's score for a customer is a sum of three parts, all about one order of magnitude:

- *again*: the customer's orders with the product, each halved every ``half_life_days``, times how
  much the product tends to be bought again and how its sales are moving (the season);
- *together*: what goes with the customer's products in everybody's orders (item-to-item
  co-purchase; Sarwar et al., 2001; the asymmetric normalisation is Deshpande and Karypis, 2004),
  scaled so that each customer's best is 1;
- *popular*: the share of recent customers who bought it.

A customer without history has only the last part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from plugins.recommender.config import NextProductsConfig
from plugins.recommender.history import History

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: Products are trusted with their own rates from about so many customers or orders on; with fewer,
#: the rate of all products prevails.
_PRIOR = 20.0
#: The co-purchases of a pair are discounted as if each product had been in so many more orders.
_SHRINK = 10.0
_TREND_DAYS = 182
#: Weights are multiples of 2^-20: sums of those are exact, so the same in any order of the rows.
_QUANTUM = 2.0**20


@dataclass(frozen=True)
class Model:
    """What was learnt; nothing of it is about one customer.

    Attributes:
        skus: the products, the most popular first.
        popularity: of each product, the share of recent customers who bought it.
        propensity: of each product, what an order of it counts towards buying it again; 1 is
            average.
        neighbours: what goes with what, row to column, products by products.
    """

    skus: NDArray[np.str_]
    popularity: Floats
    propensity: Floats
    neighbours: sp.csr_array


@dataclass(frozen=True)
class Baskets:
    """Customers by products, both matrices of one sparsity.

    Attributes:
        weights: orders with the product, each halved every half-life.
        days: days between the first and the last of these orders.
        orders: number of these orders.
    """

    weights: sp.csr_array
    days: sp.csr_array
    orders: sp.csr_array


@dataclass(frozen=True)
class Ranking:
    """The best products of each customer, best first; -1 where there are no more.

    Attributes:
        products: customers by ``k``, indices into the model's products.
        scores: the same shape.
    """

    products: Ints
    scores: Floats


def model_fit(history: History, *, config: NextProductsConfig) -> Model:
    """Learn what is popular, what is bought again and what is bought together."""
    n = len(history.skus)
    _, customers = np.unique(history.customers, return_inverse=True)
    recent = history.ages < config.popularity_days
    buyers = _buyers(customers[recent], history.products[recent], n)
    orders = np.bincount(history.products, minlength=n)
    popularity = buyers / max(len(np.unique(customers[recent])), 1)
    # Ties in popularity, such as among what nobody bought lately, go by all orders, then by SKU.
    best_first = np.lexsort((history.skus, -orders, -buyers))
    propensity = (
        _repeats(customers, history.products, orders) ** config.repeat_power
        * _trends(history, n, days=config.popularity_days) ** config.trend_power
    )
    together = _together(history, orders, config=config)
    return Model(
        skus=history.skus[best_first],
        popularity=popularity[best_first].astype(np.float32),
        propensity=propensity[best_first].astype(np.float32),
        neighbours=sp.csr_array(together[best_first][:, best_first]),
    )


def baskets_build(
    history: History, model: Model, *, customer_ids: Ints, half_life_days: float
) -> Baskets:
    """The customers' histories as matrices, in the order of ``customer_ids``."""
    column = _positions(model.skus, history.skus)[history.products]
    row = _positions(customer_ids, history.customers)
    known = (column >= 0) & (row >= 0)
    row, column, ages = row[known], column[known], history.ages[known]
    shape = (len(customer_ids), len(model.skus))
    pairs, entry = np.unique(row * shape[1] + column, return_inverse=True)
    n = len(pairs)
    weights = np.bincount(entry, _decayed(ages, half_life_days), minlength=n)
    oldest, newest = np.zeros(n), np.full(n, np.inf)
    np.maximum.at(oldest, entry, ages)
    np.minimum.at(newest, entry, ages)
    at = np.searchsorted(pairs // max(shape[1], 1), np.arange(shape[0] + 1))

    def matrix(values: NDArray[Any]) -> sp.csr_array:
        columns = pairs % max(shape[1], 1)
        return sp.csr_array((values.astype(np.float32), columns, at), shape=shape)

    return Baskets(
        weights=matrix(weights),
        days=matrix(oldest - newest),
        orders=matrix(np.bincount(entry, minlength=n)),
    )


def rank(
    baskets: Baskets,
    model: Model,
    *,
    allowed: NDArray[np.bool_],
    k: int,
    config: NextProductsConfig,
) -> Ranking:
    """The best ``k`` allowed products of each customer; ties go to the more popular one."""
    again = baskets.weights.multiply(model.propensity).tocsr()
    scores = again + _scaled(baskets.weights @ model.neighbours) * np.float32(
        config.co_purchase_weight
    )
    scores = sp.csr_array(scores.multiply(allowed.astype(np.float32)))
    popular = model.popularity * np.float32(config.popularity_weight)
    # Nothing but its popularity speaks for any other product, so no other can reach the best k.
    fallback = np.flatnonzero(allowed)[:k]
    products = np.full((scores.shape[0], k), -1, dtype=np.int64)
    best = np.zeros((scores.shape[0], k), dtype=np.float32)
    total = np.zeros(len(model.skus), dtype=np.float32)
    for row in range(scores.shape[0]):
        part = slice(scores.indptr[row], scores.indptr[row + 1])
        columns, own = scores.indices[part], scores.data[part]
        total[columns] = own
        candidates = np.concatenate((columns[own > 0], fallback[total[fallback] == 0]))
        values = total[candidates] + popular[candidates]
        total[columns] = 0
        chosen = _best(values, candidates, k)
        products[row, : len(chosen)] = candidates[chosen]
        best[row, : len(chosen)] = values[chosen]
    return Ranking(products=products, scores=best)


def companions(baskets: Baskets, model: Model, *, rows: Ints, products: Ints) -> Ints:
    """Which of a customer's products speaks most for each of some others; -1 where none does.

    Args:
        baskets: the customers' histories.
        model: what was learnt.
        rows: of each pair, the customer's row in ``baskets``.
        products: of each pair, the other product.
    """
    if not len(rows):
        return np.empty(0, dtype=np.int64)
    backward = sp.csr_array(model.neighbours.T)
    support = sp.csr_array(baskets.weights[rows].multiply(backward[products]))
    found = np.asarray(support.max(axis=1).toarray()).ravel() > 0
    strongest = np.asarray(support.argmax(axis=1)).ravel()
    return np.where(found, strongest, -1).astype(np.int64)


def _buyers(customers: Ints, products: Ints, n: int) -> Ints:
    """Of each product, how many customers bought it."""
    shape = (int(customers.max(initial=-1)) + 1, n)
    # A matrix keeps each pair once, and is much faster at finding that out than sorting them.
    pairs = sp.csr_array((np.ones(len(customers)), (customers, products)), shape=shape)
    return np.bincount(pairs.indices, minlength=n)


def _repeats(customers: Ints, products: Ints, orders: Ints) -> NDArray[np.float64]:
    """Of each product, the share of orders that were not a customer's first; 1 is average."""
    buyers = _buyers(customers, products, len(orders))
    mean = (orders.sum() - buyers.sum()) / max(orders.sum(), 1)
    share = (orders - buyers + _PRIOR * mean) / (orders + _PRIOR)
    return share / mean if mean else np.ones(len(orders))


def _trends(history: History, n: int, *, days: int) -> NDArray[np.float64]:
    """Of each product, orders in the last ``days`` over those expected from the last half-year."""
    span = min(max(history.ages.max(initial=0.0), days), max(_TREND_DAYS, days))
    now = np.bincount(history.products[history.ages < days], minlength=n)
    usual = np.bincount(history.products[history.ages < span], minlength=n) * days / span
    return cast("NDArray[np.float64]", (now + _PRIOR) / (usual + _PRIOR))


def _together(history: History, orders: Ints, *, config: NextProductsConfig) -> sp.csr_array:
    """Orders with both products over a weighted geometric mean of the orders with each."""
    n = len(orders)
    frequent = np.argsort(-orders, kind="stable")[: config.co_purchase_products]
    frequent = np.sort(frequent[orders[frequent] >= config.co_purchase_orders])
    place = np.full(n, -1)
    place[frequent] = np.arange(len(frequent))
    column = place[history.products]
    kept = column >= 0
    shape = (int(history.orders.max(initial=-1)) + 1, len(frequent))
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    contents = sp.csr_array((ones, (history.orders[kept], column[kept])), shape=shape)
    counts = sp.csr_array(contents.T @ contents)
    counts.setdiag(0)
    counts.eliminate_zeros()
    size = (orders[frequent] + _SHRINK).astype(np.float32)
    power = np.float32(config.co_purchase_power)
    # One after the other and in place: there are millions of pairs.
    counts.data /= np.repeat(size**power, np.diff(counts.indptr))
    counts.data /= (size ** (1 - power))[counts.indices]
    return _spread(_strongest(counts, config.neighbours), frequent, n)


def _strongest(matrix: sp.csr_array, k: int) -> sp.csr_array:
    """The ``k`` largest entries of each row; of equal ones those with the lower column."""
    kept = [
        start + np.sort(_best(matrix.data[start:end], matrix.indices[start:end], k))
        for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)
    ]
    at = np.concatenate(([0], np.cumsum([len(part) for part in kept]))).astype(np.int64)
    entries = np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)
    return sp.csr_array((matrix.data[entries], matrix.indices[entries], at), shape=matrix.shape)


def _spread(matrix: sp.csr_array, where: Ints, n: int) -> sp.csr_array:
    """The matrix as a part of one of ``n`` by ``n``: row and column i become ``where[i]``."""
    entries = matrix.tocoo()
    rows, columns = where[entries.row], where[entries.col]
    return sp.csr_array((entries.data.astype(np.float32), (rows, columns)), shape=(n, n))


def _scaled(matrix: sp.csr_array) -> sp.csr_array:
    """Each row divided by its largest entry."""
    matrix = sp.csr_array(matrix)
    if not matrix.nnz:
        return matrix
    largest = matrix.max(axis=1).toarray().ravel()
    matrix.data = matrix.data / np.repeat(largest, np.diff(matrix.indptr))
    return matrix


def _best(values: NDArray[np.floating], columns: NDArray[np.integer], k: int) -> Ints:
    """Where the ``k`` largest values are, largest first; of equal ones the lowest column."""
    near = np.arange(len(values))
    if len(values) > k:
        near = np.flatnonzero(values >= np.partition(values, len(values) - k)[len(values) - k])
    return near[np.lexsort((columns[near], -values[near]))][:k]


def _decayed(ages: NDArray[np.float64], half_life_days: float) -> NDArray[np.float64]:
    return np.round(0.5 ** (ages / half_life_days) * _QUANTUM) / _QUANTUM


def _positions(known: NDArray[np.generic], wanted: NDArray[np.generic]) -> Ints:
    """Where each wanted value stands in ``known``, whose values are distinct; -1 where it isn't."""
    if not len(known):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(known)
    place = np.searchsorted(known[order], wanted).clip(max=len(known) - 1)
    return np.where(known[order][place] == wanted, order[place], -1)
