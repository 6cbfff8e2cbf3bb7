"""The scorer: groups of customers who behave alike."""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.explaining import (
    ClassContributions,
    Contributions,
    centre_contributions,
    class_contributions,
    network_contributions,
)
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import MinimumData, ModelState, Progress, no_progress, scorers
from plugins.persona.autoencoder import Autoencoded, Autoencoder, AutoencoderConfig
from plugins.persona.behaviour import WORDS
from plugins.persona.grouping import (
    CountTried,
    Floats,
    centres_fit,
    count_chosen,
    counts_tried,
    nearest,
    nearness,
    plane,
)

#: Rows on which the number of groups is chosen: k-means of more says the same, and takes longer.
_CHOOSING_ROWS = 4_000


class PersonaConfig(Config):
    """How personas are looked for."""

    least: int = Field(default=3, ge=2, le=20, title="Personas at least")
    most: int = Field(default=10, ge=2, le=20, title="Personas at most")
    resamples: int = Field(default=10, ge=2, le=100, title="Resamples to choose their number")
    rows: int = Field(default=20_000, ge=100, title="Customers to learn from at most")
    network: AutoencoderConfig = AutoencoderConfig()

    @model_validator(mode="after")
    def _in_order(self) -> "PersonaConfig":
        if self.least > self.most:
            raise ValueError(f"least={self.least} is more than most={self.most}")
        return self


@scorers.register
class Persona(ClusterScorer):
    """Customers who behave alike: k-means over an autoencoder's embedding of their behaviour.

    Distances are those of what the embedding says again of customers, which is in the units of the
    features: the numbers of the bottleneck themselves are other ones in each training. The baseline
    is k-means over the same features, standardised, with as many groups.
    """

    key: ClassVar[str] = "persona.behaviour"
    label: ClassVar[Any] = _("Persona")
    Config: ClassVar[type[Config]] = PersonaConfig
    features = tuple(WORDS)
    words = WORDS
    opt_in = True
    minimum = MinimumData(customers=300, days=90)

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._tried: list[CountTried] = []
        self._count: int = self.config.least
        self._arrays: dict[str, NDArray[Any]] = {}
        self._autoencoder: Autoencoder | None = None

    @property
    def algorithm(self) -> str:
        """What was fitted."""
        return f"Autoencoder and k-means of {self._count}"

    def report(self) -> dict[str, Any]:
        """How far so many personas were found again, for each number that was tried."""
        found = {f"agreement of {one.count}": round(one.agreement, 4) for one in self._tried}
        return {"personas": self._count, **found}

    def choose(
        self, frame: pd.DataFrame, *, rng: np.random.Generator, progress: Progress = no_progress
    ) -> None:
        """How many personas: as many as are found again in resamples of the customers."""
        network = self._trained(frame, rng, progress)
        values = network.said_again(_sampled(frame, _CHOOSING_ROWS, rng))
        counts = range(self.config.least, self.config.most + 1)
        self._tried = counts_tried(values, counts=counts, resamples=self.config.resamples, rng=rng)
        self._count = count_chosen(self._tried)

    def fit_clusters(
        self, frame: pd.DataFrame, *, rng: np.random.Generator, progress: Progress = no_progress
    ) -> None:
        """Learn the embedding, then the groups in it; and those of the features as they are."""
        rows = _sampled(frame, self.config.rows, rng)
        network = self._trained(rows, rng, progress)
        values = network.said_again(rows)
        mean, axes = plane(values)
        self._arrays = {
            **network.arrays,
            "centres": centres_fit(values, count=self._count, rng=rng),
            "plain_centres": centres_fit(network.inputs(rows), count=self._count, rng=rng),
            "plane_mean": mean,
            "plane_axes": axes,
        }

    def assign(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """The nearest centre among what the embedding says of customers."""
        return nearest(self._network.said_again(frame), self._arrays["centres"])

    def assign_baseline(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """The nearest centre among the standardised features."""
        return nearest(self._network.inputs(frame), self._arrays["plain_centres"])

    def project(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """What the embedding says, from where it is seen spread out most: two components."""
        away = self._network.said_again(frame) - self._arrays["plane_mean"]
        found: NDArray[np.float64] = away @ self._arrays["plane_axes"].T
        return found

    def explain(self, frame: pd.DataFrame) -> ClassContributions | None:
        """What made a customer's centre nearer than the next nearest one, by feature.

        Gradients are integrated through the whole network, so that what counts is what the customer
        did. The distance itself is a sum over what the embedding says of each feature, which is
        made of all of them: told by that, somebody who has used no coupon could be among those who
        use coupons for the many coupons that the network expects of such customers.
        """
        centres, network = self._arrays["centres"], self._network
        if len(centres) < 2:
            return None
        inputs, layers = network.inputs(frame), network.layers
        near = nearness(network.said_again(frame), centres)

        def pair(rows: NDArray[np.int64], own: int, rival: int) -> Contributions:
            def nearer(said: Floats) -> tuple[Floats, Floats]:
                found = nearness(said, centres[[own, rival]])
                return found[:, 0] - found[:, 1], np.broadcast_to(slope, said.shape)

            slope = 2 * (centres[own] - centres[rival])
            some = frame.iloc[rows]
            return network_contributions(some, inputs=inputs[rows], layers=layers, end=nearer)

        numbers = self.numbers or range(len(centres))
        margins = pd.DataFrame(near, index=frame.index, columns=[*numbers])
        return class_contributions(frame, margins=margins, pair=pair)

    def explain_baseline(self, frame: pd.DataFrame) -> ClassContributions | None:
        """As ``explain``, between the standardised features as they are: exact."""
        centres = self._arrays["plain_centres"]
        if len(centres) < 2:
            return None
        return centre_contributions(
            frame,
            inputs=self._network.inputs(frame),
            centres=centres,
            numbers=self.baseline_numbers or range(len(centres)),
        )

    def state(self) -> ModelState:
        """Weights, centres and the plane of the map, as plain arrays."""
        tried = [[one.count, one.agreement, one.error] for one in self._tried]
        return ModelState(arrays=self._arrays, params={"count": self._count, "tried": tried})

    def restore(self, state: ModelState) -> None:
        """Take them again."""
        self._arrays = dict(state.arrays)
        self._count = state.params["count"]
        self._tried = [CountTried(*one) for one in state.params["tried"]]

    @property
    def _network(self) -> Autoencoded:
        return Autoencoded(self._arrays)

    def _trained(
        self, frame: pd.DataFrame, rng: np.random.Generator, progress: Progress
    ) -> Autoencoded:
        rows = _sampled(frame, self.config.rows, rng)
        seed = int(rng.integers(2**31))
        if self._autoencoder is None:
            width = len(self.feature_names())
            self._autoencoder = Autoencoder(width=width, config=self.config.network)
        return self._autoencoder.fit(rows, seed=seed, progress=progress)


def _sampled(frame: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= most:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), most, replace=False))]
