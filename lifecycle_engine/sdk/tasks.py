"""Tasks: scorers that share what is fitted, such as a network with an output for each.

Each task is a scorer like any other: with an output, a population, an outcome, a baseline, a card,
a champion and monitoring of its own. What tasks share is one training: the engine gives their
``SharedModel`` the customers of all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from lifecycle_engine.sdk.explaining import Contributions
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import (
    Amount,
    ModelState,
    Probability,
    Progress,
    Scorer,
    no_progress,
)
from lifecycle_engine.sdk.sequences import SequenceSpec

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Tables

#: What the model says for all of its tasks, since one frame is for all of them.
_SHARED = (
    *("Config", "features", "own_feature_names", "sequence", "horizon_days", "history_days"),
    *("cutoff_count", "cutoff_step_days", "judged_count", "judged_step_days", "chooses"),
    *("opt_in", "queue", "train_every_days"),
)


class SharedModel:
    """What is fitted once, for several tasks.

    Its attributes mean what those of ``Scorer`` do, and are those of each of its tasks.
    """

    #: Names the model; no scorer's.
    key: ClassVar[str]
    Config: ClassVar[type[Config]] = Config
    features: ClassVar[tuple[str, ...]] = ()
    own_feature_names: ClassVar[tuple[str, ...]] = ()
    sequence: ClassVar[SequenceSpec | None] = None
    horizon_days: ClassVar[float] = 30
    history_days: ClassVar[int | None] = None
    cutoff_count: ClassVar[int] = 8
    cutoff_step_days: ClassVar[float] = 15
    judged_count: ClassVar[int] = 1
    judged_step_days: ClassVar[float] = 1
    chooses: ClassVar[bool] = True
    opt_in: ClassVar[bool] = False
    queue: ClassVar[str] = "gpu"
    train_every_days: ClassVar[int] = 1

    def __init__(self, config: Any = None) -> None:
        self.config: Any = config if config is not None else self.Config()

    @property
    def algorithm(self) -> str:
        """What was fitted, in a few words for the cards."""
        return type(self).__name__

    def own_features(self, tables: Tables) -> ir.Table | None:
        """As ``Scorer.own_features``."""
        del tables
        return None

    def fit(
        self,
        frame: pd.DataFrame,
        targets: pd.DataFrame,
        *,
        outputs: Mapping[str, Probability | Amount],
        validation: tuple[pd.DataFrame, pd.DataFrame] | None,
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Learn all tasks at once; called as ``Scorer.fit`` is, with the same gaps.

        Args:
            frame: one row for each cut-off date and customer of whom a task knows what came true.
            targets: what came true, by rows as in ``frame`` and a column for each task, named by
                its key. NaN where the customer is not in the task's population, or nobody knows:
                what is NaN must have no part in what is learned of that task.
            outputs: what each task gives, by key, in the columns' order.
            validation: frame and targets of a later window, to make choices; or None.
            rng: the only source of chance.
            progress: is told how far it is.
        """
        raise NotImplementedError

    def predict(self, task: str, frame: pd.DataFrame) -> pd.Series[float]:
        """As ``Scorer.predict``, of the task with that key; it was among those of the last fit."""
        raise NotImplementedError

    def explain(self, task: str, frame: pd.DataFrame) -> Contributions | None:
        """As ``Scorer.explain``."""
        del task, frame
        return None

    def report(self, task: str) -> dict[str, Any]:
        """More for the card of a task; read after ``fit``."""
        del task
        return {}

    def report_judged(
        self, task: str, frame: pd.DataFrame, outcome: pd.Series[float]
    ) -> dict[str, Any]:
        """More for the card of a task, on the window that judges: its rows of that window."""
        del task, frame, outcome
        return {}

    def state(self) -> ModelState:
        """The fitted model with all its tasks: each task's version stores the same."""
        raise NotImplementedError

    def restore(self, state: ModelState) -> None:
        """Become the model that ``state`` described."""
        raise NotImplementedError


class TaskScorer(Scorer):
    """A scorer that is one task of a ``SharedModel``.

    The author writes ``output``, ``population``, ``outcome`` and ``baseline``; training any task
    gives a version to each of them. A task with too little data is refused alone.

    Where ``outcome_missing`` is NaN, nobody knows what came true of a customer of whom ``outcome``
    has no row: such customers are scored, and neither learned from nor judged.

    Attributes:
        shared: the model; of scorers that are trained together it is one object.
    """

    model: ClassVar[type[SharedModel]]
    #: A task is a number: a model of several tasks knows no classes.
    output: ClassVar[Probability | Amount]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        model = getattr(cls, "model", None)
        if model is None:  # A base for tasks of several models.
            return
        own = [name for name in _SHARED if name in cls.__dict__]
        if own:
            raise TypeError(f"{cls.__name__} sets {own}, which {model.__name__} says for all tasks")
        if cls.momentary or cls.customers_most is not None:
            raise TypeError(f"{cls.__name__}: tasks are published, and learn from all customers")
        for name in _SHARED:
            setattr(cls, name, getattr(model, name))

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.shared: SharedModel = self.model(self.config)

    @property
    def algorithm(self) -> str:
        """The model's."""
        return self.shared.algorithm

    def own_features(self, tables: Tables) -> ir.Table | None:
        """The model's."""
        return self.shared.own_features(tables)

    def fit(
        self,
        frame: pd.DataFrame,
        target: pd.Series[float],
        *,
        validation: tuple[pd.DataFrame, pd.Series[float]] | None,
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Learn this task alone; the engine fits the model with all of its tasks instead."""
        self.shared.fit(
            frame,
            target.to_frame(self.key),
            outputs={self.key: self.output},
            validation=validation and (validation[0], validation[1].to_frame(self.key)),
            rng=rng,
            progress=progress,
        )

    def predict(self, frame: pd.DataFrame) -> pd.Series[float]:
        """What the model says of this task."""
        return self.shared.predict(self.key, frame)

    def explain(self, frame: pd.DataFrame) -> Contributions | None:
        """What the model says of this task."""
        return self.shared.explain(self.key, frame)

    @classmethod
    def is_explaining(cls) -> bool:
        """Whether the model gives reasons."""
        return cls.model.explain is not SharedModel.explain

    def report(self) -> dict[str, Any]:
        """What the model says of this task."""
        return self.shared.report(self.key)

    def report_judged(self, frame: pd.DataFrame, outcome: pd.Series[float]) -> dict[str, Any]:
        """What the model says of this task."""
        return self.shared.report_judged(self.key, frame, outcome)

    def state(self) -> ModelState:
        """The model, with all its tasks."""
        return self.shared.state()

    def restore(self, state: ModelState) -> None:
        """Become the model that was stored."""
        self.shared.restore(state)


def together(tasks: Sequence[TaskScorer]) -> TaskScorer:
    """A scorer whose population is that of all the tasks, for their features; it is not fitted."""

    def population(_: TaskScorer, tables: Tables) -> ir.Table:
        parts = [task.population(tables).select("customer_id") for task in tasks]
        return ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0]

    # A class of its own, of the first one's: the frames of all tasks have the same columns.
    found: TaskScorer = type("Together", (type(tasks[0]),), {"population": population})(
        tasks[0].config
    )
    return found
