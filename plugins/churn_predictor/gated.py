"""Gated recurrent units as plain arrays: what they answer, and how it changes with each input."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Single precision to score, double to explain.
Values: TypeAlias = NDArray[Any]


class _Step(NamedTuple):
    """What a step went through, each (rows, units): the backward pass needs it again."""

    state: Values
    update: Values
    reset: Values
    behind: Values
    candidate: Values
    after: Values
    reached: Values


class Gated:
    """Gated recurrent units (Cho et al. 2014, as Keras has them) and two dense layers behind.

    A step is there or it is not, and one that isn't leaves the state as it is. In between, where
    integrated gradients pass, the state goes as much of the way from the one to the other as the
    step is there; at 0 and 1 that is the network as it was trained.

    Attributes:
        arrays: ``gates``, ``gates_state`` and ``gates_bias`` in the order update, reset, candidate;
            ``hidden_weights`` and ``hidden_bias``, with ReLU; ``output_weights``, ``output_bias``.
    """

    def __init__(self, arrays: Mapping[str, Values]) -> None:
        self.arrays = arrays

    def log_odds(self, present: Values, given: Values) -> NDArray[np.float64]:
        """What the network answers: (rows).

        Args:
            present: which steps there are, from 0 to 1: (rows, steps).
            given: what each is, (rows, steps, inputs); its precision is that of the computation.
        """
        reached = self._nothing(given)
        for step in self._steps(present, given):
            reached = step.reached
        hidden = np.maximum(self._hidden(reached), 0.0)
        found = hidden @ self.arrays["output_weights"] + self.arrays["output_bias"]
        return np.asarray(found[:, 0], dtype=np.float64)

    def gradient(self, present: Values, given: Values) -> tuple[Values, Values]:
        """How the answer changes with ``present`` and with ``given``, of their shapes.

        Backpropagation through time (Werbos 1990).
        """
        weights, weights_state = self.arrays["gates"], self.arrays["gates_state"]
        by_present, by_given = np.zeros_like(present), np.zeros_like(given)
        steps = [*self._steps(present, given)]
        back = self._back_to_state(steps[-1].reached)
        for place in range(len(steps) - 1, -1, -1):
            step, here = steps[place], present[:, place, None]
            by_present[:, place] = (back * (step.after - step.state)).sum(axis=1)
            after, back = here * back, (1 - here) * back
            back += after * step.update
            update = after * (step.state - step.candidate) * step.update * (1 - step.update)
            candidate = after * (1 - step.update) * (1 - step.candidate**2)
            reset = candidate * step.behind * step.reset * (1 - step.reset)
            by_given[:, place] = np.hstack([update, reset, candidate]) @ weights.T
            back += np.hstack([update, reset, candidate * step.reset]) @ weights_state.T
        return by_present, by_given

    def _steps(self, present: Values, given: Values) -> Iterator[_Step]:
        kept, units = self.arrays, self.arrays["gates_state"].shape[0]
        state, present = self._nothing(given), present.astype(given.dtype)
        for place in range(given.shape[1]):
            said = given[:, place] @ kept["gates"] + kept["gates_bias"][0]
            before = state @ kept["gates_state"] + kept["gates_bias"][1]
            both = _sigmoid(said[:, : 2 * units] + before[:, : 2 * units])
            update, reset = np.split(both, 2, axis=1)
            behind = before[:, 2 * units :]
            candidate = np.tanh(said[:, 2 * units :] + reset * behind)
            after = update * state + (1 - update) * candidate
            here = present[:, place, None]
            reached = here * after + (1 - here) * state
            yield _Step(state, update, reset, behind, candidate, after, reached)
            state = reached

    def _nothing(self, given: Values) -> Values:
        return np.zeros((len(given), self.arrays["gates_state"].shape[0]), given.dtype)

    def _hidden(self, state: Values) -> Values:
        found: Values = state @ self.arrays["hidden_weights"] + self.arrays["hidden_bias"]
        return found

    def _back_to_state(self, state: Values) -> Values:
        through = (self._hidden(state) > 0) * self.arrays["output_weights"][:, 0]
        found: Values = through @ self.arrays["hidden_weights"].T
        return found


def _sigmoid(values: Values) -> Values:
    found: Values = 1.0 / (1.0 + np.exp(-np.clip(values, -30, 30)))
    return found
