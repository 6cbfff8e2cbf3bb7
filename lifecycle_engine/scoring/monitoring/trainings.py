"""What a training says of the champion that stays, where there are no runs that could be judged."""

import logging
from datetime import datetime

from lifecycle_engine.scoring.check_models import FallBackOn
from lifecycle_engine.scoring.errors import ModelChangeError
from lifecycle_engine.scoring.metrics import Comparison
from lifecycle_engine.scoring.models import ModelVersion, ScorerSetting
from lifecycle_engine.scoring.monitoring.rule import shown
from lifecycle_engine.scoring.monitoring.uses import use_open, use_set
from lifecycle_engine.scoring.use_models import Use, UseCause

logger = logging.getLogger(__name__)


def champion_stays(*, version: ModelVersion, metric: Comparison, judged_as_of: datetime) -> None:
    """Fall back to the baseline where the champion is shown to be worse than it.

    Called in the transaction that stores the version that did not take its place.

    Args:
        version: what was trained.
        metric: the metric that decides, of the champion beside its baseline, on the newest window.
        judged_as_of: when that window began.
    """
    key, told = version.scorer_key, metric.as_json()
    setting = ScorerSetting.objects.filter(key=key).first()
    held = use_open(scorer_key=key)
    if shown(told) >= 0 or (held is not None and held.use == Use.BASELINE):
        return
    name = version.card["decided_by"]
    reason = (
        f"training of #{version.number}: the champion's {name} is {metric.model:.4g}, "
        f"the baseline's {metric.baseline:.4g}"
    )
    logger.error("Scorer %s is worse than its baseline: %s", key, reason)
    if setting is not None and setting.fall_back == FallBackOn.NEVER:
        return
    try:
        use_set(
            scorer_key=key,
            use=Use.BASELINE,
            cause=UseCause.OUTCOMES,
            reason=reason,
            judged_as_of=judged_as_of,
        )
    except ModelChangeError as error:
        logger.warning("Scorer %s does not fall back: %s", key, error)
