"""Sequences in frames: of many dates, in shards, on demand, and never of the future."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.scoring import datasets, frames, sequences
from lifecycle_engine.scoring.errors import ScorerOffError
from lifecycle_engine.scoring.models import Score, ScorerMode, ScorerSetting
from lifecycle_engine.scoring.on_demand import customers_score
from lifecycle_engine.scoring.profile import scores_section
from lifecycle_engine.scoring.reason_models import ReasonsSummary, ScoreReasons
from lifecycle_engine.scoring.reasons.results import Explained
from lifecycle_engine.scoring.reasons.services import reasons_ask, reasons_refresh
from lifecycle_engine.scoring.reasons.telling import reason_sentence
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.selectors import scorer_mode
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.sdk.explaining import Contributions
from lifecycle_engine.sdk.scorers import MinimumData, ModelState, Probability, Scorer, scorers
from lifecycle_engine.sdk.sequences import Sequences, SequenceSpec, token_number
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.lifecycle_engine.scoring.conftest import AS_OF, CUSTOMERS

SPEC = SequenceSpec(last=4, of="orders")


class Silent(Scorer):
    """Who has gone without an order for long, by the sequence alone."""

    key = "test.silent"
    label = "Silent"
    output = Probability()
    features = ("tenure_days",)
    sequence = SPEC
    outcome_missing = 1.0
    chooses = False
    cutoff_count = 2
    minimum = MinimumData(customers=10, positives=3)
    opt_in = True

    def outcome(self, tables):
        return tables.orders.select("customer_id").distinct().mutate(target=0.0)

    def fit(self, frame, target, *, validation, rng, progress=None):
        del target, validation, rng, progress
        self.middle = float(np.median(Sequences.of(frame, SPEC).days[:, -1]))

    def predict(self, frame):
        days = Sequences.of(frame, SPEC).days[:, -1]
        return pd.Series(days / (days + self.middle), index=frame.index).astype(float)

    def baseline(self, frame):
        return pd.Series(0.5, index=frame.index)

    def state(self):
        return ModelState(params={"middle": self.middle})

    def restore(self, state):
        self.middle = state.params["middle"]


@pytest.fixture
def silent():
    with scorers.temporarily(Silent):
        yield Silent()


def expected(items, as_of):
    """Days before, newest first, of each customer's number."""
    found = {}
    for item in items:
        days = (as_of - pd.Timestamp(item["timestamp"])).total_seconds() / 86_400
        if days > 0:
            found.setdefault(item["userId"], []).append(days)
    return {number: sorted(days)[:4] for number, days in found.items()}


def days_of(frame):
    numbers = dict(Customer.objects.values_list("pk", "external_id"))
    names = [name for name in SPEC.columns() if "_days_" in name]
    return {
        numbers[pk]: [one for one in row if not np.isnan(one)]
        for pk, row in zip(frame.index, frame[names].to_numpy(), strict=True)
    }


def test_frames_of_several_dates_have_what_was_done_before_each(shop, silent, monkeypatch):
    monkeypatch.setattr(sequences, "CUSTOMERS_AT_ONCE", 7)
    moments = [AS_OF, AS_OF - timedelta(days=40)]

    found = datasets.feature_frames(silent, moments=moments)

    for moment in moments:
        wanted = expected(shop, moment)
        told = days_of(found[moment])
        assert told.keys() == wanted.keys()
        for number, days in wanted.items():
            assert told[number] == pytest.approx(days, abs=1e-3)
    assert list(found[AS_OF].columns) == list(silent.feature_names())
    # No product of this shop has a category.
    assert set(found[AS_OF]["order_token_1"]) == {token_number("")}


def test_an_event_after_the_cut_off_changes_nothing_of_it(shop, silent):
    before = datasets.feature_frame(silent, as_of=AS_OF)
    planted = dict(shop[0], messageId="planted", timestamp=(AS_OF + timedelta(hours=1)).isoformat())
    planted["properties"] = dict(shop[0]["properties"], order_id="planted", total=9999.0)
    events_ingest(source="shop", items=[planted], received_at=AS_OF + timedelta(days=30))
    mirror_run()

    pd.testing.assert_frame_equal(datasets.feature_frame(silent, as_of=AS_OF), before)
    later = datasets.feature_frame(silent, as_of=AS_OF + timedelta(hours=2))
    assert later["order_amount_1"].max() == 9999.0


def test_shards_score_as_the_whole_does_and_so_does_one_on_demand(shop, silent, monkeypatch):
    monkeypatch.setattr(frames, "SHARD", 9)
    ScorerSetting.objects.create(key=silent.key, mode=ScorerMode.LIVE)
    version = model_train(scorer_key=silent.key, as_of=AS_OF, at=AS_OF)

    scorer_run(scorer_key=silent.key, as_of=AS_OF)

    scores = dict(Score.objects.values_list("customer__external_id", "value"))
    days = {number: one[0] for number, one in expected(shop, AS_OF).items()}
    assert len(scores) == len(days) == CUSTOMERS
    assert sorted(scores, key=scores.get) == sorted(days, key=days.get)
    asked = customers_score(scorer_key=silent.key, external_ids=["customer-03"])
    assert asked.values["customer-03"] == pytest.approx(scores["customer-03"])
    # A sequence's steps are one thing to lean on, and none of them drifts alone.
    assert {one["feature"] for one in version.card["importance"]} == {
        "tenure_days",
        "last_4_orders",
    }
    assert [one["feature"] for one in version.card["drift"]] == ["tenure_days"]


def test_reasons_name_what_tokens_stand_for(shop, silent, monkeypatch):
    planted = dict(shop[0], messageId="planted", timestamp=(AS_OF - timedelta(hours=1)).isoformat())
    line = {"product_id": "tea-1", "quantity": 1, "price": 5.0, "category": "Tea"}
    planted["properties"] = {"order_id": "planted", "total": 5.0, "products": [line]}
    events_ingest(source="shop", items=[planted], received_at=AS_OF)
    mirror_run()

    def explain(self, frame):
        values = pd.DataFrame(0.0, index=frame.index, columns=frame.columns)
        return Contributions(values.assign(order_token_1=2.0, order_token_2=1.0), 0.0)

    monkeypatch.setattr(Silent, "explain", explain)
    ScorerSetting.objects.create(key=silent.key, mode=ScorerMode.LIVE, reasons="everybody")
    model_train(scorer_key=silent.key, as_of=AS_OF, at=AS_OF)
    scorer_run(scorer_key=silent.key, as_of=AS_OF)

    reasons_refresh(scorer_key=silent.key, as_of=AS_OF)

    number = planted["userId"]
    told = {
        row.customer.external_id: Explained.from_json(row.document).reasons
        for row in ScoreReasons.objects.select_related("customer")
    }
    assert len(told) == CUSTOMERS
    (kinds,) = told[number]
    assert (kinds.text, kinds.typical) == ("Tea", None)
    assert reason_sentence(kinds) == "No. 1 of the newest orders was mainly: Tea"
    (others,) = told["customer-03" if number != "customer-03" else "customer-04"]
    # The others' orders are of no category.
    assert reason_sentence(others) == "No. 1 of the newest orders is of no known category"
    summary = ReasonsSummary.objects.get()
    assert summary.texts == {str(token_number("Tea")): "Tea"}
    assert "order_token_1" not in summary.typical
    # One more, on demand, is told by the same names.
    score = Score.objects.get(customer__external_id=number)
    ScoreReasons.objects.all().delete()
    assert reasons_ask(score=score).reasons == (kinds,)
    shown = scores_section(customer_ids=[score.customer_id], at=AS_OF)
    assert shown[score.customer_id][silent.key]["reasons"][0]["value"] == "Tea"


def test_a_scorer_to_opt_in_to_is_off_until_staff_switch_it_on(db, silent):
    assert scorer_mode(scorer_key=silent.key) is ScorerMode.OFF
    with pytest.raises(ScorerOffError):
        model_train(scorer_key=silent.key, as_of=AS_OF, at=AS_OF)

    ScorerSetting.objects.create(key=silent.key, mode=ScorerMode.SHADOW)
    assert scorer_mode(scorer_key=silent.key) is ScorerMode.SHADOW
