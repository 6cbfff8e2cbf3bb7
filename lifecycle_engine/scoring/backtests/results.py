"""What a backtest came to: a document for each month, and the verdicts that follow from them."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from lifecycle_engine.scoring.backtest_models import Backtest
from lifecycle_engine.scoring.errors import Need
from lifecycle_engine.scoring.metrics import Comparison

#: The name of the job.
JOB = "scoring.backtest"


class MonthState(StrEnum):
    """Whether a month could be judged."""

    JUDGED = "judged"
    LACKING = "lacking"
    OPEN = "open"
    SAME = "same"


class Published(StrEnum):
    """Whose scores the rule would have published: of the model of the month or an older one."""

    NEW = "new"
    OLDER = "older"
    BASELINE = "baseline"


class Verdict(StrEnum):
    """What the 95 % interval of the difference from the baseline says."""

    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Month:
    """What came of one month.

    Attributes:
        month: such as ``"2017-06"``.
        as_of: the moment of its beginning: the model has learned from what was before, and is
            judged by what came true from then on.
        until: the end of the window that judges.
        state: whether it could be judged.
        needs: what there is too little of, where that is why it could not.
        message: why it could not, in a sentence.
        customers: how many were judged.
        target_mean: what came true on average; None for rankings.
        algorithm: of the month's new model.
        fingerprint: of the model: live training on the same data gives a version with the same.
        reason: what the rule said of it beside the champion so far.
        published: whose scores the rule would have published.
        champion_of: the month of the champion's training.
        metrics: the new model beside the baseline, by name of the metric.
        champion: the champion beside the baseline, in the metric that decides.
        seconds: how long it took.
    """

    month: str
    as_of: datetime
    until: datetime
    state: MonthState
    needs: tuple[Need, ...] = ()
    message: str = ""
    customers: int = 0
    target_mean: float | None = None
    algorithm: str = ""
    fingerprint: str = ""
    reason: str = ""
    published: Published | None = None
    champion_of: str = ""
    metrics: dict[str, Comparison] = field(default_factory=dict)
    champion: Comparison | None = None
    seconds: float = 0.0

    def verdict(self, metric: str) -> Verdict | None:
        """Of the new model; None where the month was not judged."""
        found = self.metrics.get(metric)
        return None if found is None else verdict_of(found)

    @property
    def publishing(self) -> Verdict | None:
        """Of what the rule would have published; None for the baseline itself, or nothing."""
        if self.champion is None or self.published is Published.BASELINE:
            return None
        return verdict_of(self.champion)

    def as_json(self) -> dict[str, Any]:
        """For the row."""
        metrics = {name: found.as_json() for name, found in self.metrics.items()}
        champion = None if self.champion is None else self.champion.as_json()
        moments = {"as_of": self.as_of.isoformat(), "until": self.until.isoformat()}
        needs = [asdict(need) for need in self.needs]
        own = {"needs": needs, "metrics": metrics, "champion": champion}
        return asdict(self) | moments | own

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """From what ``as_json`` gave."""
        published, champion = document["published"], document["champion"]
        return cls(
            **document
            | {
                "as_of": datetime.fromisoformat(document["as_of"]),
                "until": datetime.fromisoformat(document["until"]),
                "state": MonthState(document["state"]),
                "needs": tuple(Need(**need) for need in document["needs"]),
                "published": None if published is None else Published(published),
                "metrics": {
                    name: Comparison.read(found) for name, found in document["metrics"].items()
                },
                "champion": None if champion is None else Comparison.read(champion),
            }
        )


@dataclass(frozen=True)
class Result:
    """A backtest's months, with what they say together.

    Attributes:
        metric: the one that decides.
        months: all that are done, in order.
    """

    metric: str
    months: list[Month]

    @classmethod
    def of(cls, backtest: Backtest) -> Self:
        """What the row holds."""
        return cls(backtest.decided_by, [Month.read(document) for document in backtest.months])

    @property
    def judged(self) -> list[Month]:
        """The months that could be judged."""
        return [month for month in self.months if month.state is MonthState.JUDGED]

    def having(self, verdict: Verdict) -> list[Month]:
        """The months of whose new model that is said."""
        return [month for month in self.judged if month.verdict(self.metric) is verdict]

    def publishing(self, verdict: Verdict | None) -> list[Month]:
        """The months in which that is said of what the rule would have published."""
        return [month for month in self.judged if month.publishing is verdict]

    def summary(self) -> dict[str, Any]:
        """The counts, for JSON."""
        baseline = [one for one in self.judged if one.published is Published.BASELINE]
        return {
            "judged": len(self.judged),
            "not_judged": len(self.months) - len(self.judged),
            "new_model": {str(v): len(self.having(v)) for v in Verdict},
            "published": {str(v): len(self.publishing(v)) for v in Verdict}
            | {"baseline_kept": len(baseline)},
        }


def lock_name(scorer_key: str) -> str:
    """The advisory lock of who backtests a scorer."""
    return f"{JOB}:{scorer_key}"


def verdict_of(found: Comparison) -> Verdict:
    """Better or worse only where the interval leaves zero out."""
    sign = 1 if found.higher_is_better else -1
    ends = (sign * found.low, sign * found.high)
    if min(ends) > 0:
        return Verdict.BETTER
    return Verdict.WORSE if max(ends) < 0 else Verdict.UNCLEAR


def backtest_json(backtest: Backtest) -> dict[str, Any]:
    """All of a backtest, for a file."""
    result = Result.of(backtest)
    return {
        "backtest": backtest.pk,
        "scorer": backtest.scorer_key,
        "from": _month(backtest.first),
        "to": _month(backtest.last),
        "state": backtest.state,
        "config": backtest.config,
        "fingerprint": backtest.fingerprint,
        "decided_by": backtest.decided_by,
        "summary": result.summary(),
        "months": [
            month.as_json() | {"verdict": month.verdict(result.metric)} for month in result.months
        ],
    }


def _month(day: date) -> str:
    return f"{day:%Y-%m}"
