"""Reading reasons."""

from collections.abc import Iterable

from lifecycle_engine.scoring.models import REASONS_TOP, Score, ScorerSetting
from lifecycle_engine.scoring.reason_models import ReasonsFor, ScoreReasons
from lifecycle_engine.scoring.reasons.results import Explained
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.scorers import BaseScorer, Scorer


def reasons_wanted(*, scorer_key: str) -> tuple[ReasonsFor, int]:
    """Whose reasons staff want after a run, and of how many at most."""
    setting = ScorerSetting.objects.filter(key=scorer_key).first()
    if setting is None:
        return ReasonsFor.TOP, REASONS_TOP
    return ReasonsFor(setting.reasons), setting.reasons_top


def is_explaining(scorer_class: type[BaseScorer], *, use: Use) -> bool:
    """Whether a scorer gives reasons for its model's scores, or for its baseline's."""
    if not issubclass(scorer_class, Scorer):
        return False
    if use is Use.BASELINE:
        return scorer_class.is_explaining_baseline()
    return scorer_class.is_explaining()


def reasons_of(*, scores: Iterable[Score]) -> dict[int, Explained]:
    """The reasons of scores, by the score's id; those of an older score are not its reasons."""
    wanted = {(score.customer_id, score.scorer_key): score for score in scores}
    rows = ScoreReasons.objects.filter(customer_id__in={customer for customer, _ in wanted})
    found = {}
    for row in rows:
        score = wanted.get((row.customer_id, row.scorer_key))
        fits = score is not None and (row.as_of, row.model_version_id) == (
            score.as_of,
            score.model_version_id,
        )
        if score is not None and fits:
            found[score.pk] = Explained.from_json(row.document)
    return found
