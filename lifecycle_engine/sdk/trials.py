"""Whether something helps a model: the same training with and without it, over several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Fewer say nothing: what a lucky seed does is then larger than what is tried.
SEEDS_LEAST = 5


@dataclass(frozen=True)
class Trial:
    """Something that was tried on a window that no training saw, seed by seed.

    A scorer's ``report()`` may hold several, as JSON, under ``trials``; the model's card tells each
    in a sentence.

    Attributes:
        name: what was tried, in English, marked for translation with ``gettext_noop``.
        metric: by which it is decided, such as ``"log_loss"``.
        higher_is_better: which way is up.
        without: the metric without it, one figure a seed.
        having: the metric with it, of the same seeds in the same order.
    """

    name: str
    metric: str
    higher_is_better: bool
    without: tuple[float, ...]
    having: tuple[float, ...]

    def __post_init__(self) -> None:
        if not SEEDS_LEAST <= len(self.without) == len(self.having):
            raise ValueError(
                f"A trial of {self.name!r} takes {SEEDS_LEAST} seeds or more, each with and "
                f"without: got {len(self.having)} and {len(self.without)}"
            )

    @property
    def difference(self) -> float:
        """By how much the metric is higher with it, on average."""
        return float(np.mean(self._differences))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean difference: Student's, paired by seed.

        It tells of the luck of training. All seeds meet the same customers, so what another window
        would say is not in it.
        """
        from scipy.special import stdtrit  # noqa: PLC0415 - not at every start.

        count = len(self.without)
        spread = float(np.std(self._differences, ddof=1)) / count**0.5
        reach = float(stdtrit(count - 1, 0.975)) * spread
        return self.difference - reach, self.difference + reach

    @property
    def helps(self) -> bool:
        """Whether the interval leaves out zero, on the good side of it."""
        low, high = self.interval
        return low > 0 if self.higher_is_better else high < 0

    def as_json(self) -> dict[str, Any]:
        """For the model card."""
        low, high = self.interval
        return {
            "name": self.name,
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "seeds": len(self.without),
            "difference": self.difference,
            "low": low,
            "high": high,
            "helps": self.helps,
        }

    @property
    def _differences(self) -> Sequence[float]:
        return [after - before for before, after in zip(self.without, self.having, strict=True)]
