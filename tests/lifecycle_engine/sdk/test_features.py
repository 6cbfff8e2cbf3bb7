"""The sets of features that scorers share name features that exist."""

from lifecycle_engine.sdk.features import BUYING_HABITS
from lifecycle_engine.warehouse.features import features_known


def test_every_name_is_a_feature_of_the_library_once():
    assert set(BUYING_HABITS) <= {feature.name for feature in features_known()}
    assert len(set(BUYING_HABITS)) == len(BUYING_HABITS)
