"""The model that all tasks of a customer's life share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lifecycle_engine.sdk.devices import devices_found
from lifecycle_engine.sdk.explaining import Contributions, integrated_gradients
from lifecycle_engine.sdk.features import BUYING_HABITS
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import (
    Amount,
    ModelState,
    Probability,
    Progress,
    no_progress,
)
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.sdk.tasks import SharedModel
from lifecycle_engine.sdk.trials import SEEDS_LEAST
from plugins.lifecycle_multitask.comparison import sharing_judged
from plugins.lifecycle_multitask.mixture import Mixture, MixtureConfig, Wanted
from plugins.lifecycle_multitask.past import past_fit, past_rate

#: What customers look at and are sent: all that is known of those who never bought.
_LOOKING = (
    "browsing_recency_days",
    "products_viewed_30d",
    "products_added_30d",
    "searches_30d",
    "emails_sent_90d",
    "email_open_rate_90d",
    "email_click_rate_90d",
)
#: By which feature alone the baseline of a probability goes.
_PAST = {"activation": "known_days", "retention": "recency_days"}


class TaskWeights(Config):
    """How much the loss of each task counts, where the weights are fixed."""

    acquisition_cost: float = Field(default=1.0, gt=0)
    activation: float = Field(default=1.0, gt=0)
    retention: float = Field(default=1.0, gt=0)
    purchase: float = Field(default=1.0, gt=0)


class LifecycleConfig(Config):
    """How the network is trained, and how its tasks are weighed."""

    network: MixtureConfig = MixtureConfig()
    weights: Literal["uncertainty", "fixed"] = "uncertainty"
    fixed_weights: TaskWeights = TaskWeights()
    #: Compare each task, on its card, with networks for it alone, over so many seeds: one training
    #: more for each seed and task, and for each seed.
    single_tasks: bool = True
    single_seeds: int = Field(default=SEEDS_LEAST, ge=SEEDS_LEAST, le=50)


@dataclass(frozen=True)
class _Learned:
    """What the last fit learned from."""

    frame: pd.DataFrame
    targets: pd.DataFrame
    seed: int


class Lifecycle(SharedModel):
    """A multi-gate mixture of experts with a tower for each task.

    How many epochs it learns is chosen on the window for choices, for the shared network and for
    those of single tasks, with which the card compares it.
    """

    key: ClassVar[str] = "lifecycle"
    Config: ClassVar[type[Config]] = LifecycleConfig
    features: ClassVar[tuple[str, ...]] = BUYING_HABITS + _LOOKING
    own_feature_names: ClassVar[tuple[str, ...]] = ("known_days",)
    opt_in: ClassVar[bool] = True

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._tasks: tuple[str, ...] = ()
        self._amounts: tuple[bool, ...] = ()
        self._network: Mixture | None = None
        self._past: dict[str, NDArray[np.float64]] = {}
        self._epochs: dict[str, int] = {}
        self._learned: _Learned | None = None
        self._others: list[Mixture] = []

    @property
    def algorithm(self) -> str:
        """The network, and how many tasks it has."""
        return f"Multi-gate mixture of experts, {len(self._tasks)} tasks"

    def own_features(self, tables: Tables) -> ir.Table | None:
        """Since when the customer has been known: registered, seen, or having bought."""
        customers = tables.customers
        registered = customers.select(customer_id=customers.id, at=customers.created_at)
        seen = tables.events.select("customer_id", at=tables.events.occurred_at)
        known = ibis.union(registered.filter(registered["at"] < tables.moment()), seen)
        first = known.group_by("customer_id").aggregate(at=known["at"].min())
        seconds = tables.moment().epoch_seconds() - first["at"].epoch_seconds()
        return first.select("customer_id", known_days=seconds.cast("float64") / 86_400.0)

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
        """Train; with ``validation`` choose how long, else as long as was chosen."""
        self._tasks = tuple(targets.columns)
        self._amounts = tuple(isinstance(outputs[task], Amount) for task in self._tasks)
        self._past = {name: past_fit(frame, targets[name], _past_of(name)) for name in self._tasks}
        self._learned, self._others = _Learned(frame, targets, int(rng.integers(2**31))), []
        self._network = self._trained("", validation=validation, progress=progress)
        if validation is None:
            return
        self._epochs[""] = self._network.epochs
        for task in self._tasks if self._compares else ():
            alone = validation[0], validation[1][[task]]
            self._epochs[task] = self._trained(task, validation=alone, progress=progress).epochs

    def predict(self, task: str, frame: pd.DataFrame) -> "pd.Series[float]":
        """What the network says of the task; it takes no TensorFlow."""
        assert self._network is not None, "fit or restore the model first"  # noqa: S101
        found = self._network.predict(frame, self._tasks.index(task))
        return pd.Series(found, index=frame.index, name=task)

    def past(self, task: str, frame: pd.DataFrame) -> "pd.Series[float]":
        """What one would say of the task without a network."""
        found = past_rate(frame, self._past[task], _past_of(task))
        return pd.Series(found, index=frame.index, name="past")

    def explain(self, task: str, frame: pd.DataFrame) -> Contributions:
        """What each feature added, with whether it is there, away from an average customer."""
        network = self._network
        assert network is not None, "fit or restore the model first"  # noqa: S101
        place, width = self._tasks.index(task), frame.shape[1]
        average = np.zeros(2 * width)
        moved = integrated_gradients(
            network.inputs(frame),
            average,
            output=lambda points: network.signal(points, place),
            gradient=lambda points: network.gradient(points, place),
        )
        added = Contributions(
            pd.DataFrame(
                moved[:, :width] + moved[:, width:], index=frame.index, columns=frame.columns
            ),
            float(network.signal(average[None, :], place)[0]),
        )
        if not self._amounts[place]:
            return added
        return added.through(lambda signal: network.linked(signal, place))

    def report(self, task: str) -> dict[str, Any]:
        """What was learned together, for how long, and how the tasks were weighed."""
        del task
        assert self._network is not None, "fit the model first"  # noqa: S101
        weights = self._weights(self._tasks) or self._network.task_weights.tolist()
        return {
            "learned_with": list(self._tasks),
            "epochs": self._epochs.get("", self.config.network.epochs),
            "weighed_by": self.config.weights,
            "task_weights": dict(zip(self._tasks, map(float, weights), strict=True)),
        }

    def report_judged(
        self, task: str, frame: pd.DataFrame, outcome: "pd.Series[float]"
    ) -> dict[str, Any]:
        """To which experts the task listens, and networks of its own beside shared ones."""
        network, place = self._network, self._tasks.index(task)
        assert network is not None, "fit the model first"  # noqa: S101
        gates = network.gates(network.inputs(frame), place).mean(axis=0)
        found: dict[str, Any] = {"gates": {f"expert_{n}": float(g) for n, g in enumerate(gates, 1)}}
        if not self._compares:
            return found
        assert self._learned is not None, "fit the model first"  # noqa: S101
        seeds = range(self.config.single_seeds)
        if not self._others:  # They serve all tasks.
            self._others = [self._trained("", nth=nth) for nth in seeds[1:]]
        found["sharing"] = sharing_judged(
            outcome.to_numpy(np.float64),
            [shared.predict(frame, place) for shared in (network, *self._others)],
            [self._trained(task, nth=nth).predict(frame, 0) for nth in seeds],
            is_amount=self._amounts[place],
            rng=np.random.default_rng(self._learned.seed),
        ).as_json()
        return found

    def state(self) -> ModelState:
        """The network's arrays and the baselines'."""
        assert self._network is not None, "fit the model first"  # noqa: S101
        past = {f"past_{_short(name)}": curve for name, curve in self._past.items()}
        return ModelState(
            arrays=self._network.arrays | past,
            params={"tasks": list(self._tasks), "amounts": list(self._amounts)},
        )

    def restore(self, state: ModelState) -> None:
        """Become the model that was stored."""
        self._tasks = tuple(state.params["tasks"])
        self._amounts = tuple(state.params["amounts"])
        arrays = dict(state.arrays)
        self._past = {name: arrays.pop(f"past_{_short(name)}") for name in self._tasks}
        self._network, self._learned, self._others = Mixture(arrays), None, []

    @property
    def _compares(self) -> bool:
        return self.config.single_tasks and len(self._tasks) > 1

    def _trained(
        self,
        task: str,
        *,
        validation: tuple[pd.DataFrame, pd.DataFrame] | None = None,
        progress: Progress = no_progress,
        nth: int = 0,
    ) -> Mixture:
        """A network for one task alone, of the rows that know it; or without a name, for all.

        Args:
            task: its key, or empty.
            validation: a later window, to choose for how long.
            progress: told of each epoch.
            nth: of the seeds.
        """
        import keras
        import tensorflow

        learned = self._learned
        assert learned is not None, "fit the model first"  # noqa: S101
        tasks = (task,) if task else self._tasks
        targets = learned.targets[list(tasks)].dropna(how="all")
        if validation is not None:
            known = validation[1].dropna(how="all")
            validation = validation[0].loc[known.index], known
        most = self.config.network.epochs
        return Mixture.fit(
            devices_found(keras, tensorflow, name=task or self.key),
            learned.frame.loc[targets.index],
            targets,
            wanted=Wanted(
                amounts=tuple(self._amounts[self._tasks.index(name)] for name in tasks),
                weights=self._weights(tasks),
                seed=(learned.seed + nth) % 2**31,
                epochs=most if validation is not None else self._epochs.get(task, most),
            ),
            config=self.config.network,
            progress=progress,
            validation=validation,
        )

    def _weights(self, tasks: tuple[str, ...]) -> tuple[float, ...] | None:
        """The fixed weights; a task alone has nothing to be weighed against."""
        if len(tasks) == 1:
            return (1.0,)
        if self.config.weights == "uncertainty":
            return None
        return tuple(float(getattr(self.config.fixed_weights, _short(name))) for name in tasks)


def _short(task: str) -> str:
    return task.rpartition(".")[2]


def _past_of(task: str) -> str:
    """The feature that the baseline goes by; empty where it goes by the outcomes alone."""
    return _PAST.get(_short(task), "")
