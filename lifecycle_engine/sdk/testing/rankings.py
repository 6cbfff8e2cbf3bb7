"""What a ranking scorer has to keep to, checked in one call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import RANKING_COLUMNS, ModelState, RankingScorer

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Tables


def check_ranking_scorer(
    scorer_class: type[RankingScorer],
    tables: Tables,
    *,
    config: Config | None = None,
    k: int = 10,
    seed: int = 7,
) -> pd.DataFrame:
    """Check a ranking scorer over some tables.

    Rankings have the promised columns and ranks from 1 on, no product twice, scores that are
    numbers and never rise, a reason everywhere, and only products that the catalogue has and that
    are available; fewer products are the first of more; equal seeds give equal rankings; a
    customer's ranking does not depend on who else is in the batch; somebody unknown gets something;
    nobody to recommend to is accepted; a model survives ``state`` and ``restore``.

    Args:
        scorer_class: the scorer.
        tables: with a catalogue, customers and enough orders to learn from.
        config: the scorer's configuration; by default the one it has without any.
        k: how many products to ask for.
        seed: seed of the training.

    Returns:
        The ranking of all customers.

    Raises:
        AssertionError: the scorer breaks a promise; the message says which.
    """
    ids = np.sort(_column(tables, "customers", "id").astype(np.int64))
    scorer = _fitted(scorer_class, tables, config, seed)
    whole = scorer.recommend(tables, customer_ids=ids, k=k)
    unknown = np.array([ids.max(initial=0) + 1])
    for method in ("recommend", "baseline"):
        ranking = getattr(scorer, method)(tables, customer_ids=ids, k=k)
        _check_form(ranking, ids, k, f"{scorer.key}: {method}")
        _check_available(scorer, ranking, tables, method)
        nobody = getattr(scorer, method)(tables, customer_ids=ids[:0], k=k)
        assert len(nobody) == 0, f"{scorer.key}: {method} makes customers up"
        assert set(RANKING_COLUMNS) <= set(nobody.columns), f"{scorer.key}: {method} of nobody"
        stranger = getattr(scorer, method)(tables, customer_ids=unknown, k=k)
        assert len(stranger), f"{scorer.key}: {method} has nothing for a customer without history"
    _check_batches(scorer, tables, whole, ids, k)
    again = _fitted(scorer_class, tables, config, seed).recommend(tables, customer_ids=ids, k=k)
    assert again.equals(whole), f"{scorer.key}: equal seeds give different rankings"
    _check_state(scorer, tables, whole, ids, k, config)
    return whole


def _fitted(
    scorer_class: type[RankingScorer], tables: Tables, config: Config | None, seed: int
) -> RankingScorer:
    scorer = scorer_class(config)
    scorer.fit(tables, as_of=tables.as_of, rng=np.random.default_rng(seed))
    return scorer


def _check_form(ranking: Any, ids: NDArray[np.int64], k: int, what: str) -> None:
    assert isinstance(ranking, pd.DataFrame), f"{what} returns no frame"
    assert set(RANKING_COLUMNS) <= set(ranking.columns), f"{what} lacks columns"
    assert set(ranking["customer_id"]) <= set(ids.tolist()), f"{what} makes customers up"
    twice = ranking.duplicated(["customer_id", "sku"])
    assert not twice.any(), f"{what} gives a customer a product twice"
    by_customer = ranking.sort_values(["customer_id", "rank"]).groupby("customer_id")
    for customer_id, rows in by_customer:
        ranks = rows["rank"].tolist()
        assert ranks == list(range(1, len(ranks) + 1)), f"{what} of {customer_id} skips a rank"
        assert len(ranks) <= k, f"{what} of {customer_id} is longer than {k}"
        falling = np.diff(rows["score"].to_numpy(float)) <= 0
        assert falling.all(), f"{what} of {customer_id}: a later product has a higher score"
    assert np.isfinite(ranking["score"].to_numpy(float)).all(), f"{what} gives no number"
    reasons = [isinstance(reason, str) and bool(reason.strip()) for reason in ranking["reason"]]
    assert all(reasons), f"{what} gives a product without a reason"


def _check_available(
    scorer: RankingScorer, ranking: pd.DataFrame, tables: Tables, method: str
) -> None:
    available = tables.execute(tables.products.filter(tables.products.available).select("sku"))
    strange = set(ranking["sku"]) - set(available.column("sku").to_pylist())
    assert not strange, f"{scorer.key}: {method} gives products that can't be bought: {strange}"


def _check_batches(
    scorer: RankingScorer, tables: Tables, whole: pd.DataFrame, ids: NDArray[np.int64], k: int
) -> None:
    for part in (ids[:1], ids[1:], ids[::-1]):
        ranking = scorer.recommend(tables, customer_ids=part, k=k)
        expected = whole[whole["customer_id"].isin(part)]
        assert _sorted(ranking).equals(_sorted(expected)), (
            f"{scorer.key}: a customer's ranking depends on the batch"
        )
    if k > 1:
        fewer = scorer.recommend(tables, customer_ids=ids, k=k - 1)
        assert _sorted(fewer).equals(_sorted(whole[whole["rank"] < k])), (
            f"{scorer.key}: the first {k - 1} of {k} products are not the best {k - 1}"
        )


def _check_state(
    scorer: RankingScorer,
    tables: Tables,
    whole: pd.DataFrame,
    ids: NDArray[np.int64],
    k: int,
    config: Config | None,
) -> None:
    state = scorer.state()
    assert isinstance(state, ModelState), f"{scorer.key}: state() is no ModelState"
    params = json.loads(json.dumps(state.params, allow_nan=False))
    objects = [name for name, array in state.arrays.items() if array.dtype.hasobject]
    assert not objects, f"{scorer.key}: arrays {objects} hold Python objects"
    restored = type(scorer)(config)
    restored.restore(ModelState(state.estimators, state.arrays, params))
    ranking = restored.recommend(tables, customer_ids=ids, k=k)
    assert ranking.equals(whole), f"{scorer.key}: recommend differs after state() and restore()"


def _sorted(ranking: pd.DataFrame) -> pd.DataFrame:
    return ranking.sort_values(["customer_id", "rank"], ignore_index=True)


def _column(tables: Tables, table: str, name: str) -> NDArray[Any]:
    found: NDArray[Any] = tables.execute(tables[table].select(name)).column(name).to_numpy()
    return found
