"""Tasks share one training: a version for each, at once, and nobody learns what is not known."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Event

import numpy as np
import pandas as pd
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.core.models import JobRun
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.scoring import frames, services
from lifecycle_engine.scoring.backtests.running import backtest_run
from lifecycle_engine.scoring.change_models import ModelChange
from lifecycle_engine.scoring.errors import (
    LeakageError,
    Need,
    ScorerBusyError,
    ScorerOffError,
    TrainingDataError,
)
from lifecycle_engine.scoring.evaluation import model_evaluate
from lifecycle_engine.scoring.models import ModelVersion, Score, ScorerSetting
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.run_models import FeatureFrame, ScoringRun
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.task_frames import TaskFrame
from lifecycle_engine.scoring.task_turns import tasks_with
from lifecycle_engine.scoring.use_models import ScorerUse
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.sdk.testing.scorers import check_scorer
from lifecycle_engine.sdk.testing.tasks import check_tasks
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.dummy_plugin import lines as toy
from tests.lifecycle_engine.scoring.conftest import AS_OF, CUSTOMERS
from tests.locks import held_elsewhere

RETURNS, SPENDS, COSTS = "lines.returns", "lines.spends", "lines.costs"
DAY = timedelta(days=1)


@pytest.fixture
def fits(monkeypatch):
    """What each fit of the toy model gets, with its tasks registered."""
    found = []
    monkeypatch.setattr(toy.Lines, "fits", found)
    # The cards have tests of their own.
    monkeypatch.setattr("lifecycle_engine.scoring.cards.building._details", lambda *_, **__: {})
    with scorers.temporarily(toy.Returns, toy.Spends, toy.Costs):
        yield found


def train(key=RETURNS, **given):
    return services.model_train(**{"scorer_key": key, "as_of": AS_OF, "at": AS_OF} | given)


def costs_tell(cost=lambda customer: 10.0 + customer):
    """The shop tells of every third customer what acquiring them cost, each 20 days."""
    items = [
        {
            "type": "track",
            "messageId": f"acquired-{customer}-{days}",
            "userId": f"customer-{customer:02d}",
            "event": "Customer Acquired",
            "timestamp": (AS_OF - days * DAY).isoformat(),
            "properties": {"acquisition_cost": cost(customer)},
        }
        for customer in range(0, CUSTOMERS, 3)
        for days in range(10, 110, 10)
    ]
    events_ingest(source="shop", items=items, received_at=AS_OF + 30 * DAY)
    mirror_run()


def test_one_training_gives_a_version_to_each_task_and_the_next_finds_it(shop, fits):
    first = train(RETURNS)

    assert len(fits) == 3
    assert train(SPENDS).scorer_key == SPENDS
    assert train(RETURNS) == first
    assert len(fits) == 3
    versions = list(ModelVersion.objects.order_by("scorer_key"))
    assert [(v.scorer_key, v.number, v.state) for v in versions] == [
        (RETURNS, 1, "champion"),
        (SPENDS, 1, "champion"),
    ]
    # One content, judged by each task's own metric on its own customers.
    assert len({v.sha256 for v in versions}) == 1
    assert len({v.fingerprint for v in versions}) == 2
    assert [v.card["decided_by"] for v in versions] == ["average_precision", "mae"]
    assert {tuple(v.card["manifest"]["tasks"]) for v in versions} == {(COSTS, RETURNS, SPENDS)}
    assert [v.card["devices"] for v in versions] == [[], []]
    job = JobRun.objects.get(name="scoring.train")
    assert job.result["tasks"][SPENDS] == {"model": 1, "state": "champion"}
    # No fit learns from what reaches into what comes after it.
    horizon = toy.Lines.horizon_days * DAY
    (past, choice), (before, none), (everything, _) = [
        (cutoffs(frame), validation and cutoffs(validation[0])) for frame, _, validation in fits
    ]
    assert (choice, none) == ([AS_OF - 2 * horizon], None)
    assert max(past) + horizon <= choice[0]
    assert max(before) + horizon <= AS_OF - horizon
    assert max(everything) + horizon <= AS_OF


def test_a_task_with_too_little_data_is_refused_alone(shop, fits):
    with pytest.raises(TrainingDataError, match=r"lines\.costs needs 20 customers and") as refused:
        train(COSTS)

    assert refused.value.needs[0] == Need("customers", 20, 0)
    # The others were trained without it, and asking again trains nothing.
    assert set(ModelVersion.objects.values_list("scorer_key", flat=True)) == {RETURNS, SPENDS}
    assert [list(targets) for _, targets, _ in fits] == [[RETURNS, SPENDS]] * 3
    assert train(RETURNS).card["report"] == {"learned_with": [RETURNS, SPENDS]}
    with pytest.raises(TrainingDataError, match=r"lines\.costs needs"):
        train(COSTS)
    assert len(fits) == 3
    assert JobRun.objects.latest("pk").result["needs"] == refused.value.as_json()


def test_what_nobody_knows_is_neither_learned_from_nor_judged(shop, fits, monkeypatch):
    monkeypatch.setattr(toy.Costs, "minimum", toy.MinimumData(customers=5, positives=2))
    costs_tell()

    version = train(COSTS)

    told = len(range(0, CUSTOMERS, 3))
    assert version.card["validation"]["rows"] == told
    frame, targets, _ = fits[-1]
    assert frame.index.equals(targets.index)
    assert targets.groupby("cutoff")[COSTS].count().tolist() == [told] * 3
    assert targets[SPENDS].notna().all()
    # Who is scored may be somebody of whom nobody knows.
    scorer_run(scorer_key=COSTS, as_of=AS_OF - 20 * DAY)
    assert Score.objects.filter(scorer_key=COSTS).count() == CUSTOMERS
    assert model_evaluate(scorer_key=COSTS, as_of=AS_OF - 20 * DAY).customers == told


@pytest.fixture
def computed(monkeypatch):
    """How many customers had their features computed each time."""
    found, whole = [], frames.datasets.feature_table

    def table(scorer, **given):
        result = whole(scorer, **given)
        found.append(result.num_rows)
        return result

    monkeypatch.setattr(frames.datasets, "feature_table", table)
    return found


def scores(key):
    return dict(Score.objects.filter(scorer_key=key).values_list("customer_id", "value"))


def test_runs_of_tasks_have_features_computed_once(shop, fits, computed, monkeypatch):
    # Numbers go on from test to test: whether the first is even is chance.
    second = 1 - Customer.objects.earliest("pk").pk % 2

    def half(self, tables):
        return tables.orders.filter(tables.orders.customer_id % 2 == second).select("customer_id")

    monkeypatch.setattr(toy.Returns, "population", half)
    train()
    for key in (RETURNS, SPENDS):
        scorer_run(scorer_key=key, as_of=AS_OF)
    assert len(computed) == 1
    found = {key: scores(key) for key in (RETURNS, SPENDS)}

    # Each has its own customers, and says of them what it says by itself.
    assert (len(found[RETURNS]), len(found[SPENDS])) == (CUSTOMERS // 2, CUSTOMERS)
    assert computed == [CUSTOMERS]
    monkeypatch.setattr(frames, "_tasks_beside", lambda _scorer: [])
    for key, together in found.items():
        scorer_run(scorer_key=key, as_of=AS_OF)
        assert scores(key) == together
    assert computed[1:] == [len(one) for one in found.values()]


def test_a_task_that_runs_again_gets_new_features_and_so_do_the_others(shop, fits, computed):
    train()
    for key in (RETURNS, RETURNS, SPENDS):
        scorer_run(scorer_key=key, as_of=AS_OF)

    newest = FeatureFrame.objects.latest("pk")
    assert len(computed) == 2
    assert ScoringRun.objects.get(scorer_key=SPENDS).frame == newest
    scorer_run(scorer_key=SPENDS, as_of=AS_OF - DAY)
    assert len(computed) == 3


def test_features_are_computed_for_tasks_that_are_run_and_alike(shop, fits):
    train()
    other = ModelVersion.objects.filter(scorer_key=SPENDS)

    def kinds(days):
        scorer_run(scorer_key=RETURNS, as_of=AS_OF - days * DAY)
        return FeatureFrame.objects.filter(as_of=AS_OF - days * DAY).count()

    assert kinds(4) == 2
    other.update(config={"ridge": 7.0})
    assert kinds(3) == 1
    other.update(config={"ridge": 1.0}, state="retired")
    assert kinds(2) == 1
    other.update(state="champion")
    ScorerSetting.objects.create(key=SPENDS, mode="off")
    assert kinds(1) == 1


def test_all_versions_appear_or_none(shop, fits, monkeypatch):
    whole = services._version_add

    def broken(version, decision):
        if version.scorer_key == SPENDS:
            raise KeyboardInterrupt
        whole(version, decision)

    monkeypatch.setattr(services, "_version_add", broken)
    with pytest.raises(KeyboardInterrupt):
        train()

    assert ModelVersion.objects.count() == ModelChange.objects.count() == 0


def test_it_is_busy_while_one_of_its_tasks_is(shop, fits):
    with held_elsewhere(f"scoring:{SPENDS}"), pytest.raises(ScorerBusyError, match=SPENDS):
        train(RETURNS)
    assert fits == []
    assert ModelVersion.objects.count() == 0


def test_who_asks_for_another_task_meanwhile_gets_what_is_being_trained(shop, fits, monkeypatch):
    begun, go_on, whole = Event(), Event(), toy.Lines.fit

    def slow(self, *args, **kwargs):
        begun.set()
        go_on.wait(20)
        whole(self, *args, **kwargs)

    def asked(key):
        try:
            return train(key).pk
        finally:
            connection.close()

    monkeypatch.setattr(toy.Lines, "fit", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked, RETURNS)
        assert begun.wait(20)
        second = pool.submit(asked, SPENDS)
        go_on.set()
        found = {first.result(), second.result()}

    assert found == set(ModelVersion.objects.values_list("pk", flat=True))
    assert len(fits) == 3


def test_tasks_that_are_off_or_configured_otherwise_are_trained_apart(shop, fits):
    ScorerSetting.objects.create(key=COSTS, mode="off", config={})
    assert [task.key for task in tasks_with(RETURNS)] == [RETURNS, SPENDS]
    assert len({id(task.shared) for task in tasks_with(RETURNS)}) == 1
    with pytest.raises(ScorerOffError):
        train(COSTS)

    ScorerSetting.objects.create(key=SPENDS, config={"ridge": 7.0})
    version = train(SPENDS)

    assert version.card["manifest"]["tasks"] == [SPENDS]
    assert [list(targets) for _, targets, _ in fits] == [[SPENDS]] * 3
    assert ModelVersion.objects.count() == 1
    ScorerSetting.objects.filter(key=SPENDS).update(config={"ridges": 7.0})
    assert [task.key for task in tasks_with(RETURNS)] == [RETURNS]


def test_no_task_sees_what_it_is_to_predict(shop, fits, monkeypatch):
    def peek(self, tables):
        return tables.window(tables.as_of, tables.as_of + DAY).orders.select("customer_id")

    monkeypatch.setattr(toy.Spends, "population", peek)
    with pytest.raises(LeakageError, match="may see only the beginning"):
        train(RETURNS)
    assert fits == []
    assert ModelVersion.objects.count() == 0


def cutoffs(frame):
    return sorted(frame.index.get_level_values("cutoff").unique())


def test_equal_data_give_equal_scores_whichever_task_was_asked_for(shop, fits):
    frame = pd.DataFrame(
        [[3.0, 2.0, 9.0], [30.0, 0.0, 4.0]],
        columns=list(toy.Lines.features + toy.Lines.own_feature_names),
    )
    first = scorer_restored(version=train(RETURNS)).predict(frame)
    seeds = {services.manifest_seed(v.card["manifest"]) for v in ModelVersion.objects.all()}
    for table in (ModelChange, ScorerUse, ModelVersion):
        table.objects.all().delete()
    train(SPENDS)

    again = ModelVersion.objects.get(scorer_key=RETURNS)
    assert scorer_restored(version=again).predict(frame).equals(first)
    assert len(seeds) == 1


def test_newer_data_meet_the_champion_and_a_backtest_trains_as_live(shop, fits):
    live = train(SPENDS, as_of=AS_OF - 30 * DAY)
    newer = train(SPENDS)
    backtest = backtest_run(scorer_key=SPENDS, first=date(2017, 11, 1), last=date(2017, 11, 1))

    assert newer.card["decision"]["reason"].startswith("the same recipe on newer data")
    (month,) = backtest.months
    assert (month["state"], month["fingerprint"]) == ("judged", live.fingerprint)


@given(
    st.lists(
        st.tuples(*[st.one_of(st.none(), st.floats(0, 9)) for _ in range(3)]), min_size=1
    ).filter(lambda rows: any(any(one is not None for one in row) for row in rows))
)
def test_each_task_gets_the_rows_that_it_knows_and_no_others(rows):
    index = pd.MultiIndex.from_product([[AS_OF], range(len(rows))], names=["cutoff", "customer_id"])
    targets = pd.DataFrame(rows, columns=["a", "b", "c"], index=index, dtype=float)
    whole = TaskFrame(pd.DataFrame({"x": np.arange(len(rows), dtype=float)}, index=index), targets)

    some = whole.of(["a", "b"])

    kept = [n for n, row in enumerate(rows) if row[0] is not None or row[1] is not None]
    assert some.frame["x"].tolist() == kept
    for place, key in enumerate("ab"):
        part = some.part(key)
        known = [n for n, row in enumerate(rows) if row[place] is not None]
        assert part.frame["x"].tolist() == known
        assert part.target.tolist() == [rows[n][place] for n in known]
        assert some.outcomes(key).target.equals(part.target)


@pytest.mark.parametrize("task", [toy.Returns, toy.Spends, toy.Costs])
def test_a_task_conforms(task, monkeypatch):
    monkeypatch.setattr(toy.Lines, "fits", [])
    check_scorer(task, rows=60)


def test_the_model_conforms_with_all_of_its_tasks(monkeypatch):
    monkeypatch.setattr(toy.Lines, "fits", [])
    check_tasks(toy.Returns, toy.Spends, toy.Costs, rows=40)

    def leaves_nothing(self, frame, targets, **given):
        targets.fillna(0.0, inplace=True)
        whole(self, frame, targets, **given)

    whole = toy.Lines.fit
    monkeypatch.setattr(toy.Lines, "fit", leaves_nothing)
    with pytest.raises(AssertionError, match="lines: fit changes its targets"):
        check_tasks(toy.Returns, toy.Spends, rows=40)


def test_what_the_model_says_for_all_a_task_can_not_say_for_itself():
    with pytest.raises(TypeError, match=r"sets \['horizon_days'\], which Lines says"):
        type("Later", (toy.Returns,), {"horizon_days": 60})
    for said in ({"momentary": True}, {"customers_most": 100}):
        with pytest.raises(TypeError, match="tasks are published, and learn from all"):
            type("Later", (toy.Returns,), said)
