"""What a scorer has to keep to, checked in one call."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from numpy.typing import NDArray

from lifecycle_engine.sdk.classes import ClassScorer
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.explaining import Contributions
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import Classes, ModelState, Probability, Scorer
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.sdk.testing.classes import (
    check_class_reasons,
    check_classes,
    classes_drawn,
)
from lifecycle_engine.sdk.testing.shop import shop_tables

#: Days between the cut-off dates of the generated training data.
_STEP_DAYS = 15


def check_scorer(
    scorer_class: type[Scorer], *, config: Config | None = None, rows: int = 240, seed: int = 7
) -> None:
    """Check a tabular scorer on generated data.

    Outputs have the frame's index, are numbers and within bounds; the input is left as it was;
    equal seeds give equal models; nobody to score is accepted; a customer's output does not depend
    on who else is in the batch, nor on their order; a model survives ``state`` and ``restore``.

    Args:
        scorer_class: the scorer.
        config: its configuration; by default the one it has without any.
        rows: customers per cut-off date in the generated data.
        seed: seed of data and training.

    Raises:
        AssertionError: the scorer breaks a promise; the message says which.
    """
    check_point_in_time(scorer_class, config=config)
    scorer = _fitted(scorer_class, config, rows, seed)
    frame = _features(scorer_class, rows, np.random.default_rng(seed + 1))
    for method in ("predict", "judged", "baseline"):
        _check_output(scorer, frame, method)
        _check_batches(scorer, frame, method)
    predicted = scorer.predict(frame)
    again = _fitted(scorer_class, config, rows, seed).predict(frame)
    assert np.array_equal(predicted, again), f"{scorer.key}: equal seeds give different models"
    _check_state(scorer, frame, config)
    check_classes(scorer, frame)
    if scorer_class.is_explaining():
        _check_reasons(scorer, frame, scorer.explain, scorer.predict)
    if scorer_class.is_explaining_baseline():
        _check_reasons(scorer, frame, scorer.explain_baseline, scorer.baseline)


def check_point_in_time(scorer_class: type[Scorer], *, config: Config | None = None) -> None:
    """Check that population and own features are the same where there is no future to peek at.

    The engine's tables refuse to be asked for it; this also finds a way round them: the database
    itself, and what a scorer remembers of an outcome. The outcome is checked, too.

    Args:
        scorer_class: the scorer.
        config: its configuration; by default the one it has without any.

    Raises:
        AssertionError: what is told of a moment depends on what happened after it, the database is
            asked, or the outcome is not one number per customer that the output can be judged by.
    """
    with _database_watched() as asked:
        _check_point_in_time(scorer_class(config))
    assert not asked, f"{scorer_class.key}: asks the database; scorers read tables only"


def _check_point_in_time(scorer: Scorer) -> None:
    shop = shop_tables()
    present = shop.as_of - timedelta(days=scorer.horizon_days)
    known = shop.window(shop.as_of - timedelta(days=3_650), present)
    ended = known.without_future()
    told, past = _both(scorer, known), _both(scorer, ended)
    # What a class remembers of an outcome is a way round tables that end in time, too.
    _check_outcome(scorer, shop.window(present, shop.as_of))
    later = _both(scorer, known)
    for name, whole in told.items():
        assert whole.equals(past[name]) and whole.equals(later[name]), (  # noqa: PT018 - one wrong
            f"{scorer.key}: {name} depends on what happens afterwards: make it of what happened "
            "before tables.as_of, of nothing in a customer that changes, and of no outcome"
        )


def _both(scorer: Scorer, tables: Tables) -> dict[str, pd.DataFrame]:
    """What is told of a moment: who is looked at, and the scorer's own features."""
    asked = {"population": scorer.population, "own_features": scorer.own_features}
    return {name: _told(method(tables), tables) for name, method in asked.items()}


def _check_outcome(scorer: Scorer, window: Tables) -> None:
    if isinstance(scorer, ClusterScorer):
        return  # What it finds can't come true.
    given = type(scorer).outcome is not Scorer.outcome
    assert given, f"{scorer.key}: says not what came true: it has no outcome"
    found = _told(scorer.outcome(window), window)
    assert found["customer_id"].is_unique, f"{scorer.key}: outcome has a customer twice"
    learned = found.set_index("customer_id")["target"].astype(float)
    assert np.isfinite(learned).all(), f"{scorer.key}: outcome gives NaN or infinity"
    judged = scorer.truth(learned)
    if isinstance(scorer.output, Probability):
        assert judged.isin((0.0, 1.0)).all(), f"{scorer.key}: an outcome is neither 0 nor 1"
    assert (judged >= 0).all(), f"{scorer.key}: an outcome is negative"


@contextmanager
def _database_watched() -> Iterator[list[str]]:
    """Refuse the database, and note who asks: the refusal may be swallowed."""
    asked: list[str] = []

    def refuse(self: BaseDatabaseWrapper, *_args: Any, **_given: Any) -> None:
        asked.append(self.alias)
        raise OperationalError("Scorers read tables, and nothing of the database itself")

    with patch.object(BaseDatabaseWrapper, "cursor", refuse):
        yield asked


def _told(expression: ir.Table | None, tables: Tables) -> pd.DataFrame:
    if expression is None:
        return pd.DataFrame()
    found: pd.DataFrame = tables.execute(expression).to_pandas()
    return found.sort_values("customer_id", ignore_index=True)


def training_data(
    scorer_class: type[Scorer], *, cutoffs: int, rows: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, "pd.Series[float]"]:
    """Generated features at several cut-off dates, with a target that depends on them."""
    dates = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(
        np.arange(cutoffs) * _STEP_DAYS, unit="D"
    )
    frame = pd.concat({date: _features(scorer_class, rows, rng) for date in dates})
    frame.index.names = ["cutoff", "customer_id"]
    signal = frame.rank(pct=True).fillna(0.5).mean(axis=1) + rng.normal(0, 0.1, len(frame))
    if issubclass(scorer_class, ClassScorer):
        return frame, classes_drawn(scorer_class, signal)
    if isinstance(scorer_class.output, Probability):
        return frame, (signal > signal.median()).astype(float).rename("target")
    return frame, (signal * 100).clip(lower=0).where(signal > 0.4, 0.0).rename("target")


def _features(scorer_class: type[Scorer], rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Skewed positive numbers, every tenth of them missing."""
    names = scorer_class.feature_names()
    values = rng.lognormal(2.0, 1.0, (rows, len(names)))
    values[rng.random(values.shape) < 0.1] = np.nan
    return pd.DataFrame(values, columns=list(names), index=pd.RangeIndex(rows, name="customer_id"))


def _fitted(scorer_class: type[Scorer], config: Config | None, rows: int, seed: int) -> Scorer:
    rng = np.random.default_rng(seed)
    frame, target = training_data(scorer_class, cutoffs=4, rows=rows, rng=rng)
    newest = frame.index.get_level_values("cutoff") == frame.index[-1][0]
    scorer = scorer_class(config)
    older = frame[~newest], target[~newest]
    calls: list[tuple[Any, Any, Any]] = [(*older, None), (frame, target, None)]
    if scorer_class.chooses:
        calls.insert(0, (*older, (frame[newest], target[newest])))
    for x, y, validation in calls:
        before = x.copy(), y.copy()
        scorer.fit(x, y, validation=validation, rng=rng)
        assert x.equals(before[0]), f"{scorer.key}: fit changes its frame"
        assert y.equals(before[1]), f"{scorer.key}: fit changes its target"
    return scorer


def _check_output(scorer: Scorer, frame: pd.DataFrame, method: str) -> None:
    before = frame.copy()
    found = getattr(scorer, method)(frame)
    assert frame.equals(before), f"{scorer.key}: {method} changes its frame"
    assert isinstance(found, pd.Series), f"{scorer.key}: {method} returns no series"
    assert found.index.equals(frame.index), f"{scorer.key}: {method} returns another index"
    values = found.to_numpy(float)
    assert np.isfinite(values).all(), f"{scorer.key}: {method} returns NaN or infinity"
    assert (values >= 0).all(), f"{scorer.key}: {method} returns negative numbers"
    if isinstance(scorer.output, Probability):
        assert (values <= 1).all(), f"{scorer.key}: {method} returns more than 1"
    nobody = getattr(scorer, method)(frame.iloc[:0])
    assert len(nobody) == 0, f"{scorer.key}: {method} makes customers up"


def _check_batches(scorer: Scorer, frame: pd.DataFrame, method: str) -> None:
    output = getattr(scorer, method)
    whole: Any = output(frame)
    parts = pd.concat([output(frame.iloc[:1]), output(frame.iloc[1:])])
    backwards = output(frame.iloc[::-1]).iloc[::-1]
    for other in (parts, backwards):
        # Matrix products of other shapes may differ in the last bits of single precision.
        same = np.allclose(whole, other, rtol=1e-4, atol=1e-6)
        assert same, f"{scorer.key}: {method} of a customer depends on the batch"


def _check_state(scorer: Scorer, frame: pd.DataFrame, config: Config | None) -> None:
    state = scorer.state()
    assert isinstance(state, ModelState), f"{scorer.key}: state() is no ModelState"
    params = json.loads(json.dumps(state.params, allow_nan=False))
    objects = [name for name, array in state.arrays.items() if array.dtype.hasobject]
    assert not objects, f"{scorer.key}: arrays {objects} hold Python objects"
    restored = type(scorer)(config)
    try:
        restored.restore(ModelState(state.estimators, state.arrays, params))
    except KeyError as error:
        raise AssertionError(f"{scorer.key}: restore reads {error}, which state lacks") from error
    for method in ("predict", "judged", "baseline"):
        same = np.array_equal(getattr(scorer, method)(frame), getattr(restored, method)(frame))
        assert same, f"{scorer.key}: {method} differs after state() and restore()"


def _check_reasons(
    scorer: Scorer,
    frame: pd.DataFrame,
    explain: Callable[[pd.DataFrame], Contributions | None],
    predict: "Callable[[pd.DataFrame], pd.Series[float]]",
) -> None:
    before = frame.copy()
    found = explain(frame)
    assert frame.equals(before), f"{scorer.key}: explain changes its frame"
    if found is None:  # Of several models the one that was chosen may not say why.
        return
    assert isinstance(found, Contributions), f"{scorer.key}: explain returns no Contributions"
    values = found.values
    assert values.index.equals(frame.index), f"{scorer.key}: explain returns another index"
    assert [*values.columns] == [*frame.columns], f"{scorer.key}: explain returns other columns"
    assert np.isfinite(values.to_numpy(float)).all(), f"{scorer.key}: explain returns no numbers"
    if isinstance(scorer.output, Classes):
        check_class_reasons(scorer, found, predict(frame))
    else:
        _check_order(scorer, found, predict(frame).to_numpy(float))
    alone = explain(frame.iloc[:1])
    assert alone is not None, f"{scorer.key}: explain has nothing to say of one customer"
    same = np.allclose(alone.values, values.iloc[:1], rtol=1e-3, atol=2e-3)
    assert same, f"{scorer.key}: reasons of a customer depend on the batch"
    nobody = explain(frame.iloc[:0])
    assert nobody is not None, f"{scorer.key}: explain does not accept nobody"
    assert len(nobody.values) == 0, f"{scorer.key}: explain makes customers up"


def _check_order(scorer: Scorer, found: Contributions, predicted: NDArray[np.float64]) -> None:
    ranked = predicted[np.argsort(found.totals().to_numpy())]
    fallen = np.maximum.accumulate(ranked) - ranked
    # Those of networks are sums over many steps: what is as good as equal may change places.
    allowed = 0.01 * np.ptp(ranked) + 1e-6
    assert fallen.max() <= allowed, f"{scorer.key}: what reasons sum to does not go with predict"
