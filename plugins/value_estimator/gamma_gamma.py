"""Gamma-Gamma: how much a customer's orders come to, from how much the past ones did.

A customer's orders are Gamma(p, rate v) around a mean of the customer's own, where v is distributed
over customers as Gamma(q, rate gamma). What an order comes to is taken not to depend on how often
the customer orders.

Fader and Hardie, "The Gamma-Gamma Model of Monetary Value", 2013; Fader, Hardie and Lee, "RFM and
CLV: Using Iso-Value Curves for Customer Base Analysis", Journal of Marketing Research 42(4), 2005.
"""

from dataclasses import asdict, astuple, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LOG_HIGHEST = 15.0
#: With a ``q`` of 1 or less the population's mean is infinite.
_LOG_LOWEST = (-6.0, float(np.log(1.05)), -9.0)


@dataclass(frozen=True)
class GammaGamma:
    """The three parameters, and what follows from them for customers with orders."""

    p: float
    q: float
    gamma: float

    @classmethod
    def fit(cls, orders: Floats, mean: Floats) -> Self:
        """The parameters with the greatest likelihood, by L-BFGS-B over their logarithms.

        Args:
            orders: how many orders, 1 or more.
            mean: what they came to on average, more than 0.
        """
        from scipy.optimize import minimize

        # In units of the mean order, so that no currency is harder than another.
        unit = float(np.average(mean, weights=orders))
        sums = _Sums.of(orders, mean / unit)

        def loss(logs: Floats) -> tuple[float, Floats]:
            value, gradient = _likelihood(cls(*np.exp(logs)), sums)
            return -value / len(mean), -gradient * np.exp(logs) / len(mean)

        found = minimize(
            loss,
            np.log([2.0, 3.0, 1.0]),
            jac=True,
            method="L-BFGS-B",
            bounds=[(low, _LOG_HIGHEST) for low in _LOG_LOWEST],
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8},
        )
        p, q, gamma = (float(value) for value in np.exp(found.x))
        return cls(p, q, gamma * unit)

    def as_json(self) -> dict[str, float]:
        """The parameters by name."""
        return asdict(self)

    def log_likelihood(self, orders: Floats, mean: Floats) -> float:
        """The logarithm of the probability density of all means together."""
        return _likelihood(self, _Sums.of(orders, mean))[0]

    def gradient(self, orders: Floats, mean: Floats) -> Floats:
        """The derivative of ``log_likelihood`` by p, q and gamma."""
        return _likelihood(self, _Sums.of(orders, mean))[1]

    def order_value(self, orders: Floats, mean: Floats) -> Floats:
        """What the next order is expected to come to; of a customer without one, what anybody's."""
        found: Floats = self.p * (self.gamma + orders * mean) / (self.p * orders + self.q - 1.0)
        return found


@dataclass(frozen=True)
class _Sums:
    """Orders and what they came to, with what stays the same over all parameters.

    Attributes:
        orders: of each customer.
        total: what each customer's orders came to.
        numbers: the numbers of orders that there are.
        customers: how many customers have each of them.
        log_total: the sum of each total's logarithm, as often as its customer ordered.
        log_mean: the sum of each mean's logarithm.
    """

    orders: Floats
    total: Floats
    numbers: Floats
    customers: Floats
    log_total: float
    log_mean: float

    @classmethod
    def of(cls, orders: Floats, mean: Floats) -> Self:
        numbers, customers = np.unique(orders, return_counts=True)
        total = orders * mean
        return cls(
            orders,
            total,
            numbers,
            customers.astype(np.float64),
            log_total=float(orders @ np.log(total)),
            log_mean=float(np.log(mean).sum()),
        )


def _likelihood(model: GammaGamma, sums: _Sums) -> tuple[float, Floats]:
    from scipy.special import digamma, gammaln

    p, q, gamma = astuple(model)
    times, total = sums.customers, sums.total
    each = p * sums.numbers
    log_all = np.log(gamma + total)
    value = (
        times @ (gammaln(each + q) - gammaln(each) - gammaln(q) + q * np.log(gamma))
        + p * sums.log_total
        - sums.log_mean
        - (p * sums.orders + q) @ log_all
    )
    both = digamma(each + q)
    return float(value), np.array(
        [
            (times * sums.numbers) @ (both - digamma(each))
            + sums.log_total
            - sums.orders @ log_all,
            times @ (both - digamma(q) + np.log(gamma)) - log_all.sum(),
            len(total) * q / gamma - ((p * sums.orders + q) / (gamma + total)).sum(),
        ]
    )
