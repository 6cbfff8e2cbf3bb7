"""A scorer may learn from more than what is judged: how long customers stayed, not only if."""

from typing import ClassVar

from lifecycle_engine.scoring.models import Score, ScorerMode, ScorerSetting
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.sdk.scorers import MinimumData, scorers
from plugins.churn_predictor.survival import Active
from tests.lifecycle_engine.scoring.conftest import AS_OF, CUSTOMERS


class ActiveOneWeek(Active):
    """Needs the 120 days that the shop has."""

    key = "test.active_1_week"
    label = "Still active after a week"
    weeks = 1
    horizon_days = 37
    cutoff_count: ClassVar[int] = 2
    minimum = MinimumData(customers=10, positives=3, negatives=1)


def test_weeks_are_learned_from_and_staying_to_the_end_is_judged(shop):
    with scorers.temporarily(ActiveOneWeek):
        config = {"trees": 10}
        ScorerSetting.objects.create(key=ActiveOneWeek.key, mode=ScorerMode.LIVE, config=config)
        version = model_train(scorer_key=ActiveOneWeek.key, as_of=AS_OF, at=AS_OF)
        scorer_run(scorer_key=ActiveOneWeek.key, as_of=AS_OF)

    (point,) = version.card["report"]["survival"]["groups"][0]["points"]
    assert version.card["validation"]["target_mean"] == point["came_true"]
    assert point["at_risk"] == version.card["validation"]["rows"]
    assert Score.objects.filter(scorer_key=ActiveOneWeek.key).count() == CUSTOMERS
