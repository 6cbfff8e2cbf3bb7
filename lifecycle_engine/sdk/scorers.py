"""Scorers: models that give every customer a number, or a ranking of products.

The author declares features and an outcome and writes ``fit`` and ``predict`` as in scikit-learn.
The engine builds point-in-time training sets, holds the newest window back, sets the baseline
beside the model, stores the artefact, scores in bulk and writes the results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.sdk.explaining import Contributions
from lifecycle_engine.sdk.families import Family, FamilyRegistry
from lifecycle_engine.sdk.registry import Extension
from lifecycle_engine.sdk.sequences import SequenceSpec

if TYPE_CHECKING:
    from lifecycle_engine.sdk.tables import Tables

#: Columns of a ranking, in order: one row per customer and rank; rank 1 is the best.
RANKING_COLUMNS = ("customer_id", "rank", "sku", "score", "reason")

#: Called as ``progress(done, total)``; what is counted is up to the scorer (trees, epochs, shards).
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Report to nobody."""
    del done, total


@dataclass(frozen=True)
class Probability:
    """The output is a probability between 0 and 1; the target is 0 or 1."""


@dataclass(frozen=True)
class Amount:
    """The output is an amount that is never negative.

    Attributes:
        unit: what is counted, such as ``"orders"``; ``"money"`` is the shop's currency.
    """

    unit: str


@dataclass(frozen=True)
class Classes:
    """The output is the number of a class, a small whole number; its order says nothing.

    What the numbers are called is kept with each model version. See ``sdk.classes`` for classes
    that are known, and ``sdk.clusters`` for such as are found.
    """


#: What a scorer gives for each customer.
Output: TypeAlias = Probability | Amount | Classes


@dataclass(frozen=True)
class ModelState:
    """All that a fitted model is, in the three forms that can be stored safely.

    Attributes:
        estimators: fitted scikit-learn estimators by name; stored with skops, never pickled.
        arrays: numbers by name, such as a network's weights; never of object type.
        params: what JSON can hold, such as a network's layout, from which code rebuilds it.
    """

    estimators: Mapping[str, object] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MinimumData:
    """What a scorer needs before it can learn something; with less, training is refused.

    Attributes:
        customers: how many customers there must be in every window.
        positives: how many outcomes above 0 there must be in what is learned from, in the window
            for choices and in the one that judges.
        negatives: how many outcomes of 0, where the output is a probability.
        days: how many days of orders there must be; None for what the windows need.
        memory_mib: how many MiB of memory must be free where it is trained, so that it is refused
            with both numbers instead of being killed on the way.
    """

    customers: int = 100
    positives: int = 10
    negatives: int = 10
    days: int | None = None
    memory_mib: int = 0


class BaseScorer(Extension):
    """What tabular and ranking scorers have in common. Subclass one of those two."""

    #: Length in days of the future window that the model is about; ``1 / 24`` is an hour.
    horizon_days: ClassVar[float] = 30
    #: With less than this, training is refused, and staff read what is wanted and what is there.
    minimum: ClassVar[MinimumData] = MinimumData()
    #: Whether it is off until staff switch it on, since it costs much or helps few shops.
    opt_in: ClassVar[bool] = False
    #: The Celery queue of its work. Workers of ``gpu`` may load TensorFlow; those of any other,
    #: such as ``default``, fork and must not.
    queue: ClassVar[str] = "gpu"
    #: How many days apart it is trained, and run. The engine looks each night; a training is
    #: followed by a run.
    train_every_days: ClassVar[int] = 1
    run_every_days: ClassVar[int] = 1

    def __init__(self, config: Any = None) -> None:
        self.config: Any = config if config is not None else self.Config()

    @property
    def algorithm(self) -> str:
        """What was fitted, in a few words for the model card."""
        return type(self).__name__

    def report(self) -> dict[str, Any]:
        """More for the model card, as JSON: candidates tried, choices made. Read after ``fit``."""
        return {}

    def state(self) -> ModelState:
        """The fitted model. ``restore`` of it on a fresh scorer gives equal results."""
        raise NotImplementedError

    def restore(self, state: ModelState) -> None:
        """Become the model that ``state`` described."""
        raise NotImplementedError


class Scorer(BaseScorer):
    """A supervised model over one row of features per customer.

    Frames are pandas frames whose columns are ``feature_names()``, in order, and whose index is
    ``customer_id``; in training frames, which hold several cut-off dates one below another, it is
    (``cutoff``, ``customer_id``). A feature that does not apply to a customer is NaN.
    """

    output: ClassVar[Output]
    #: Names from the engine's feature library.
    features: ClassVar[tuple[str, ...]] = ()
    #: Names of the columns that ``own_features`` adds.
    own_feature_names: ClassVar[tuple[str, ...]] = ()
    #: What customers did last, for a model that reads sequences: the engine fills them in.
    sequence: ClassVar[SequenceSpec | None] = None
    #: Whether the shop wants more of the output or, as of a risk, less; reasons are told by it.
    wanted: ClassVar[Literal["higher", "lower"]] = "higher"
    #: The target of a customer of whom ``outcome`` has no row. NaN where nobody knows it then: such
    #: customers are scored, and neither learned from nor judged.
    outcome_missing: ClassVar[float] = 0.0
    #: How many cut-off dates to learn from, as far as history reaches, and the days between them.
    cutoff_count: ClassVar[int] = 8
    cutoff_step_days: ClassVar[float] = 15
    #: On how many cut-off dates choices are made and, on later ones, the model is judged, and the
    #: days between them. With a short horizon one says little: a Sunday is not like a Monday.
    judged_count: ClassVar[int] = 1
    judged_step_days: ClassVar[float] = 1
    #: Of a larger population so many customers are learned from and judged by, the same ones as
    #: long as they are there; None for all.
    customers_most: ClassVar[int | None] = None
    #: Whether a score holds for so short a time that it is worked out when somebody asks for it,
    #: from what is known at that moment. It is never published, and no rule can read it.
    momentary: ClassVar[bool] = False
    #: How many days of history a cut-off date needs before it; by default ``horizon_days``.
    history_days: ClassVar[int | None] = None
    #: Whether ``fit`` makes choices on ``validation``. One that makes none is fitted once less,
    #: and needs ``horizon_days`` less of history.
    chooses: ClassVar[bool] = True

    @classmethod
    def feature_names(cls) -> tuple[str, ...]:
        """The columns of a frame: those of the library, the scorer's own, and its sequences'."""
        steps = () if cls.sequence is None else cls.sequence.columns()
        return cls.features + cls.own_feature_names + steps

    @classmethod
    def feature_groups(cls) -> dict[str, tuple[str, ...]]:
        """The columns that tell of one thing, by its name: the steps of a sequence are one."""
        groups: dict[str, tuple[str, ...]] = {}
        groups |= {name: (name,) for name in cls.features + cls.own_feature_names}
        if cls.sequence is not None:
            groups[f"last_{cls.sequence.last}_{cls.sequence.of}"] = cls.sequence.columns()
        return groups

    def population(self, tables: Tables) -> ir.Table:
        """Whom to train on and score, as a table with ``customer_id``: by default, all buyers.

        Args:
            tables: only what happened before the cut-off.
        """
        return tables.orders.select("customer_id").distinct()

    def own_features(self, tables: Tables) -> ir.Table | None:
        """Features that the library lacks: a table of ``customer_id`` and ``own_feature_names``.

        Args:
            tables: only what happened before ``tables.as_of``, so that no feature can peek.
        """
        del tables
        return None

    def outcome(self, tables: Tables) -> ir.Table:
        """What came true, as a table of ``customer_id`` and ``target``.

        Args:
            tables: only what happened in the ``horizon_days`` from the cut-off on.
        """
        raise NotImplementedError

    def truth(self, outcome: pd.Series[float]) -> pd.Series[float]:
        """What predictions are compared with, where ``fit`` learns from more than that.

        The outcome is then what ``fit`` gets, such as for how many weeks a customer stayed, and
        this says of it what is judged, such as whether to the end.
        """
        return outcome

    def report_judged(self, frame: pd.DataFrame, outcome: pd.Series[float]) -> dict[str, Any]:
        """More for the model card, on the window that judges and that the model has not seen."""
        del frame, outcome
        return {}

    def fit(
        self,
        frame: pd.DataFrame,
        target: pd.Series[float],
        *,
        validation: tuple[pd.DataFrame, pd.Series[float]] | None,
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Learn.

        It is called three times on the same scorer. First with ``validation``, a later window, to
        make choices (which algorithm, how long to train, whether to calibrate). Then, keeping
        those, without it: on all rows before the window on which the model is judged, which no
        call that comes before sees; and on everything, for use. Between the rows, ``validation``
        and that window lie ``horizon_days``, so that no outcome reaches into the next part.

        A scorer that does not ``choose`` is spared the first call.
        """
        raise NotImplementedError

    def predict(self, frame: pd.DataFrame) -> pd.Series[float]:
        """One number per row of the frame, with its index; no NaN, whoever else is in the batch."""
        raise NotImplementedError

    def baseline(self, frame: pd.DataFrame) -> pd.Series[float]:
        """What one would do without a model, from the same frame: the model has to beat it."""
        raise NotImplementedError

    def judged(self, frame: pd.DataFrame) -> pd.Series[float]:
        """What the outcome is compared with, where that is not what ``predict`` gives.

        For what can't be seen within ``horizon_days``: spend further ahead, or that a customer has
        left. It says what of that can be seen.
        """
        return self.predict(frame)

    @classmethod
    def is_judged_apart(cls) -> bool:
        """Whether what is published is not what is judged."""
        return cls.judged is not Scorer.judged

    def explain(self, frame: pd.DataFrame) -> Contributions | None:
        """What each feature added to what ``predict`` gives; None where that is not known.

        The sums keep the order of ``predict``'s outputs. Usually one line with a function of
        ``sdk.explaining``. Scorers of classes return ``ClassContributions``: what spoke for the
        class that ``predict`` gives, rather than for its rival. It also runs where a page is made,
        so nothing in it may load TensorFlow.
        """
        del frame
        return None

    def explain_baseline(self, frame: pd.DataFrame) -> Contributions | None:
        """As ``explain``, of what ``baseline`` gives: where it is what is published."""
        del frame
        return None

    @classmethod
    def is_explaining(cls) -> bool:
        """Whether the scorer gives reasons."""
        return cls.explain is not Scorer.explain

    @classmethod
    def is_explaining_baseline(cls) -> bool:
        """Whether the scorer gives reasons for its baseline's scores."""
        return cls.explain_baseline is not Scorer.explain_baseline


class RankingScorer(BaseScorer):
    """A model that ranks products for each customer."""

    minimum: ClassVar[MinimumData] = MinimumData(customers=1, positives=0, negatives=0)

    def fit(
        self,
        tables: Tables,
        *,
        as_of: datetime,
        rng: np.random.Generator,
        progress: Progress = no_progress,
    ) -> None:
        """Learn from everything in ``tables``, all of which happened before ``as_of``."""
        raise NotImplementedError

    def recommend(self, tables: Tables, *, customer_ids: NDArray[np.int64], k: int) -> pd.DataFrame:
        """The best ``k`` products for each customer, with the columns ``RANKING_COLUMNS``.

        Args:
            tables: the customers' histories, up to ``tables.as_of``.
            customer_ids: whom to recommend to; one without history gets the fallback.
            k: how many products; fewer only where the catalogue has fewer.
        """
        raise NotImplementedError

    def baseline(self, tables: Tables, *, customer_ids: NDArray[np.int64], k: int) -> pd.DataFrame:
        """As ``recommend``, without a model: popularity."""
        raise NotImplementedError


class ScorerFamily(Family[BaseScorer]):
    """Scorers that staff make by saying what has to come true; see ``sdk.families``."""


scorers: FamilyRegistry[BaseScorer] = FamilyRegistry("scorer", BaseScorer)
