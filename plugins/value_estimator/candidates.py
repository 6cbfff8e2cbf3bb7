"""The models of spend that compete: gradient boosting, BG/NBD with Gamma-Gamma, a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.explaining import (
    Contributions,
    contributions_mixed,
    tree_contributions,
)
from lifecycle_engine.sdk.fitting import tree_values
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import ModelState, Progress
from lifecycle_engine.sdk.tuning import SearchConfig, trees_default, trees_params
from plugins.value_estimator.parametric import Parametric
from plugins.value_estimator.zero_inflated import NetworkConfig, ZeroInflated

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

Floats = NDArray[np.float64]
Name: TypeAlias = Literal["boosting", "parametric", "blend", "recent", "network"]

#: The models of which each candidate is made.
_PARTS: dict[Name, tuple[Name, ...]] = {
    "boosting": ("boosting",),
    "parametric": ("parametric",),
    "blend": ("boosting", "parametric"),
    "recent": ("parametric",),
    "network": ("network",),
}


class SpendConfig(Config):
    """Which models of spend are tried, and how they are trained."""

    #: The last one is taken where there is no window to choose on.
    candidates: tuple[Name, ...] = Field(
        default=("parametric", "recent", "boosting", "blend"), min_length=1
    )
    #: A total that is off by more than this share of the truth disqualifies.
    total_tolerance: float = Field(default=0.2, gt=0, le=1)
    trees: int = Field(default=120, ge=10, le=2000)
    mean_share: float = Field(default=0.5, ge=0, le=1)
    network: NetworkConfig = NetworkConfig()
    #: Of better settings for the boosting, where a candidate has one.
    search: SearchConfig = SearchConfig()


def has_boosting(name: Name) -> bool:
    """Whether a candidate is made of a boosting, among others."""
    return "boosting" in _PARTS[name]


def boosting_settings(config: SpendConfig) -> dict[str, Any]:
    """The settings of the boosting that a search may change."""
    return trees_default(trees=config.trees, max_features=0.4)


@dataclass(frozen=True)
class Boosting:
    """Two gradient boostings mixed: one for the mean, one for the median.

    The total of the mean is right, but a few large baskets pull it up; the median is closest for
    most customers, but misses a tenth of the total. The share of each is a matter of configuration
    and not fitted.
    """

    #: scikit-learn's names of the losses whose optimum is the mean and the median.
    LOSSES: ClassVar[dict[str, str]] = {"mean": "poisson", "median": "absolute_error"}

    models: "dict[str, HistGradientBoostingRegressor]"
    mean_share: float

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        spent: Floats,
        *,
        settings: Mapping[str, Any],
        mean_share: float,
        rng: np.random.Generator,
        progress: Progress,
    ) -> Self:
        """Train both with settings as ``boosting_settings`` gives them, or a search has found."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        models = {}
        for done, (name, loss) in enumerate(cls.LOSSES.items()):
            models[name] = HistGradientBoostingRegressor(
                loss=loss,
                random_state=int(rng.integers(2**31)),
                **trees_params(settings),
            ).fit(tree_values(frame), spent)
            progress(done + 1, len(cls.LOSSES))
        return cls(models, mean_share)

    def predict(self, frame: pd.DataFrame) -> Floats:
        """The expected spend of each row."""
        values = frame.to_numpy()
        mean, median = (np.maximum(self.models[name].predict(values), 0.0) for name in self.LOSSES)
        found: Floats = self.mean_share * mean + (1 - self.mean_share) * median
        return found

    def explain(self, frame: pd.DataFrame) -> Contributions:
        """What each feature added to the expected spend."""
        mean = tree_contributions(self.models["mean"], frame).through(np.exp)
        median = tree_contributions(self.models["median"], frame)
        floored = median.through(lambda spent: np.maximum(spent, 0.0))
        return contributions_mixed([(self.mean_share, mean), (1 - self.mean_share, floored)])


@dataclass(frozen=True)
class SpendModels:
    """The fitted models of which candidates are made.

    Attributes:
        days: how far ahead spend is expected.
        boosting: None where no candidate wants it; likewise the others.
        parametric: BG/NBD with Gamma-Gamma.
        network: the zero-inflated log-normal network.
    """

    days: float
    boosting: Boosting | None = None
    parametric: Parametric | None = None
    network: ZeroInflated | None = None

    @classmethod
    def fit(
        cls,
        names: tuple[Name, ...],
        frame: pd.DataFrame,
        spent: Floats,
        *,
        days: float,
        config: SpendConfig,
        settings: Mapping[str, Any],
        rng: np.random.Generator,
        progress: Progress,
    ) -> Self:
        """Fit what the named candidates are made of, each part once."""
        parts = {part for name in names for part in _PARTS[name]}
        boosting = network = None
        if "boosting" in parts:
            boosting = Boosting.fit(
                *(frame, spent),
                settings=settings,
                mean_share=config.mean_share,
                rng=rng,
                progress=progress,
            )
        if "network" in parts:
            seed = int(rng.integers(2**31))
            network = ZeroInflated.fit(
                frame, spent, config=config.network, seed=seed, progress=progress
            )
        parametric = Parametric.fit(frame) if "parametric" in parts else None
        return cls(days, boosting, parametric, network)

    def predict(self, name: Name, frame: pd.DataFrame) -> Floats:
        """What a candidate expects of each row: the mean of its parts."""
        if frame.empty:
            return np.empty(0)
        if name == "recent":
            return self._fitted_parametric.spend_recent(frame, self.days)
        found: Floats = np.mean([self._part(part, frame) for part in _PARTS[name]], axis=0)
        return found

    def explain(self, name: Name, frame: pd.DataFrame) -> Contributions:
        """What each feature added to what a candidate expects."""
        if name == "recent":
            return self._fitted_parametric.explain_recent(frame, self.days)
        parts = _PARTS[name]
        return contributions_mixed([(1 / len(parts), self._explain(one, frame)) for one in parts])

    def state(self) -> ModelState:
        """All fitted models in storable form."""
        return ModelState(
            estimators=dict(self.boosting.models) if self.boosting else {},
            arrays=self.network.arrays if self.network else {},
            params={"parametric": None}
            if self.parametric is None
            else {
                "parametric": self.parametric.params(),
                "average": dict(self.parametric.average),
            },
        )

    @classmethod
    def restored(cls, state: ModelState, *, days: float, mean_share: float) -> Self:
        """The models whose state it is."""
        stored: dict[str, Any] = dict(state.estimators)
        parametric = state.params["parametric"]
        return cls(
            days,
            Boosting(stored, mean_share) if stored else None,
            Parametric.restored(parametric, state.params["average"]) if parametric else None,
            ZeroInflated(state.arrays) if state.arrays else None,
        )

    @property
    def _fitted_parametric(self) -> Parametric:
        assert self.parametric is not None, "fit it first"  # noqa: S101
        return self.parametric

    def _part(self, name: Name, frame: pd.DataFrame) -> Floats:
        if name == "parametric":
            return self._fitted_parametric.spend(frame, self.days)
        return self._learned(name).predict(frame)

    def _explain(self, name: Name, frame: pd.DataFrame) -> Contributions:
        if name == "parametric":
            return self._fitted_parametric.explain(frame, self.days)
        return self._learned(name).explain(frame)

    def _learned(self, name: Name) -> Boosting | ZeroInflated:
        part = self.boosting if name == "boosting" else self.network
        assert part is not None, "fit it first"  # noqa: S101
        return part


def quality(target: Floats, expected: Floats) -> dict[str, float]:
    """How good expected spend is: per customer, in total, and in telling customers apart."""
    from scipy.stats import rankdata

    most = np.lexsort((target, -expected))[: -(-len(target) // 10)]
    total = float(target.sum())
    ranks = np.array([rankdata(values) for values in (target, expected)])
    spread = bool((np.ptp(ranks, axis=1) > 0).all())
    return {
        "mae": float(np.abs(expected - target).mean()),
        "rmse": float(np.sqrt(((expected - target) ** 2).mean())),
        "total_ratio": float(expected.sum()) / total if total > 0 else 0.0,
        "rank_correlation": float(np.corrcoef(ranks)[0, 1]) if spread else 0.0,
        "top_decile_share": float(target[most].sum()) / total if total > 0 else 0.0,
    }


def choice_loss(tried: Mapping[Name, Mapping[str, float]], *, total_tolerance: float) -> float:
    """The absolute error of the candidate that ``best`` takes; infinite where no total is right."""
    sound = (one for one in tried.values() if abs(one["total_ratio"] - 1.0) <= total_tolerance)
    return min((one["mae"] for one in sound), default=float("inf"))


def best(tried: dict[Name, dict[str, float]], *, total_tolerance: float) -> Name:
    """The candidate with the least absolute error among those whose total is about right.

    Where none is, the one whose total is nearest: a model of logarithms, say, may be close for most
    customers and still promise a fraction of what they spend together.
    """

    def off(name: Name) -> float:
        return abs(tried[name]["total_ratio"] - 1.0)

    sound = [name for name in tried if off(name) <= total_tolerance]
    return min(sound, key=lambda name: tried[name]["mae"]) if sound else min(tried, key=off)
