"""The losses of tasks, and how they are weighed against each other.

Written for ``keras.ops`` and NumPy alike, which is handed in as ``ops``.
"""

from collections.abc import Sequence
from typing import Any

#: Logarithms of amounts, in parts of their mean, are held within this: e⁸ is some 3,000 means.
LOG_MOST = 8.0


def task_losses(ops: Any, truth: Any, said: Any, *, amounts: Sequence[bool]) -> Any:
    """The loss of each row and task, never below 0: (rows, tasks).

    A probability has its cross-entropy. An amount has half of Tweedie's deviance with power 3/2,
    for sums of few payments that are often 0 (Jørgensen, "Exponential Dispersion Models", Journal
    of the Royal Statistical Society B 49(2), 1987): with y the truth and m the mean said,
    d / 2 = 2 (√m - √y)² / √m. What makes it smallest is the mean, so totals come out right.

    Args:
        ops: NumPy, or what has its functions.
        truth: 0 or 1, or the amount in parts of the mean; (rows, tasks).
        said: log-odds, or the logarithm of the amount; (rows, tasks).
        amounts: which tasks are amounts.
    """
    columns = []
    for place, is_amount in enumerate(amounts):
        y, z = truth[:, place], said[:, place]
        if is_amount:
            root = ops.exp(ops.clip(z, -LOG_MOST, LOG_MOST) / 2.0)
            columns.append(2.0 * ops.square(root - ops.sqrt(y)) / root)
        else:
            columns.append(ops.logaddexp(ops.zeros_like(z), z) - y * z)
    return ops.stack(columns, axis=1)


def weighed(
    ops: Any,
    losses: Any,
    counts: Any,
    *,
    log_variances: Any,
    weights: Sequence[float] | None,
) -> Any:
    """The loss of each row: (rows,).

    By uncertainty (Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses
    for Scene Geometry and Semantics", CVPR 2018, equations 7 and 10): exp(-s) L + s / 2 of each
    task, where s, the logarithm of its variance, is learned with the rest. L is the cross-entropy,
    or half of the deviance, of which their half squared error is the case of the normal
    distribution. Else L times the task's weight.

    Args:
        ops: NumPy, or what has its functions.
        losses: of each row and task.
        counts: how much each row counts for each task, (rows, tasks): 0 where the truth is unknown.
        log_variances: s of each task, (rows, tasks), the same in all rows.
        weights: fixed ones; None for uncertainty.
    """
    if weights is None:
        return ops.sum(ops.exp(-log_variances) * counts * losses + log_variances / 2.0, axis=1)
    return ops.sum(counts * losses * weights, axis=1)
