"""The value scorer keeps the promises of the plugin API."""

from lifecycle_engine.sdk.testing.scorers import check_scorer
from plugins.value_estimator.scorers import Spend30d, ValueConfig


def test_spend_conforms():
    check_scorer(Spend30d, config=ValueConfig(trees=10), rows=80)
