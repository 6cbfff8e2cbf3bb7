"""Whether a new model takes the champion's place: the rule."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lifecycle_engine.scoring.artefacts import artefact_load
from lifecycle_engine.scoring.cards.building import Judged
from lifecycle_engine.scoring.metrics import Comparison
from lifecycle_engine.scoring.models import (
    ModelState,
    ModelVersion,
    PromotionMode,
    ScorerSetting,
)
from lifecycle_engine.scoring.schedule import is_momentary
from lifecycle_engine.scoring.selectors import scorer_build
from lifecycle_engine.scoring.timelines import held_back
from lifecycle_engine.scoring.trained import JudgedBy, Trained
from lifecycle_engine.sdk.scorers import BaseScorer, Scorer


@dataclass(frozen=True)
class Decision:
    """What the rule says of a new model.

    Attributes:
        promoted: whether it becomes the champion.
        reason: why, in a few words.
        contest: the metric that decides, new model against champion, where both were asked.
        champion: the number of the champion that it was compared with.
        stays: the metric that decides, of a champion that stays beside its own baseline; only of
            momentary scores, of which no run is judged.
    """

    promoted: bool
    reason: str
    contest: Comparison | None = None
    champion: int | None = None
    stays: Comparison | None = None

    def as_json(self) -> dict[str, Any]:
        """For the card."""
        found = {"contest": self.contest, "stays": self.stays}
        return {
            "promoted": self.promoted,
            "reason": self.reason,
            "champion": self.champion,
            **{name: one.as_json() if one else None for name, one in found.items()},
        }


def model_decide(version: ModelVersion, trained: Trained, *, seed: int) -> Decision:
    """Apply the rule to a version that was just trained and is not stored yet."""
    champion = ModelVersion.objects.filter(
        scorer_key=version.scorer_key, state=ModelState.CHAMPION
    ).first()
    setting = ScorerSetting.objects.filter(key=version.scorer_key).first()
    by_hand = setting is not None and setting.promotion == PromotionMode.HAND
    decision = rule_apply(champion, version, trained, by_hand=by_hand, seed=seed)
    if champion is None or decision.promoted:
        return decision
    return replace(decision, stays=_stays(champion, version, trained.judged, seed))


def rule_apply(
    champion: ModelVersion | None,
    version: ModelVersion,
    trained: Trained,
    *,
    by_hand: bool,
    seed: int,
) -> Decision:
    """What the rule says of a new version beside the champion.

    The first model scores. A later one has to beat its baseline, and is compared with the champion
    on the same customers of the newest complete window, by models that have not seen it. The same
    recipe on newer data takes over unless it is shown to be worse; another recipe has to be
    shown to be better.

    Args:
        champion: the version that scores, if there is one; it need not be stored.
        version: the new one; it need not be stored.
        trained: what its training came to.
        by_hand: whether staff alone promote.
        seed: of the resamples.
    """
    if champion is None:
        return Decision(True, "the first model")
    if not trained.better:
        return Decision(False, "not better than its baseline", champion=champion.number)
    if by_hand:
        return Decision(False, "staff promote this scorer's models", champion=champion.number)
    if trained.judged is None:
        return Decision(True, "better than its baseline", champion=champion.number)
    if champion.features != version.features:
        return Decision(True, "the champion wants other features", champion=champion.number)
    return _contest(champion, version, trained.judged, seed)


def _contest(
    champion: ModelVersion, version: ModelVersion, judged: JudgedBy, seed: int
) -> Decision:
    same = (champion.config, champion.plugin_version) == (version.config, version.plugin_version)
    scorer = _unseeing(champion, judged.began)
    if scorer is None:
        return Decision(same, "the champion has seen the newest window", champion=champion.number)
    contest = judged.beside(scorer, seed=seed)
    sign = 1 if contest.higher_is_better else -1
    worse = max(sign * contest.low, sign * contest.high) < 0
    better = min(sign * contest.low, sign * contest.high) > 0
    if better:
        return Decision(True, "better than the champion", contest, champion.number)
    if same and not worse:
        return Decision(True, "the same recipe on newer data, not worse", contest, champion.number)
    reason = "worse than the champion" if worse else "not shown to be better than the champion"
    return Decision(False, reason, contest, champion.number)


def _stays(
    champion: ModelVersion, version: ModelVersion, judged: JudgedBy | None, seed: int
) -> Comparison | None:
    """The champion of momentary scores beside its baseline, on the window that judged the new one.

    None of other scores, and where the champion can't be asked.
    """
    if not is_momentary(version.scorer_key) or champion.features != version.features:
        return None
    scorer = _unseeing(champion, judged.began) if isinstance(judged, Judged) else None
    if not isinstance(judged, Judged) or not isinstance(scorer, Scorer):
        return None
    return Judged.of(scorer, judged.part).decisive(scorer.output, seed=seed)


def _unseeing(champion: ModelVersion, began: datetime) -> BaseScorer | None:
    """The champion as a model that has seen nothing from then on; None where there is none."""
    scorer = scorer_build(scorer_key=champion.scorer_key, config=champion.config)
    if champion.as_of <= began:
        path, sha256 = champion.artefact, champion.sha256
    elif champion.held_artefact and champion.as_of - held_back(scorer) <= began:
        path, sha256 = champion.held_artefact, champion.held_sha256
    else:
        return None
    scorer.restore(artefact_load(path=path, sha256=sha256))
    return scorer
