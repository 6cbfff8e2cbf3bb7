"""A feature that peeks at the window it is to predict is found out."""

from contextlib import suppress
from datetime import timedelta

import ibis
import pytest
from django.db import connection

from lifecycle_engine.sdk.scorers import Amount, Probability, Scorer
from lifecycle_engine.sdk.testing.scorers import check_point_in_time, check_scorer


class Honest(Scorer):
    key = "leak.honest"
    output = Probability()
    own_feature_names = ("spent",)
    horizon_days = 30

    def outcome(self, tables):
        return tables.orders.select("customer_id").distinct().mutate(target=ibis.literal(1.0))

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


class Settled(Honest):
    """Asks what a customer is today, which an order may have changed."""

    def own_features(self, tables):
        told = tables.customers.filter(tables.customers.country.notnull())
        return told.select(customer_id=told.id, spent=ibis.literal(1.0))


class Later(Honest):
    """Knows who will have registered by the end of the window."""

    def own_features(self, tables):
        late = tables.customers.filter(tables.customers.created_at >= tables.moment())
        return late.select(customer_id=late.id, spent=ibis.literal(1.0))


class Remembering(Honest):
    """Keeps the outcome of one date, and tells it as a feature when it is next asked."""

    def __init__(self, config=None):
        super().__init__(config)
        self.came = [0]

    def outcome(self, tables):
        came = tables.orders.select("customer_id").distinct().mutate(target=ibis.literal(1.0))
        self.came = tables.execute(came).column("customer_id").to_pylist()
        return came

    def own_features(self, tables):
        rows = {"customer_id": self.came, "spent": [1.0] * len(self.came)}
        return ibis.memtable(rows, schema={"customer_id": "int64", "spent": "float64"})


class Unstocked(Honest):
    """Asks what can't be bought today."""

    def population(self, tables):
        gone = tables.products.filter(~tables.products.available)
        return tables.order_lines.semi_join(gone, "sku").select("customer_id").distinct()


class Asking(Honest):
    """Asks the database, and swallows that it is refused."""

    def population(self, tables):
        with suppress(Exception):
            connection.cursor()
        return super().population(tables)


class Twice(Honest):
    """Says of a customer what came true for each order."""

    def outcome(self, tables):
        return tables.orders.select("customer_id", target=ibis.literal(1.0))


class Seven(Honest):
    """Says of a probability that it was seven."""

    def outcome(self, tables):
        return tables.orders.select("customer_id").distinct().mutate(target=ibis.literal(7.0))


class Owing(Honest):
    """Says of an amount that it was less than nothing."""

    output = Amount("money")

    def outcome(self, tables):
        return tables.orders.select("customer_id").distinct().mutate(target=ibis.literal(-1.0))


class Nowhere(Honest):
    """Gives infinity."""

    def outcome(self, tables):
        endless = ibis.literal(float("inf"))
        return tables.orders.select("customer_id").distinct().mutate(target=endless)


class Silent(Honest):
    """Doesn't say what came true."""

    outcome = Scorer.outcome


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (Asking, "asks the database"),
        (Twice, "outcome has a customer twice"),
        (Seven, "an outcome is neither 0 nor 1"),
        (Owing, "an outcome is negative"),
        (Nowhere, "outcome gives NaN or infinity"),
        (Silent, "it has no outcome"),
    ],
)
def test_what_comes_true_is_what_the_output_is_about(scorer, message):
    with pytest.raises(AssertionError, match=f"leak.honest: .*{message}"):
        check_scorer(scorer)


def test_a_feature_of_the_past_passes():
    check_point_in_time(Honest)


@pytest.mark.parametrize(
    ("scorer", "name"),
    [
        (Peeking, "own_features"),
        (Choosing, "population"),
        (Settled, "own_features"),
        (Later, "own_features"),
        (Remembering, "own_features"),
        (Unstocked, "population"),
    ],
)
def test_what_looks_ahead_is_named(scorer, name):
    with pytest.raises(AssertionError, match=f"leak.honest: {name} depends on what happens after"):
        check_scorer(scorer)
