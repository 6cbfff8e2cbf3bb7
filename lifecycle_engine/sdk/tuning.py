"""A search for better settings of a model, within a budget that staff set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.fitting import SHALLOW_TREES
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Progress, no_progress

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Floats: TypeAlias = NDArray[np.float64]

#: The normal distribution's 97.5 % quantile, for 95 % intervals of means over many customers.
_REACH = 1.959964


class SearchConfig(Config):
    """What a search may cost at each training; without a budget nothing is searched.

    By number of trials the same data give the same model. By seconds they give what the machine
    gets done in them, so the card says how many trials that were.
    """

    #: Trials, the one of the configuration itself included; 0 for as many as ``seconds`` allow.
    trials: int = Field(default=0, ge=0, le=1000)
    #: No trial begins later than this; 0 for as long as ``trials`` take.
    seconds: float = Field(default=0.0, ge=0, le=86400)

    @property
    def wanted(self) -> bool:
        """Whether there is a budget."""
        return self.trials > 0 or self.seconds > 0


@dataclass(frozen=True)
class Span:
    """From where to where a setting is searched, both ends included.

    Attributes:
        low: the least.
        high: the most.
        whole: whether it is a whole number.
        log: whether it is searched by its order of magnitude; ``low`` is then above 0.
    """

    low: float
    high: float
    whole: bool = False
    log: bool = False

    def around(self, value: float) -> BaseDistribution:
        """As Optuna wants it, widened to hold the value of the configuration."""
        from optuna.distributions import FloatDistribution, IntDistribution  # noqa: PLC0415

        low, high = min(self.low, value), max(self.high, value)
        if self.whole:
            return IntDistribution(int(low), int(high), log=self.log)
        return FloatDistribution(low, high, log=self.log and low > 0)


#: What is searched of histogram boosting, around ``fitting.SHALLOW_TREES``; ``trees`` is their
#: number and ``max_features`` the share of features that a split may choose from.
TREES_SPACE: Mapping[str, Span] = {
    "trees": Span(40, 320, whole=True, log=True),
    "learning_rate": Span(0.02, 0.2, log=True),
    "max_leaf_nodes": Span(4, 32, whole=True, log=True),
    "min_samples_leaf": Span(10, 200, whole=True, log=True),
    "l2_regularization": Span(0.1, 50.0, log=True),
    "max_features": Span(0.2, 1.0),
}


def trees_default(*, trees: int, max_features: float) -> dict[str, Any]:
    """``fitting.SHALLOW_TREES`` and the rest of what ``TREES_SPACE`` names, as a search wants it.

    Args:
        trees: how many.
        max_features: the share of features that a split may choose from.
    """
    kept = {name: SHALLOW_TREES[name] for name in TREES_SPACE if name in SHALLOW_TREES}
    return {"trees": trees, "max_features": max_features, **kept}


def trees_params(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Such settings by scikit-learn's names, with all else as in ``fitting.SHALLOW_TREES``."""
    named = {**SHALLOW_TREES, **settings}
    return {"max_iter": named.pop("trees"), **named}


@dataclass(frozen=True)
class Tried:
    """One trial: the settings and what the model lost with them on the window for choices."""

    settings: Mapping[str, Any]
    loss: float
    seconds: float


@dataclass(frozen=True)
class Search:
    """What a search came to. Trial 0 is the configuration as it is.

    Attributes:
        metric: what is lost, such as ``"log_loss"``: lower is better.
        trials: all that gave a figure, in the order in which they were tried.
        failed: how many gave none.
        budget: what it might cost.
    """

    metric: str
    trials: tuple[Tried, ...]
    failed: int
    budget: SearchConfig

    @property
    def best(self) -> Tried:
        """The trial that lost least; of equal ones the first, so the configuration keeps a tie."""
        return min(self.trials, key=lambda one: one.loss)

    @property
    def found(self) -> bool:
        """Whether something is better than the configuration on the window for choices."""
        return self.best is not self.trials[0]

    def as_json(self, judged: Mapping[str, float] | None = None) -> dict[str, Any]:
        """For ``report()`` under ``search``: the model's card draws it.

        Args:
            judged: what ``judged_apart`` says of the window that judges, if it was asked.
        """
        return {
            "metric": self.metric,
            "budget": self.budget.model_dump(mode="json"),
            "trials": [asdict(one) for one in self.trials],
            "failed": self.failed,
            "best": self.trials.index(self.best),
            "won": self.trials[0].loss - self.best.loss,
            "judged": None if judged is None else dict(judged),
        }


def searched(
    loss: Callable[[Mapping[str, Any]], float],
    *,
    space: Mapping[str, Span],
    default: Mapping[str, Any],
    budget: SearchConfig,
    seed: int,
    metric: str,
    progress: Progress = no_progress,
) -> Search:
    """Look for settings with which a model loses less on the window for choices.

    For ``Scorer.fit`` with ``validation``, and nowhere else: a search that saw the window that
    judges would be judged by what it was chosen for. Trial 0 is the configuration, so what comes of
    it is never worse than that on the window for choices. Each next one is drawn by a
    tree-structured Parzen estimator (Bergstra et al. 2011) as Optuna has it (Akiba et al. 2019), in
    memory. Trials are made one after the other.

    Args:
        loss: fits with the settings and says what is lost on ``validation``. Draw with the same
            seed each time, so that trials differ by their settings alone. What is no finite number
            counts as failed.
        space: what is searched.
        default: the settings of the configuration, of the same names.
        budget: what it may cost; it is ``wanted``.
        seed: of what is drawn.
        metric: what ``loss`` is, for the card.
        progress: is told of trials, or of seconds where they are the budget.

    Raises:
        ValueError: there is no budget, the names differ, or the configuration itself gives no
            finite loss.
    """
    if not budget.wanted or set(space) != set(default):
        raise ValueError("A search takes a budget, and the same names in space and default")
    ask, tell = _study({name: space[name].around(default[name]) for name in space}, default, seed)
    begun, tried, failed = perf_counter(), list[Tried](), 0
    while _left(budget, len(tried) + failed, perf_counter() - begun):
        number, settings = ask()
        started = perf_counter()
        lost = float(loss(settings))
        tell(number, lost)
        if isfinite(lost):
            tried.append(Tried(settings, lost, round(perf_counter() - started, 3)))
        elif not tried:
            raise ValueError(f"The configuration gives a {metric} of {lost}")
        else:
            failed += 1
        _tell(progress, budget, len(tried) + failed, perf_counter() - begun)
    return Search(metric, tuple(tried), failed, budget)


def judged_apart(default: Floats, found: Floats) -> dict[str, float]:
    """What the search is worth on the window that judges, paired by customer.

    Args:
        default: what the model of the configuration loses with each customer, (customers,).
        found: what the model of the settings found loses with the same ones, (customers,).

    Returns:
        The mean of each, and of their difference (found less default; below 0 the search has
        helped) with its 95 % interval, by the normal distribution of means.
    """
    apart = found - default
    spread = float(apart.std(ddof=1)) / len(apart) ** 0.5 if len(apart) > 1 else 0.0
    difference = float(apart.mean())
    return {
        "default": float(default.mean()),
        "found": float(found.mean()),
        "difference": difference,
        "low": difference - _REACH * spread,
        "high": difference + _REACH * spread,
    }


def _tell(progress: Progress, budget: SearchConfig, done: int, seconds: float) -> None:
    if budget.trials:
        progress(done, budget.trials)
    else:
        most = max(1, round(budget.seconds))
        progress(min(round(seconds), most), most)


def _left(budget: SearchConfig, done: int, seconds: float) -> bool:
    """Whether another trial may begin; the first one always may."""
    by_number = not budget.trials or done < budget.trials
    by_time = not budget.seconds or seconds < budget.seconds
    return done == 0 or (by_number and by_time)


def _study(
    spans: dict[str, BaseDistribution], default: Mapping[str, Any], seed: int
) -> tuple[Callable[[], tuple[Any, dict[str, Any]]], Callable[[Any, float], None]]:
    """How to ask for a trial and tell what it lost; Optuna is loaded here and in no web process."""
    import optuna  # noqa: PLC0415

    # A line for each trial is for a terminal; the card has them all.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(dict(default))

    def ask() -> tuple[Any, dict[str, Any]]:
        trial = study.ask(spans)
        return trial, dict(trial.params)

    def tell(trial: Any, lost: float) -> None:
        # Optuna counts what is no number as failed, and an infinite one as very bad.
        state = None if isfinite(lost) else optuna.trial.TrialState.FAIL
        study.tell(trial, lost if state is None else None, state=state)

    return ask, tell
