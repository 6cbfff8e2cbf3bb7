"""The scorer: ten products that a customer has a good chance of buying next."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from lifecycle_engine.sdk.scorers import (
    RANKING_COLUMNS,
    ModelState,
    Progress,
    RankingScorer,
    no_progress,
    scorers,
)
from plugins.recommender.config import NextProductsConfig
from plugins.recommender.history import history_read, merchandise
from plugins.recommender.reasons import reason_again, reason_popular, reason_together

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Tables
    from plugins.recommender.model import Baskets, Model, Ranking

#: Customers ranked at once: bounds memory, changes no result.
_SHARD = 5_000


@scorers.register
class NextProducts(RankingScorer):
    """Products to buy next: what the customer buys again, what goes with it, what is popular.

    The model holds products only. A customer's history is read when they are recommended to, so an
    erased customer is in no artefact.
    """

    key = "recommender.next_products"
    label = _("Next products")
    Config = NextProductsConfig

    config: NextProductsConfig
    _model: Model

    @property
    def algorithm(self) -> str:
        """What was fitted, in a few words for the model card."""
        return "co-purchase, repurchase and popularity"

    def report(self) -> dict[str, Any]:
        """How large the model is."""
        return {
            "products": len(self._model.skus),
            "co_purchases": int(self._model.neighbours.nnz),
            "excluded_departments": list(self.config.excluded_departments),
        }

    def fit(
        self,
        tables: Tables,
        *,
        as_of: datetime,
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Learn from everything in ``tables``; nothing is drawn at random.

        Raises:
            ValueError: ``as_of`` is not that of the tables, so ages would be wrong.
        """
        from plugins.recommender.model import model_fit

        del rng
        if as_of != tables.as_of:
            raise ValueError(f"as_of={as_of} is not the tables' as_of={tables.as_of}")
        history = history_read(tables, excluded_departments=self.config.excluded_departments)
        progress(1, 2)
        self._model = model_fit(history, config=self.config)
        progress(2, 2)

    def state(self) -> ModelState:
        """The fitted model: the arrays of a sparse matrix and three columns."""
        model = self._model
        return ModelState(
            arrays={
                "skus": model.skus,
                "popularity": model.popularity,
                "propensity": model.propensity,
                "neighbour_data": model.neighbours.data,
                "neighbour_indices": model.neighbours.indices,
                "neighbour_indptr": model.neighbours.indptr,
            },
            params={"config": self.config.model_dump(mode="json")},
        )

    def restore(self, state: ModelState) -> None:
        """Become the model that ``state`` described, with the configuration it was fitted with."""
        import scipy.sparse as sp

        from plugins.recommender.model import Model

        arrays = state.arrays
        n = len(arrays["skus"])
        self.config = NextProductsConfig.model_validate(state.params["config"])
        self._model = Model(
            skus=arrays["skus"],
            popularity=arrays["popularity"],
            propensity=arrays["propensity"],
            neighbours=sp.csr_array(
                (
                    arrays["neighbour_data"],
                    arrays["neighbour_indices"],
                    arrays["neighbour_indptr"],
                ),
                shape=(n, n),
            ),
        )

    def recommend(self, tables: Tables, *, customer_ids: NDArray[np.int64], k: int) -> pd.DataFrame:
        """The best ``k`` products for each customer, each with the reason in their language."""
        from plugins.recommender.model import baskets_build, rank

        allowed, names = self._catalogue(tables)
        parts = [_frame()]
        for start in range(0, len(customer_ids), _SHARD):
            ids = customer_ids[start : start + _SHARD]
            history = history_read(
                tables,
                excluded_departments=self.config.excluded_departments,
                customer_ids=ids,
            )
            baskets = baskets_build(
                history, self._model, customer_ids=ids, half_life_days=self.config.half_life_days
            )
            ranking = rank(baskets, self._model, allowed=allowed, k=k, config=self.config)
            frame = _rows(ids, self._model, ranking)
            languages = _languages(tables, ids)
            frame["reason"] = _reasons(baskets, self._model, ranking, names, languages)
            parts.append(frame)
        return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]

    def baseline(self, tables: Tables, *, customer_ids: NDArray[np.int64], k: int) -> pd.DataFrame:
        """The same popular products for everybody, from the same catalogue as ``recommend``."""
        from plugins.recommender.model import Ranking

        allowed, _names = self._catalogue(tables)
        best = np.flatnonzero(allowed)[:k]
        shape = (len(customer_ids), len(best))
        ranking = Ranking(
            products=np.broadcast_to(best, shape),
            scores=np.broadcast_to(self._model.popularity[best], shape),
        )
        frame = _rows(customer_ids, self._model, ranking)
        frame["reason"] = reason_popular()
        return frame[list(RANKING_COLUMNS)]

    def _catalogue(self, tables: Tables) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
        """Of each product of the model, whether it can be bought now, and its name."""
        kept = merchandise(tables, excluded_departments=self.config.excluded_departments)
        found = tables.execute(kept.select("sku", "name", "available"))
        place = {sku: at for at, sku in enumerate(self._model.skus.tolist())}
        allowed = np.zeros(len(place), dtype=np.bool_)
        names = self._model.skus.astype(object)
        for sku, name, available in zip(*(c.to_pylist() for c in found.columns), strict=True):
            if (at := place.get(sku)) is not None:
                allowed[at] = bool(available)
                names[at] = name or sku
        return allowed, names


def _frame() -> pd.DataFrame:
    """A ranking of nobody."""
    types = {"customer_id": "int64", "rank": "int64", "score": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=types.get(name, "str")) for name in RANKING_COLUMNS})


def _rows(customer_ids: NDArray[np.int64], model: Model, ranking: Ranking) -> pd.DataFrame:
    """A ranking as rows, still without reasons."""
    rows, places = np.nonzero(ranking.products >= 0)
    return pd.DataFrame(
        {
            "customer_id": customer_ids[rows],
            "rank": places + 1,
            "sku": model.skus[ranking.products[rows, places]],
            "score": ranking.scores[rows, places].astype(np.float64),
        }
    )


def _reasons(
    baskets: Baskets,
    model: Model,
    ranking: Ranking,
    names: NDArray[np.str_],
    languages: list[str],
) -> list[str]:
    """A reason for each row of the ranking: their own habit first."""
    rows, places = np.nonzero(ranking.products >= 0)
    products = ranking.products[rows, places]
    if not len(rows):
        return []  # SciPy gives another kind of array for no places at all.
    from plugins.recommender.model import companions

    orders = np.asarray(baskets.orders[rows, products]).ravel()
    days = np.asarray(baskets.days[rows, products]).ravel()
    partner = np.full(len(rows), -1, dtype=np.int64)
    new = orders == 0
    partner[new] = companions(baskets, model, rows=rows[new], products=products[new])
    reasons = [""] * len(rows)
    languages_of = np.array(languages, dtype=np.str_)[rows]
    for language in np.unique(languages_of):
        with translation.override(str(language)):
            for at in np.flatnonzero(languages_of == language):
                if orders[at]:
                    reasons[at] = reason_again(orders=orders[at], days=days[at])
                elif partner[at] >= 0:
                    reasons[at] = reason_together(name=names[partner[at]])
                else:
                    reasons[at] = reason_popular()
    return reasons


def _languages(tables: Tables, customer_ids: NDArray[np.int64]) -> list[str]:
    """The customers' languages; the shop's own where one is not known or not spoken."""
    customers = tables.customers
    found = tables.execute(
        customers.filter(
            customers.id.between(int(customer_ids.min()), int(customer_ids.max()))
        ).select("id", "language")
    ).to_pydict()
    spoken = dict(zip(found["id"], found["language"], strict=True))
    shop = translation.get_language() or "en"
    known = {code: code if code and translation.check_for_language(code) else shop
             for code in set(spoken.values())}  # fmt: skip
    return [known.get(spoken.get(customer_id), shop) for customer_id in customer_ids.tolist()]
