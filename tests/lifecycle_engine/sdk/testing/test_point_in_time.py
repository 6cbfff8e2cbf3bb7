"""A feature that peeks at the window it is to predict is found out."""

from datetime import timedelta

import pytest

from lifecycle_engine.sdk.scorers import Probability, Scorer
from lifecycle_engine.sdk.testing.scorers import check_point_in_time, check_scorer


class Honest(Scorer):
    key = "leak.honest"
    output = Probability()
    own_feature_names = ("spent",)
    horizon_days = 30

    def own_features(self, tables):
        return self.spent(tables.orders)

    def spent(self, orders):
        return orders.group_by("customer_id").aggregate(spent=orders.value.sum())


class Peeking(Honest):
    def own_features(self, tables):
        end = tables.as_of + timedelta(days=self.horizon_days)
        return self.spent(tables.window(tables.as_of, end).orders)


class Choosing(Honest):
    """Looks only at customers who come back: as wrong as a feature that says so."""

    def population(self, tables):
        end = tables.as_of + timedelta(days=self.horizon_days)
        return tables.window(tables.as_of, end).orders.select("customer_id").distinct()


def test_a_feature_of_the_past_passes():
    check_point_in_time(Honest)


@pytest.mark.parametrize(("scorer", "name"), [(Peeking, "own_features"), (Choosing, "population")])
def test_what_looks_ahead_is_named(scorer, name):
    with pytest.raises(AssertionError, match=f"leak.honest: {name} depends on what happens after"):
        check_scorer(scorer)
