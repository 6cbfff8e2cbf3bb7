"""Checks of runs, outcomes and age: what they find, and what follows from it."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from lifecycle_engine.customers.erasure import customer_erase
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.scoring import running
from lifecycle_engine.scoring.check_models import ModelCheck
from lifecycle_engine.scoring.errors import ScorerOutputError
from lifecycle_engine.scoring.models import ModelVersion, Score, ScorerSetting
from lifecycle_engine.scoring.monitoring import outcomes, services
from lifecycle_engine.scoring.monitoring.services import scorer_check
from lifecycle_engine.scoring.monitoring.uses import use_open, use_set
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.scoring.use_models import Use, UseCause
from tests.factories.scoring_runs import AS_OF, KEY, Echo, champion, days
from tests.lifecycle_engine.scoring.conftest import AS_OF as SHOP_AS_OF

pytestmark = pytest.mark.django_db(transaction=True)
#: The day on which the outcomes of the first run are known: the horizon, and one to settle.
KNOWN = 31


def found(kind, what):
    check = ModelCheck.objects.filter(kind=kind).latest("pk")
    return next(one for one in check.findings if one["what"] == what)


def reversed_outcomes(in_use):
    """What came true is what the baseline said, and the model said twice as much."""
    values = np.maximum(days(1, in_use.ids) + 1.0, 0.0)
    in_use.outcome = dict(zip(in_use.ids, values, strict=True))


def test_a_run_like_the_training_is_found_to_be_in_order(in_use):
    in_use.run()

    (check,) = in_use.check()

    assert (check.kind, check.state, check.at) == ("run", "ok", AS_OF)
    assert check.figures["scores"] == pytest.approx(0.0, abs=1e-12)
    assert check.figures["inputs"] == [
        {
            "feature": "recency_days",
            "psi": pytest.approx(0.0, abs=1e-12),
            "missing": 0.0,
            "missing_then": 0.0,
        }
    ]
    assert check.limits["drift"] == 0.25


def test_drift_is_a_warning_at_the_second_run_in_a_row_and_no_fallback(in_use, asked):
    for day in range(3):  # Each frame's numbers are by a thousand larger.
        in_use.run(day=day)
        in_use.check(day=day)

    states = list(ModelCheck.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["ok", "ok", "warning"]
    assert found("run", "inputs")["value"] > 0.25
    assert found("run", "scores")["state"] == "warning"
    assert use_open(scorer_key=KEY) is None


def test_drift_is_a_breach_where_staff_chose_so(in_use, asked):
    ScorerSetting.objects.create(key=KEY, fall_back="drift")
    for day in range(3):
        in_use.run(day=day)
        in_use.check(day=day)

    held = use_open(scorer_key=KEY)
    assert (held.use, held.cause) == ("baseline", "drift")


def test_a_feature_that_is_gone_is_told(in_use, monkeypatch):
    whole = services.run_figures

    def gone(run):
        figures = whole(run)
        figures["inputs"][0]["missing"] = 0.9
        return figures

    monkeypatch.setattr(services, "run_figures", gone)
    for day in range(2):
        in_use.run(day=day)
        in_use.check(day=day)

    assert found("run", "missing")["state"] == "warning"


def test_outcomes_are_looked_at_once_they_are_known(in_use):
    in_use.run()
    in_use.check(day=KNOWN - 1)
    assert not ModelCheck.objects.filter(kind="outcomes").exists()

    in_use.check(day=KNOWN)

    check = ModelCheck.objects.get(kind="outcomes")
    assert (check.state, check.figures["customers"]) == ("ok", 120)
    metric = check.figures["metric"]
    assert (metric["name"], metric["better"]) == ("mae", True)
    assert metric["high"] < 0
    assert check.figures["ratio"]["model"] == pytest.approx(1.0, abs=0.01)
    assert sum(point["rows"] for point in check.figures["calibration"]) == 120


def test_reversed_outcomes_are_a_breach_and_the_next_run_publishes_the_baseline(in_use, asked):
    in_use.run()
    reversed_outcomes(in_use)
    asked.clear()

    in_use.check(day=KNOWN)

    assert found("outcomes", "outcomes")["state"] == "breach"
    held = use_open(scorer_key=KEY)
    assert (held.use, held.cause, held.judged_as_of) == ("baseline", "outcomes", AS_OF)
    day = AS_OF + timedelta(days=KNOWN)
    run = {"queue": "gpu", "scorer_key": KEY, "as_of": day.isoformat()}
    assert asked == [("scoring.run", run)]
    in_use.run(day=KNOWN)
    newest = ScoringRun.objects.latest("pk")
    assert (newest.use, newest.state) == ("baseline", "published")
    first = Score.objects.order_by("customer_id").first()
    assert first.value == days(2, [first.customer_id])[0] + 1.0


def test_what_was_said_is_what_was_published_then(in_use):
    in_use.run()
    reversed_outcomes(in_use)
    for day in (1, 2):
        in_use.run(day=day)  # By now every customer has another score.
    ScoringRun.objects.exclude(as_of=AS_OF).update(as_of=AS_OF + timedelta(days=20))

    in_use.check(day=KNOWN)

    check = ModelCheck.objects.get(kind="outcomes")
    assert check.run.as_of == AS_OF
    truth = days(1, in_use.ids) + 1.0
    expected = np.abs(days(1, in_use.ids) * 2.0 - truth).mean()
    assert check.figures["metric"]["model"] == pytest.approx(expected)


def test_who_was_erased_or_objects_is_not_judged(in_use):
    in_use.run()
    customer_erase(customer_id=in_use.ids[0], at=AS_OF, actor="anna", reason="asked")
    Consent.objects.create(
        customer=Customer.objects.get(pk=in_use.ids[1]),
        purpose="profiling",
        granted=False,
        source="test",
        channel="",
    )

    in_use.check(day=KNOWN)

    assert ModelCheck.objects.get(kind="outcomes").figures["customers"] == 118


def test_scores_far_off_are_a_breach_only_where_the_baseline_is_nearer(in_use):
    in_use.run()
    in_use.outcome = {one: value / 1000 for one, value in in_use.outcome.items()}

    in_use.check(day=KNOWN)

    assert found("outcomes", "calibration")["state"] == "breach"


def test_where_staff_decide_they_are_told_and_nothing_changes(in_use):
    ScorerSetting.objects.create(key=KEY, fall_back="never")
    in_use.run()
    reversed_outcomes(in_use)

    in_use.check(day=KNOWN)

    assert ModelCheck.objects.get(kind="outcomes").state == "breach"
    assert use_open(scorer_key=KEY) is None


def test_old_outcomes_do_not_bring_a_model_down_that_was_put_back(in_use):
    in_use.run()
    reversed_outcomes(in_use)
    why = {"reason": "It was the import", "by": "anna"}
    use_set(scorer_key=KEY, use=Use.BASELINE, cause=UseCause.HAND, **why)
    use_set(scorer_key=KEY, use=Use.MODEL, cause=UseCause.HAND, **why)

    in_use.check(day=KNOWN)

    assert ModelCheck.objects.get(kind="outcomes").state == "breach"
    assert use_open(scorer_key=KEY).use == "model"


def test_a_baseline_that_can_not_stand_in_leaves_the_model(in_use, monkeypatch):
    monkeypatch.setattr(Echo, "judged", lambda self, frame: self.predict(frame))
    in_use.run()
    reversed_outcomes(in_use)

    in_use.check(day=KNOWN)

    assert ModelCheck.objects.get(kind="outcomes").state == "breach"
    assert use_open(scorer_key=KEY) is None


def test_a_broken_promise_has_the_baseline_published(in_use, monkeypatch):
    monkeypatch.setattr(Echo, "predict", lambda _self, frame: frame["recency_days"] * np.nan)
    with pytest.raises(ScorerOutputError):
        in_use.run()

    in_use.check()

    assert use_open(scorer_key=KEY).cause == "failing"
    assert in_use.run().written == 120


def test_one_failure_of_something_else_is_a_warning_and_two_are_a_breach(in_use, monkeypatch):
    def broken(*_args, **_given):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Echo, "predict", broken)
    for state in ("warning", "breach"):
        with pytest.raises(RuntimeError):
            in_use.run()
        (check,) = in_use.check()
        assert check.state == state

    assert use_open(scorer_key=KEY).use == "baseline"


def test_scores_grow_old(in_use):
    in_use.run()
    for day, state in ((1, None), (2, "warning"), (4, "breach")):
        in_use.check(day=day)
        age = ModelCheck.objects.filter(kind="freshness").first()
        assert (age and age.state) == state

    assert ModelCheck.objects.filter(kind="freshness").count() == 1
    assert use_open(scorer_key=KEY) is None


def test_a_check_that_runs_twice_writes_one_record(in_use):
    in_use.run()
    in_use.check(day=KNOWN)
    before = list(ModelCheck.objects.order_by("pk").values_list("pk", "kind"))

    in_use.check(day=KNOWN)

    assert list(ModelCheck.objects.order_by("pk").values_list("pk", "kind")) == before
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelCheck.objects.create(
            scorer_key=KEY, run=ScoringRun.objects.get(), kind="run", state="ok", at=AS_OF
        )


def test_a_check_that_is_killed_leaves_nothing_and_is_made_again(in_use, monkeypatch):
    in_use.run()
    reversed_outcomes(in_use)

    def killed(**_given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(services, "use_set", killed)
        with pytest.raises(KeyboardInterrupt):
            in_use.check(day=KNOWN)
    assert not ModelCheck.objects.filter(kind="outcomes").exists()

    in_use.check(day=KNOWN)

    assert ModelCheck.objects.get(kind="outcomes").state == "breach"
    assert use_open(scorer_key=KEY).use == "baseline"


def test_two_checks_at_once_write_one_record_each(in_use):
    in_use.run()
    reversed_outcomes(in_use)
    together = threading.Barrier(2)

    def check():
        try:
            together.wait()
            scorer_check(scorer_key=KEY, at=AS_OF + timedelta(days=KNOWN))
        finally:
            connection.close()

    threads = [threading.Thread(target=check) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    kinds = sorted(ModelCheck.objects.values_list("kind", flat=True))
    assert kinds == ["freshness", "outcomes", "run"]
    assert use_open(scorer_key=KEY).use == "baseline"


def test_who_loses_the_race_to_write_leaves_the_others_record(in_use):
    in_use.run()
    run = ScoringRun.objects.get()
    limits = services.limits_of(scorer_key=KEY)
    first = services._record(run, "run", AS_OF, limits, [], {})

    assert services._record(run, "run", AS_OF, limits, [], {}) is None
    assert list(ModelCheck.objects.all()) == [first]


def test_the_command_checks_and_changes_what_is_published(in_use, capsys, settings):
    settings.ENGINE_NOW = AS_OF + timedelta(days=KNOWN)
    in_use.run()
    reversed_outcomes(in_use)
    call_command("model", "check", KEY)
    said = ("--reason", "It was the import", "--by", "anna")
    call_command("model", "use", KEY, *said)
    with pytest.raises(CommandError, match=r"No plugin has a scorer 'no\.such'"):
        call_command("model", "check", "no.such")
    with pytest.raises(CommandError, match="publishes this already: Model"):
        call_command("model", "use", KEY, *said)

    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{KEY}\trun\tok\t",
        f"{KEY}\toutcomes\tbreach\toutcomes, calibration",
        f"{KEY}\tfreshness\tbreach\tage",
        f"{KEY}: model",
    ]


def test_another_champion_is_compared_with_its_own_training(in_use):
    in_use.run()
    champion(number=2)
    in_use.run(day=1)

    in_use.check(day=1)

    assert ModelCheck.objects.latest("pk").figures["inputs"] == []


def test_trained_models_and_rankings_are_judged_by_what_came_true(shop, dummy, monkeypatch):
    for name in ("ROWS_LEAST", "OUTCOMES_LEAST"):
        monkeypatch.setattr(outcomes, name, 5)
    monkeypatch.setattr(running, "enqueue", lambda *_name, **_given: None)
    then = SHOP_AS_OF - timedelta(days=22)
    for key in ("dummy.lapse", "dummy.again"):
        model_train(scorer_key=key, as_of=then, at=SHOP_AS_OF)
        running.scorer_run(scorer_key=key, as_of=then)

        scorer_check(scorer_key=key, at=SHOP_AS_OF)

    made = {(one.scorer_key, one.kind): one for one in ModelCheck.objects.all()}
    assert set(made[("dummy.lapse", "run")].figures["inputs"][0]) == {
        *("feature", "psi", "missing", "missing_then")
    }
    lapse = made[("dummy.lapse", "outcomes")].figures
    assert (lapse["metric"]["name"], lapse["customers"] > 20) == ("average_precision", True)
    assert made[("dummy.again", "outcomes")].figures["metric"]["name"] == "ndcg_at_10"
    assert "reference" in ModelVersion.objects.get(scorer_key="dummy.lapse").card
