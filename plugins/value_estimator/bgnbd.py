"""BG/NBD: how often customers order while they stay, and whether they are still there.

While a customer stays, orders come by chance at a rate of the customer's own, and after each order
the customer leaves for good with a probability of the customer's own. Rates are distributed over
customers as Gamma(r, rate alpha), probabilities as Beta(a, b).

Fader, Hardie and Lee, "Counting Your Customers the Easy Way: An Alternative to the Pareto/NBD
Model", Marketing Science 24(2), 2005; and "Computing P(alive) Using the BG/NBD Model", 2008.
"""

from dataclasses import asdict, astuple, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: The parameters' logarithms are searched between these. An end that is reached means that the
#: data know no bound: nobody leaves (a at the low end), or all have the same rate (r at the high).
_LOG_BOUNDS = (-9.0, 9.0)
#: So near to 1 (a) or 0 (a + b + x - 1) a formula divides nothing by nothing: it is moved off.
_OFF = 1e-6


@dataclass(frozen=True)
class History:
    """What the model has to know of each customer; times in one unit of any length.

    Attributes:
        repeats: orders after the first, x.
        last: time from the first to the newest order, t_x; 0 where ``repeats`` is 0.
        age: time from the first order until now, T.
    """

    repeats: Floats
    last: Floats
    age: Floats


@dataclass(frozen=True)
class BgNbd:
    """The four parameters, and what follows from them for customers with a history."""

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fit(cls, history: History) -> Self:
        """The parameters with the greatest likelihood, by L-BFGS-B over their logarithms."""
        from scipy.optimize import minimize

        customers = len(history.age)
        # In units of the mean age, so that no unit of time is harder than another.
        unit = float(history.age.mean()) or 1.0
        sums = _Sums.of(History(history.repeats, history.last / unit, history.age / unit))

        def loss(logs: Floats) -> tuple[float, Floats]:
            value, gradient = _likelihood(cls(*np.exp(logs)), sums)
            return -value / customers, -gradient * np.exp(logs) / customers

        found = minimize(
            loss,
            np.zeros(4),
            jac=True,
            method="L-BFGS-B",
            bounds=[_LOG_BOUNDS] * 4,
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8},
        )
        r, alpha, a, b = (float(value) for value in np.exp(found.x))
        return cls(r, alpha * unit, a, b)

    def as_json(self) -> dict[str, float]:
        """The parameters by name."""
        return asdict(self)

    def log_likelihood(self, history: History) -> float:
        """The logarithm of the probability density of all histories together."""
        return _likelihood(self, _Sums.of(history))[0]

    def gradient(self, history: History) -> Floats:
        """The derivative of ``log_likelihood`` by r, alpha, a and b."""
        return _likelihood(self, _Sums.of(history))[1]

    def alive(self, history: History) -> Floats:
        """Probability that the customer has not left; 1 of who has ordered once only.

        That is the model's meaning of a repeat order: to leave takes one.
        """
        from scipy.special import expit

        found: Floats = expit(-_log_odds_left(self, history))
        return found

    def orders(self, history: History, horizon: float) -> Floats:
        """Expected orders within ``horizon`` from now on.

        Euler's transformation of the published 2F1 leaves only its third parameter to grow with the
        number of orders, so nothing overflows for who has ordered thousands of times.
        """
        from scipy.special import hyp2f1

        a = 1.0 + _apart(self.a - 1.0)
        third = _apart(a + self.b + history.repeats - 1.0)
        staying = self.alpha + history.age
        z = horizon / (staying + horizon)
        left = np.exp((a - 1.0) * np.log1p(-z))
        series = hyp2f1(a + self.b - 1.0 - self.r, a - 1.0, third, z)
        while_alive = third / (a - 1.0) * (1.0 - left * series)
        found: Floats = np.maximum(while_alive * self.alive(history), 0.0)
        return found

    def active(self, history: History, horizon: float) -> Floats:
        """Probability of at least one order within ``horizon`` from now on."""
        staying = self.alpha + history.age
        none = np.exp(-(self.r + history.repeats) * np.log1p(horizon / staying))
        found: Floats = self.alive(history) * (1.0 - none)
        return found

    def next_order(self, history: History, share: float) -> Floats:
        """The time until the next order by when ``share`` of such customers have placed it.

        Infinity where fewer than that are still there.
        """
        alive = self.alive(history)
        never = alive <= share
        rate = np.divide(share, alive, out=np.zeros_like(alive), where=~never)
        wait = np.expm1(-np.log1p(-rate) / (self.r + history.repeats))
        found: Floats = np.where(never, np.inf, (self.alpha + history.age) * wait)
        return found


@dataclass(frozen=True)
class _Sums:
    """Histories, with the numbers of orders that there are and how many customers have each.

    What depends on nothing else is computed once per number, not once per customer.
    """

    history: History
    repeats: Floats
    customers: Floats

    @classmethod
    def of(cls, history: History) -> Self:
        repeats, customers = np.unique(history.repeats, return_counts=True)
        return cls(history, repeats, customers.astype(np.float64))

    @property
    def total(self) -> float:
        return float(self.customers.sum())


def _likelihood(model: BgNbd, sums: _Sums) -> tuple[float, Floats]:
    from scipy.special import digamma, expit, gammaln

    r, alpha, a, b = astuple(model)
    x, times, history = sums.repeats, sums.customers, sums.history
    counted = (
        gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        + gammaln(a + b) - gammaln(b) + gammaln(b + x) - gammaln(a + b + x)
    )  # fmt: skip
    by_r = digamma(r + x) - digamma(r) + np.log(alpha)
    by_a = digamma(a + b) - digamma(a + b + x)
    by_b = by_a - digamma(b) + digamma(b + x)

    shape = r + history.repeats
    log_now, log_then = np.log(alpha + history.age), np.log(alpha + history.last)
    odds = _log_odds_left(model, history)
    left = expit(odds)
    value = times @ counted - shape @ log_now + np.logaddexp(0.0, odds).sum()
    waited = log_now - log_then
    # The derivatives of the log-odds, by which those who may have left come in.
    repeated = np.maximum(history.repeats, 1.0)
    return float(value), np.array(
        [
            times @ by_r - log_now.sum() + left @ waited,
            sums.total * r / alpha
            - (shape / (alpha + history.age)).sum()
            + left @ (shape * (1.0 / (alpha + history.age) - 1.0 / (alpha + history.last))),
            times @ by_a + left.sum() / a,
            times @ by_b - (left / (b + repeated - 1.0)).sum(),
        ]
    )


def _log_odds_left(model: BgNbd, history: History) -> Floats:
    x = history.repeats
    repeated = x > 0
    leaving = np.log(model.a) - np.log(np.where(repeated, model.b + x - 1.0, 1.0))
    waiting = np.log(model.alpha + history.age) - np.log(model.alpha + history.last)
    return np.where(repeated, leaving + (model.r + x) * waiting, -np.inf)


def _apart(value: "float | Floats") -> "float | Floats":
    """The value, or a number just beside 0 when it is nearer to 0 than that."""
    return np.where(np.abs(value) < _OFF, _OFF, value)
