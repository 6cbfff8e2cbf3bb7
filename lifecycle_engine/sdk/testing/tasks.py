"""What a shared model has to keep to, checked with all of its tasks at once."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import ModelState, Probability
from lifecycle_engine.sdk.tasks import SharedModel, TaskScorer
from lifecycle_engine.sdk.testing.scorers import training_data


def check_tasks(
    *task_classes: type[TaskScorer], config: Config | None = None, rows: int = 120, seed: int = 7
) -> None:
    """Check that tasks of one model can be learned together, each from its own customers.

    Frame and targets are left as they were; each task has numbers within its bounds, also where it
    knows nobody of the batch; equal seeds give equal models; a stored model has all of its tasks.
    What a task alone has to keep to is checked by ``check_scorer``.

    Args:
        task_classes: two tasks or more, of one model.
        config: the model's configuration; by default the one it has without any.
        rows: customers per cut-off date in the generated data.
        seed: seed of data and training.

    Raises:
        AssertionError: the model breaks a promise; the message says which.
    """
    model = task_classes[0].model
    assert len(task_classes) > 1, f"{model.key}: one task is checked by check_scorer"
    assert {task.model for task in task_classes} == {model}, f"{model.key}: tasks of other models"
    frame, shared = _fitted(task_classes, config, rows, seed)
    _, again = _fitted(task_classes, config, rows, seed)
    state = shared.state()
    params = json.loads(json.dumps(state.params, allow_nan=False))
    restored = model(config)
    restored.restore(ModelState(state.estimators, state.arrays, params))
    for task in task_classes:
        said = shared.predict(task.key, frame)
        _check_output(task, said, frame)
        same = np.array_equal(said, again.predict(task.key, frame))
        assert same, f"{task.key}: equal seeds give different models"
        same = np.array_equal(said, restored.predict(task.key, frame))
        assert same, f"{task.key}: predict differs after state() and restore()"
        report = shared.report(task.key)
        assert json.loads(json.dumps(report, allow_nan=False)) == report, f"{task.key}: report"


def _fitted(
    task_classes: Sequence[type[TaskScorer]], config: Config | None, rows: int, seed: int
) -> tuple[pd.DataFrame, SharedModel]:
    rng = np.random.default_rng(seed)
    frame, targets = _tasks_data(task_classes, rows, rng)
    newest = frame.index.get_level_values("cutoff") == frame.index[-1][0]
    older = frame[~newest], targets[~newest]
    shared = task_classes[0].model(config)
    calls: list[tuple[Any, Any, Any]] = [(*older, None), (frame, targets, None)]
    if shared.chooses:
        calls.insert(0, (*older, (frame[newest], targets[newest])))
    outputs = {task.key: task.output for task in task_classes}
    for x, y, validation in calls:
        before = x.copy(), y.copy()
        shared.fit(x, y, outputs=outputs, validation=validation, rng=rng)
        assert x.equals(before[0]), f"{shared.key}: fit changes its frame"
        assert y.equals(before[1]), f"{shared.key}: fit changes its targets"
    return frame[newest].droplevel("cutoff"), shared


def _tasks_data(
    task_classes: Sequence[type[TaskScorer]], rows: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Generated rows of which each task knows some, and every row is known to one at least."""
    frame, _ = training_data(task_classes[0], cutoffs=4, rows=rows, rng=rng)
    signal = frame.rank(pct=True).fillna(0.5).mean(axis=1) + rng.normal(0, 0.1, len(frame))
    high = (signal > signal.median()).to_numpy()
    knows = rng.random((len(frame), len(task_classes))) < 0.6
    knows[~knows.any(axis=1), 0] = True
    columns = {}
    for place, task in enumerate(task_classes):
        amount = 1.0 if isinstance(task.output, Probability) else rng.lognormal(3.0, 0.5, len(high))
        columns[task.key] = np.where(knows[:, place], high * amount, np.nan)
    return frame, pd.DataFrame(columns, index=frame.index)


def _check_output(task: type[TaskScorer], said: Any, frame: pd.DataFrame) -> None:
    assert isinstance(said, pd.Series), f"{task.key}: predict returns no series"
    assert said.index.equals(frame.index), f"{task.key}: predict returns another index"
    values = said.to_numpy(float)
    assert np.isfinite(values).all(), f"{task.key}: predict returns NaN or infinity"
    highest = 1.0 if isinstance(task.output, Probability) else np.inf
    within = ((values >= 0) & (values <= highest)).all()
    assert within, f"{task.key}: predict returns less than 0 or more than {highest:g}"
