"""Backtests on a small shop: what they judge, what they can't know, and that they can be killed."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.files.storage import default_storage

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.models import JobRun
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.backtest_models import Backtest
from lifecycle_engine.scoring.backtests.results import (
    JOB,
    MonthState,
    Published,
    Result,
    Verdict,
    lock_name,
)
from lifecycle_engine.scoring.backtests.running import backtest_run
from lifecycle_engine.scoring.errors import BacktestError, Need, ScorerOutputError
from lifecycle_engine.scoring.evaluation import model_evaluate
from lifecycle_engine.scoring.models import ModelVersion, Score
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.sdk.errors import UnknownExtensionError
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.dummy_plugin import lines
from tests.lifecycle_engine.scoring.conftest import AS_OF, CUSTOMERS, _order
from tests.locks import held_elsewhere

LAPSE, SPEND, AGAIN = "dummy.lapse", "dummy.spend", "dummy.again"
NOVEMBER, DECEMBER = date(2017, 11, 1), date(2017, 12, 1)


@pytest.fixture(autouse=True)
def _short(dummy, monkeypatch):
    """Three windows of 20 days are enough: the shop is 120 days old on 1 December."""
    for cls in (dummy.Lapse, dummy.Spend):
        monkeypatch.setattr(cls, "chooses", False)


def roll(key=LAPSE, first=NOVEMBER, last=DECEMBER, **given):
    return backtest_run(scorer_key=key, first=first, last=last, **given)


def months(backtest):
    return Result.of(backtest).months


def without_time(backtest):
    return [document | {"seconds": 0} for document in backtest.months]


def files():
    folders = default_storage.listdir("")[0] if default_storage.exists("") else []
    return "backtests" in folders and bool(default_storage.listdir("backtests")[0])


def test_a_task_leaves_no_models_of_those_that_were_trained_with_it(shop):
    with scorers.temporarily(lines.Returns, lines.Spends, lines.Costs):
        backtest = roll(key=lines.Returns.key, first=DECEMBER)

    assert backtest.state == "finished"
    assert [month.state for month in months(backtest)] == [MonthState.JUDGED]
    assert not files()


def test_each_month_is_trained_and_judged_and_nothing_live_is_touched(shop, dummy):
    backtest = roll(first=date(2017, 8, 1), last=date(2018, 1, 1), by="anna")

    assert (backtest.state, backtest.requested_by, backtest.decided_by) == (
        "finished", "anna", "average_precision",
    )  # fmt: skip
    found = months(backtest)
    assert [month.month for month in found] == [
        "2017-08", "2017-09", "2017-10", "2017-11", "2017-12", "2018-01",
    ]  # fmt: skip
    assert [month.state for month in found] == [
        *[MonthState.LACKING] * 3, *[MonthState.JUDGED] * 2, MonthState.OPEN,
    ]  # fmt: skip
    # The first order is of 3 August; three windows of 20 days are needed.
    assert found[0].needs == (Need("customers", 20, 0), Need("days", 60, 0))
    assert found[2].needs == (Need("days", 60, 59),)
    assert "needs 60 days of orders; there are 59" in found[2].message
    assert "2018-01-01 on are not over: the newest event is of 2017-12-2" in found[5].message
    december = found[4]
    assert (december.as_of, december.until) == (AS_OF, AS_OF + timedelta(days=20))
    assert december.customers == CUSTOMERS
    assert december.metrics["auc"].baseline == 0.5
    assert december.verdict("average_precision") is Verdict.BETTER
    assert [month.as_json() for month in found] == backtest.months
    run = JobRun.objects.get(name=JOB)
    assert (run.state, run.done, run.total, run.unit) == ("succeeded", 6, 6, "months")
    assert not ModelVersion.objects.exists()
    assert not Score.objects.exists()
    assert not files()


def test_a_month_s_model_is_the_one_that_live_training_makes(shop, dummy):
    december = months(roll())[-1]

    version = model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF)

    assert december.fingerprint == version.fingerprint
    assert december.algorithm == version.algorithm


@pytest.mark.parametrize("key", [LAPSE, SPEND, AGAIN])
def test_what_happens_after_a_month_s_date_changes_neither_its_model_nor_its_scores(
    shop, dummy, key, monkeypatch
):
    said = []
    for cls, method in ((dummy.Lapse, "predict"), (dummy.Spend, "predict")):
        monkeypatch.setattr(cls, method, _heard(getattr(cls, method), said))
    monkeypatch.setattr(dummy.Again, "recommend", _heard(dummy.Again.recommend, said))
    before, heard = months(roll(key, last=NOVEMBER))[0], [found.copy() for found in said]
    said.clear()
    moment = datetime(2017, 11, 1, tzinfo=UTC)
    planted = [
        # Many order once more in the window that judges: the outcomes do change.
        _order(customer, 90_000 + customer, moment + timedelta(hours=customer), _Ones())
        for customer in range(1, CUSTOMERS, 4)
    ]
    events_ingest(source="shop", items=planted, received_at=AS_OF)
    mirror_run()

    after = months(roll(key, last=NOVEMBER))[0]

    assert after.fingerprint == before.fingerprint
    assert after.algorithm == before.algorithm
    assert len(said) == len(heard)
    for now, then in zip(said, heard, strict=True):
        # Of rankings only those are asked for who bought in the window: more, now.
        same = now[now["customer_id"].isin(then["customer_id"])] if key == AGAIN else now
        assert same.reset_index(drop=True).equals(then.reset_index(drop=True))
    assert (after.target_mean, after.customers) != (before.target_mean, before.customers)


class _Ones:
    def integers(self, _most):
        return 1

    def uniform(self, _low, _high):
        return 30.0


def _heard(method, said):
    def listening(self, *given, **named):
        found = method(self, *given, **named)
        said.append(found)
        return found

    return listening


def test_amounts_and_rankings_are_judged_by_their_metrics_and_baselines(shop, dummy):
    spend, again = roll(SPEND), roll(AGAIN)

    assert (spend.decided_by, again.decided_by) == ("mae", "ndcg_at_10")
    assert [month.verdict("ndcg_at_10") for month in months(again)] == [Verdict.BETTER] * 2
    assert all(month.metrics["ndcg_at_10"].baseline == 0 for month in months(again))
    assert all(month.target_mean is None for month in months(again))
    assert all(month.metrics["mae"].higher_is_better is False for month in months(spend))


def test_a_ranking_is_judged_as_the_published_one_would_be(shop, dummy):
    december = months(roll(AGAIN))[-1]
    model_train(scorer_key=AGAIN, as_of=AS_OF, at=AS_OF)
    scorer_run(scorer_key=AGAIN, as_of=AS_OF)

    found = model_evaluate(scorer_key=AGAIN, as_of=AS_OF)

    assert found.customers == december.customers
    assert found.metrics["ndcg_at_10"].model == december.metrics["ndcg_at_10"].model


def test_the_baseline_is_kept_while_the_champion_does_not_beat_it(shop, dummy):
    class Sure(dummy.Lapse):
        key = "dummy.sure"

        def baseline(self, frame):
            return dummy.Lapse.predict(self, frame)

    with scorers.temporarily(Sure):
        found = months(roll("dummy.sure"))

    assert [month.published for month in found] == [Published.BASELINE] * 2
    assert [month.publishing for month in found] == [None, None]
    assert [month.verdict("average_precision") for month in found] == [Verdict.UNCLEAR] * 2
    assert [month.reason for month in found] == ["the first model", "not better than its baseline"]


def test_an_older_model_scores_where_the_rule_keeps_it(shop, dummy):
    class Forgetful(dummy.Lapse):
        key = "dummy.forgetful"

        def fit(self, frame, target, **given):
            super().fit(frame, target, **given)
            # What was learned in December is turned round, so the rule keeps November's.
            if frame.index.get_level_values("cutoff").max() >= datetime(2017, 10, 20, tzinfo=UTC):
                self.model.coef_ = -self.model.coef_

    with scorers.temporarily(Forgetful):
        november, december = months(roll("dummy.forgetful"))

    assert (november.published, november.champion_of) == (Published.NEW, "2017-11")
    assert (december.published, december.champion_of) == (Published.OLDER, "2017-11")
    assert december.verdict("average_precision") is not Verdict.BETTER
    assert december.publishing is Verdict.BETTER
    assert december.champion.baseline == december.metrics["average_precision"].baseline


def test_features_of_all_months_are_computed_together(shop, dummy, monkeypatch):
    asked = []
    real = datasets.labelled_frames
    monkeypatch.setattr(
        datasets,
        "labelled_frames",
        lambda scorer, **given: asked.append(len(given["cutoffs"])) or real(scorer, **given),
    )
    together = roll(SPEND)
    monkeypatch.setattr("lifecycle_engine.scoring.backtests.frames._NUMBERS_MOST", 0)

    apart = roll(SPEND)

    assert len(asked[:1]) == 1
    assert asked[0] > max(asked[1:])
    assert without_time(apart) == without_time(together)


def test_one_that_was_killed_is_gone_on_with(shop, dummy):
    whole = roll(SPEND)

    def kill(backtest, doing):
        if doing == "2017-12":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roll(SPEND, watch=kill)
    killed = Backtest.objects.latest("pk")
    assert (killed.state, len(killed.months), killed.finished_at) == ("running", 1, None)
    assert files()

    again = roll(SPEND)

    assert again.pk == killed.pk
    assert again.state == "finished"
    assert without_time(again) == without_time(whole)
    assert not files()


def test_one_that_was_killed_and_another_that_is_asked_for(shop, dummy):
    def kill(backtest, doing):
        raise SystemExit

    with pytest.raises(SystemExit):
        roll(SPEND, watch=kill)

    other = roll(SPEND, last=NOVEMBER)

    killed = Backtest.objects.exclude(pk=other.pk).get()
    assert (killed.state, killed.error) == ("failed", "was stopped, and another one was begun")
    assert other.state == "finished"
    assert not files()


def test_one_that_breaks_a_promise_has_failed_and_says_how(shop, dummy, monkeypatch):
    monkeypatch.setattr(dummy.Lapse, "baseline", lambda self, frame: frame["recency_days"] + 1.5)

    with pytest.raises(ScorerOutputError):
        roll()

    backtest = Backtest.objects.get()
    assert backtest.state == "failed"
    assert "not a number from 0 to 1" in backtest.error
    assert not files()


def test_one_process_at_a_time(shop, dummy):
    with (
        held_elsewhere(lock_name(LAPSE)),
        pytest.raises(BacktestError, match="is being backtested by another process"),
    ):
        roll()
    assert not Backtest.objects.exists()
    with advisory_lock(lock_name(LAPSE)) as free:
        assert free


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"key": "dummy.nothing"}, UnknownExtensionError, "No scorer 'dummy.nothing'"),
        (
            {"first": DECEMBER, "last": NOVEMBER},
            BacktestError,
            "from=2017-12 is after to=2017-11",
        ),
        ({"first": date(2010, 1, 1)}, BacktestError, "are 96 months; at most 60"),
    ],
)
@pytest.mark.django_db
def test_what_is_wrong_is_refused_and_leaves_nothing(dummy, given, error, message):
    with pytest.raises(error, match=message):
        roll(**given)

    assert not Backtest.objects.exists()


def test_without_any_events_nothing_is_judged(transactional_db, dummy):
    mirror_run()

    backtest = roll()

    assert backtest.state == "finished"
    assert [month.state for month in months(backtest)] == [MonthState.OPEN] * 2
    assert "no event is known from before their end" in months(backtest)[0].message
