"""Who would have scored: the promotion rule, rolled forward from month to month.

The rule is the one of live training (``contests.rule_apply``), on versions that are never stored as
rows. As in use, the baseline's scores are published while the champion's own card does not beat it.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from lifecycle_engine.scoring.backtests.results import Published
from lifecycle_engine.scoring.models import ModelVersion


@dataclass(frozen=True)
class Champion:
    """All of a simulated champion that the rule and scoring want.

    Attributes:
        month: of its training, such as ``"2017-06"``.
        number: its place among the backtest's models, from 1.
        better: whether its card beats the baseline.
    """

    month: str
    number: int
    better: bool
    as_of: str
    features: list[str]
    config: dict[str, Any]
    plugin_version: str
    artefact: str
    sha256: str
    held_artefact: str
    held_sha256: str

    @classmethod
    def of(cls, version: ModelVersion, *, month: str) -> Self:
        """From a version that was just made."""
        return cls(
            month=month,
            number=version.number,
            better=bool(version.card["better_than_baseline"]),
            as_of=version.as_of.isoformat(),
            features=list(version.features),
            config=version.config,
            plugin_version=version.plugin_version,
            artefact=version.artefact,
            sha256=version.sha256,
            held_artefact=version.held_artefact,
            held_sha256=version.held_sha256,
        )

    def version(self, *, scorer_key: str) -> ModelVersion:
        """As a version, which is not to be stored."""
        return ModelVersion(
            scorer_key=scorer_key,
            number=self.number,
            as_of=datetime.fromisoformat(self.as_of),
            features=self.features,
            config=self.config,
            plugin_version=self.plugin_version,
            artefact=self.artefact,
            sha256=self.sha256,
            held_artefact=self.held_artefact,
            held_sha256=self.held_sha256,
        )

    def published(self, *, month: str) -> Published:
        """Whose scores are published in a month."""
        if not self.better:
            return Published.BASELINE
        return Published.NEW if self.month == month else Published.OLDER

    def as_json(self) -> dict[str, Any]:
        """For the row."""
        return asdict(self)
