"""Reasons of many customers at once, from a frame of their features."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle_engine.scoring.classes import gives_classes
from lifecycle_engine.scoring.errors import ReasonsMissingError, ScorerOutputError
from lifecycle_engine.scoring.reasons.changes import changes_find, class_changes_find
from lifecycle_engine.scoring.reasons.results import Change, Explained, Reason
from lifecycle_engine.scoring.reasons.words import words_of
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.explaining import ClassContributions, Contributions
from lifecycle_engine.sdk.scorers import Scorer

#: Reasons kept of a customer.
SHOWN = 6
#: Of what is typical of customers: the lower end, the quarters, the upper end.
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_MEDIAN = QUANTILES.index(0.5)

#: By feature, its value at each of ``QUANTILES``; one that nobody has is not in it.
Typical = Mapping[str, Sequence[float]]
#: By the number that stands for a name, as text, the name.
Texts = Mapping[str, str]


def typical_values(frame: pd.DataFrame) -> dict[str, list[float]]:
    """What is typical of the customers of a frame, of those to whom each feature applies."""
    known = frame.loc[:, frame.notna().any()]
    known = known[[name for name in known if not words_of(str(name)).nominal]]
    return {str(name): known[name].quantile(list(QUANTILES)).tolist() for name in known}


def importances(contributions: Contributions) -> list[tuple[str, float]]:
    """By feature the mean of its contribution's size over the customers, the largest first."""
    sizes = contributions.values.abs().mean().sort_values(ascending=False, kind="stable")
    return [(str(name), float(size)) for name, size in sizes.items()]


def contributions_checked(
    scorer: Scorer, frame: pd.DataFrame, *, use: Use = Use.MODEL
) -> Contributions:
    """What ``explain`` gives, or ``explain_baseline``, if it keeps the scorer's promises.

    Raises:
        ReasonsMissingError: the model that the scorer chose gives none.
        ScorerOutputError: it has another index or columns, or no number; or a class's reasons don't
            say which two classes are compared.
    """
    found = (scorer.explain_baseline if use is Use.BASELINE else scorer.explain)(frame)
    if found is None:
        raise ReasonsMissingError(f"The model of scorer {scorer.key} gives no reasons")
    if not found.values.index.equals(frame.index) or [*found.values] != [*frame]:
        raise ScorerOutputError(f"Scorer {scorer.key} gives reasons of another shape")
    if not np.isfinite(found.values.to_numpy(float)).all():
        raise ScorerOutputError(f"Scorer {scorer.key} gives a reason that is no number")
    if gives_classes(type(scorer)) and not isinstance(found, ClassContributions):
        raise ScorerOutputError(f"Scorer {scorer.key} gives reasons that are no class's")
    return found


def customers_explain(
    scorer: Scorer,
    frame: pd.DataFrame,
    *,
    typical: Typical,
    texts: Texts | None = None,
    use: Use = Use.MODEL,
) -> dict[int, Explained]:
    """The reasons of every customer of a frame, by customer.

    Args:
        scorer: fitted.
        frame: the customers' features.
        typical: what is typical of customers.
        texts: what numbers of names stand for; one that is not in it is told without its name.
        use: whether the model's scores are explained or its baseline's. What would change a score
            is of the model's alone; of a class it is what would bring the customer into another.

    Raises:
        ScorerOutputError: the scorer breaks a promise.
    """
    contributions = contributions_checked(scorer, frame, use=use)
    reasons = _reasons(frame, contributions.values.to_numpy(float), typical, texts or {})
    scores = (scorer.baseline if use is Use.BASELINE else scorer.predict)(frame).astype(float)
    changes: Sequence[tuple[Change, ...]] = [()] * len(frame)
    if use is Use.MODEL:
        find = class_changes_find if gives_classes(type(scorer)) else changes_find
        changes = find(scorer, frame, scores=scores, typical=typical)
    totals, bases = contributions.totals(), np.broadcast_to(contributions.base, len(frame))
    rivals = contributions.rival if isinstance(contributions, ClassContributions) else None
    return {
        int(customer_id): Explained(
            base=float(bases[row]),
            total=float(totals.iloc[row]),
            score=float(scores.iloc[row]),
            reasons=tuple(reasons[row]),
            changes=changes[row],
            rival=None if rivals is None else float(rivals.iloc[row]),
        )
        for row, customer_id in enumerate(frame.index)
    }


def _reasons(
    frame: pd.DataFrame, contributions: NDArray[np.float64], typical: Typical, texts: Texts
) -> list[list[Reason]]:
    """The largest sums over themes of each row, in either direction, the largest first."""
    names = [str(name) for name in frame.columns]
    themes = _themes(names)
    sums = np.stack([contributions[:, columns].sum(axis=1) for columns in themes], axis=1)
    order = np.argsort(-np.abs(sums), axis=1, kind="stable")[:, :SHOWN]
    given, habits = frame.to_numpy(float), _habits(frame)
    found = []
    for row, best in enumerate(order):
        told = []
        for theme in best:
            columns, total = themes[theme], sums[row, theme]
            if total == 0.0:
                continue
            # Of what moved the score the same way, the most first.
            way = np.sign(total) * contributions[row, columns]
            ranked = [names[columns[place]] for place in np.argsort(-way, kind="stable")]
            first = names.index(ranked[0])
            told.append(
                Reason(
                    feature=ranked[0],
                    value=_known(given[row, first]),
                    usual=_known(habits[row, first]),
                    typical=_median(typical, ranked[0]),
                    contribution=float(total),
                    features=tuple(ranked),
                    text=_text(ranked[0], given[row, first], texts),
                )
            )
        found.append(told)
    return found


def _themes(names: list[str]) -> list[list[int]]:
    """The columns of each theme."""
    found: dict[str, list[int]] = defaultdict(list)
    for column, name in enumerate(names):
        found[words_of(name).theme].append(column)
    return list(found.values())


def _habits(frame: pd.DataFrame) -> NDArray[np.float64]:
    """What is usual for each customer, of the frame's shape; NaN where that is not known."""
    found = np.full(frame.shape, np.nan)
    for column, name in enumerate(frame.columns):
        usual = words_of(str(name)).usual
        values = usual(frame, str(name)) if usual is not None else None
        if values is not None:
            found[:, column] = values.to_numpy(float)
    return found


def _median(typical: Typical, feature: str) -> float | None:
    return typical[feature][_MEDIAN] if feature in typical else None


def _text(feature: str, value: float, texts: Texts) -> str | None:
    if not words_of(feature).nominal or not np.isfinite(value):
        return None
    return texts.get(str(int(value)))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
