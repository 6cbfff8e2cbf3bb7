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
_LOG_BOUNDS = (-7.0, 7.0)
#: So near to 1 (a) or 0 (a + b + x - 1) a formula divides nothing by nothing: it is moved off.
_OFF = 1e-6
#: Points of an integral, and rows that are integrated at a time: 40 MB.
_POINTS, _BLOCK = 1200, 4096


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

        The published 2F1 overflows for who has ordered hundreds of times, and its form after
        Euler's transformation where ``a`` is large. Each is taken where its series converges at 1;
        where SciPy gives neither, the integral that they stand for is computed.
        """
        from scipy.special import hyp2f1

        a, shape = 1.0 + _apart(self.a - 1.0), self.r + history.repeats
        third = _apart(a + self.b + history.repeats - 1.0)
        rate = 1.0 / (self.alpha + history.age)
        z = horizon * rate / (1.0 + horizon * rate)
        published = a - 1.0 > shape
        series = hyp2f1(
            np.where(published, shape, a + self.b - 1.0 - self.r),
            np.where(published, self.b + history.repeats, a - 1.0),
            third,
            z,
        )
        left = np.exp(np.where(published, shape, a - 1.0) * np.log1p(-z))
        with np.errstate(invalid="ignore"):  # Nothing times infinity, of those who come next.
            while_there = third / (a - 1.0) * (1.0 - left * series)
        failed = np.flatnonzero(~np.isfinite(while_there))
        for rows in np.split(failed, range(_BLOCK, len(failed), _BLOCK)):
            while_there[rows] = _orders_integrated(
                self, History(history.repeats[rows], history.last[rows], history.age[rows]), horizon
            )
        # Never more than of who does not leave at all, whatever the rounding.
        found: Floats = np.clip(while_there, 0.0, shape * rate * horizon) * self.alive(history)
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


def _orders_integrated(model: BgNbd, history: History, horizon: float) -> Floats:
    """Expected orders of who is still there, by the trapezoidal rule.

    Given the probability p to leave they are (1 - (1 + p t / (alpha + T))^-(r + x)) / p. It is
    integrated over the log-odds of p, on which p's density dies away smoothly at both ends.
    """
    from scipy.special import betaln, polygamma, psi

    leaving, staying = model.a, (model.b + history.repeats)[:, None]
    middle = psi(leaving) - psi(staying)
    spread = np.sqrt(polygamma(1, leaving) + polygamma(1, staying))
    log_odds = middle + spread * np.linspace(-30.0, 30.0, _POINTS)
    log_p = -np.logaddexp(0.0, -log_odds)
    log_density = leaving * log_p - staying * np.logaddexp(0.0, log_odds) - betaln(leaving, staying)
    p = np.exp(np.maximum(log_p, -600.0))
    rate = horizon / (model.alpha + history.age)[:, None]
    orders = -np.expm1(-(model.r + history.repeats)[:, None] * np.log1p(p * rate)) / p
    step = 60.0 * spread[:, 0] / (_POINTS - 1)
    found: Floats = (np.exp(log_density) * orders).sum(axis=1) * step
    return found


def _apart(value: "float | Floats") -> "float | Floats":
    """The value, or a number just beside 0 when it is nearer to 0 than that."""
    return np.where(np.abs(value) < _OFF, _OFF, value)
