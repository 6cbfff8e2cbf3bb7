"""What the figures of a check mean, by its limits: pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lifecycle_engine.scoring.check_models import CheckState, FallBackOn
from lifecycle_engine.scoring.monitoring.rule import shown

#: By how much more of a feature may be missing than when the model learned.
MISSING_MORE = 0.2
#: From how many of the hours that are due on staff are warned, and from how many on it is a breach.
LATE, OVERDUE = 1.5, 3.0
#: The columnar copy may be behind by so many hours.
COPY_HOURS = 1.0
#: Events may come in late: outcomes are looked at so many days after the horizon is over.
SETTLING_DAYS = 1
_ORDER = {CheckState.OK: 0, CheckState.WARNING: 1, CheckState.BREACH: 2}


@dataclass(frozen=True)
class Limits:
    """From where on figures are a warning or a breach; staff set them under *Scorer settings*.

    Attributes:
        drift: of the population stability index; the usual reading calls 0.25 large.
        calibration: the expected total by the actual, or the other way round.
        fresh_hours: how often scores are due.
        fall_back: on what the scorer falls back.
    """

    drift: float = 0.25
    calibration: float = 1.25
    fresh_hours: int = 24
    fall_back: FallBackOn = FallBackOn.OUTCOMES

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        return asdict(self)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: ``failed``, ``inputs``, ``missing``, ``scores``, ``copy``, ``outcomes``,
            ``calibration`` or ``age``.
        state: what it means.
        value: the figure.
        limit: from where on it is too much.
        over: whether it is; of drift, one run alone is no warning yet.
        more: what else there is to tell.
    """

    what: str
    state: CheckState
    value: float | None = None
    limit: float | None = None
    over: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        found = asdict(self)
        return {**found.pop("more"), **found}


def worst(states: Iterable[str]) -> CheckState:
    """The worst of some states; OK of none."""
    return max((CheckState(one) for one in states), key=_ORDER.__getitem__, default=CheckState.OK)


def drift_findings(
    figures: Mapping[str, Any], limits: Limits, *, before: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    """Of a run's inputs and scores. It takes two runs in a row to be a warning.

    Args:
        figures: ``inputs``, each ``{"feature", "psi", "missing", "missing_then"}``, and ``scores``.
        limits: what counts as drift.
        before: the findings of the run before.
    """
    over = {str(one["what"]) for one in before if one.get("over")}

    def finding(what: str, value: float, limit: float, **more: Any) -> Finding:
        state, beyond = CheckState.OK, value >= limit
        if beyond and what in over:
            breach = limits.fall_back is FallBackOn.DRIFT and what != "missing"
            state = CheckState.BREACH if breach else CheckState.WARNING
        return Finding(what, state, value, limit, beyond, more)

    found = []
    inputs = figures.get("inputs") or []
    if inputs:
        most = max(inputs, key=lambda one: float(one["psi"]))
        found.append(finding("inputs", most["psi"], limits.drift, feature=most["feature"]))
        gap = max(inputs, key=lambda one: float(one["missing"] - one["missing_then"]))
        more = gap["missing"] - gap["missing_then"]
        found.append(finding("missing", more, MISSING_MORE, feature=gap["feature"]))
    if figures.get("scores") is not None:
        found.append(finding("scores", figures["scores"], limits.drift))
    return found


def copy_finding(hours: float) -> Finding:
    """Of how old the oldest event is that the columnar copy lacks."""
    over = hours > COPY_HOURS
    return Finding("copy", CheckState.WARNING if over else CheckState.OK, hours, COPY_HOURS, over)


def age_finding(hours: float, limits: Limits) -> Finding:
    """Of how old the published scores are."""
    if hours > OVERDUE * limits.fresh_hours:
        state = CheckState.BREACH
    else:
        state = CheckState.WARNING if hours > LATE * limits.fresh_hours else CheckState.OK
    limit = LATE * limits.fresh_hours
    return Finding("age", state, hours, limit, state is not CheckState.OK)


def failed_finding(error: str, *, promise_broken: bool, failures: int) -> Finding:
    """Of a run that published nothing: a broken promise is a breach, as are two failures in a row.

    A worker may die of something else than the model; a score that is no number comes of the model.
    """
    breach = promise_broken or failures > 1
    state = CheckState.BREACH if breach else CheckState.WARNING
    name = error.partition(":")[0][:80]  # The rest may name a customer.
    return Finding("failed", state, float(failures), 2.0, breach, {"error": name})


def outcome_finding(metric: Mapping[str, Any], *, name: str) -> Finding:
    """Of the deciding metric: shown to be worse than the baseline's is a breach."""
    way = shown(metric)
    state = CheckState.BREACH if way < 0 else CheckState.OK
    if way == 0 and not metric["better"]:
        state = CheckState.WARNING
    return Finding("outcomes", state, float(metric["difference"]), 0.0, way < 0, {"metric": name})


def calibration_finding(ratio: Mapping[str, Any], limits: Limits) -> Finding:
    """Of the expected total by the actual one.

    A breach where the whole 95 % interval is beyond the limit and the baseline is nearer: where it
    is as far off, nothing is gained by it, and what has changed is the shop.

    Args:
        ratio: the ratio's ``Comparison.as_json()``: the model's with its interval, the baseline's.
        limits: how far off is too far.
    """
    value, limit = float(ratio["model"]), limits.calibration
    low, high = float(ratio["model_low"]), float(ratio["model_high"])
    beyond = low > limit or high < 1 / limit
    nearer = _off(float(ratio["baseline"])) < _off(value)
    state = CheckState.OK
    if _off(value) > limit:
        state = CheckState.BREACH if beyond and nearer else CheckState.WARNING
    return Finding("calibration", state, value, limit, state is CheckState.BREACH)


def _off(ratio: float) -> float:
    """By what factor a ratio is off 1, either way."""
    return max(ratio, 1 / ratio) if ratio > 0 else float("inf")
