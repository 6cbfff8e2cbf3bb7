"""Runs as records: shards, going on after a kill, frames that are shared, swept and forgotten."""

from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models.functions import Now

from lifecycle_engine.core.models import JobRun
from lifecycle_engine.customers.erasure import customer_erase
from lifecycle_engine.customers.models import Consent
from lifecycle_engine.customers.privacy_models import Erasure
from lifecycle_engine.scoring import frames, running
from lifecycle_engine.scoring.errors import RunGivenUpError, ScorerOutputError, ScoringError
from lifecycle_engine.scoring.models import Score, ScoreHistory, ScorerSetting
from lifecycle_engine.scoring.run_models import FeatureFrame, RunState, ScoringRun
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.scoring_runs import (
    AS_OF,
    KEY,
    Echo,
    EchoToo,
    champion,
    days,
    feature_table_of,
    people,
    percentiles,
)
from tests.locks import held_elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


class KilledError(BaseException):
    """Stands for a kill: nothing may be done about it any more."""


@pytest.fixture(autouse=True)
def asked(monkeypatch, transactional_db):
    """The tasks that were asked for."""
    calls = []
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_incoming")  # No model's, so no test empties it.
    monkeypatch.setattr(frames.datasets, "feature_table", feature_table_of(count(1)))
    monkeypatch.setattr(frames, "SHARD", 4)
    monkeypatch.setattr(running, "enqueue", lambda name, **given: calls.append((name, given)))
    with scorers.temporarily():
        scorers.register(Echo)
        scorers.register(EchoToo)
        yield calls


@pytest.fixture
def customers():
    return [customer.pk for customer in people(10)]


@pytest.fixture
def model(customers):
    return champion()


def run(key=KEY, as_of=AS_OF):
    return running.scorer_run(scorer_key=key, as_of=as_of)


def killed(monkeypatch, point, *, at, key=KEY):
    """Run, and be killed when the function is called for the so many-eth time."""
    calls, whole = count(1), getattr(running, point)

    def dying(*args, **given):
        if next(calls) == at:
            raise KilledError
        return whole(*args, **given)

    # What a kill does not run either.
    over = running.run_over
    with monkeypatch.context() as patch:
        patch.setattr(running, point, dying)
        patch.setattr(running, "run_over", lambda *_args: None)
        with pytest.raises(KilledError):
            run(key)
    assert running.run_over is over


def published(key=KEY):
    rows = Score.objects.filter(scorer_key=key).order_by("customer_id")
    return dict(rows.values_list("customer_id", "value"))


def staged():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM scoring_incoming")
        return cursor.fetchone()[0]


def expected(frame, ids, factor=2.0):
    return dict(zip(ids, days(frame, ids) * factor, strict=True))


def test_a_run_is_a_record_of_its_shards(customers, model, asked):
    result = run()

    one = ScoringRun.objects.get()
    assert (one.state, one.model_version, one.shards) == (RunState.PUBLISHED, model, 3)
    assert sorted(one.shards_done) == [0, 1, 2]
    assert (one.customers, one.written, one.withdrawn, one.attempts) == (10, 10, 0, 0)
    assert (result.customers, result.written, result.withdrawn) == (10, 10, 0)
    assert published() == expected(1, customers)
    found = Score.objects.order_by("customer_id").values_list("percentile", flat=True)
    assert list(found) == pytest.approx(percentiles(days(1, customers)), abs=1e-12)
    assert staged() == 0
    # Two of three shards are worth a helper each.
    assert asked == [("scoring.help_run", {"queue": "gpu", "run_id": one.pk})] * 2
    job = JobRun.objects.get()
    assert (job.done, job.total, job.unit) == (10, 10, "customers")


def test_equal_scores_stand_in_the_middle_of_their_places(customers, model, monkeypatch):
    values = [5.0, 1.0, 5.0, 5.0, 2.0, 2.0, 9.0, 0.0, 5.0, 9.0]
    own = dict(zip(customers, values, strict=True))
    monkeypatch.setattr(
        Echo,
        "predict",
        lambda _self, frame: frame["recency_days"].index.map(own).to_series(index=frame.index),
    )

    run()

    found = Score.objects.order_by("customer_id").values_list("percentile", flat=True)
    assert list(found) == percentiles(values)


def test_one_shard_asks_nobody_for_help(model, customers, asked, monkeypatch):
    monkeypatch.setattr(frames, "SHARD", 10)

    run()

    assert asked == []
    assert ScoringRun.objects.get().shards == 1


@pytest.mark.parametrize(("point", "at"), [
    ("frame_for", 1), ("_shard_score", 1), ("_shard_score", 3), ("scores_publish", 1),
])  # fmt: skip
def test_a_killed_run_is_gone_on_with(customers, model, asked, monkeypatch, point, at):
    killed(monkeypatch, point, at=at)
    assert published() == {}
    done = list(ScoringRun.objects.get().shards_done)
    assert staged() == 4 * len(done[:2]) + 2 * len(done[2:])
    asked.clear()

    running.runs_look_after()

    one = ScoringRun.objects.get()
    assert asked == [("scoring.resume_run", {"queue": "gpu", "run_id": one.pk})]
    seen = []
    whole = Echo.predict
    monkeypatch.setattr(
        Echo, "predict", lambda self, frame: seen.append(len(frame)) or whole(self, frame)
    )
    assert running.run_resume(run_id=one.pk).written == 10
    # Shards that were done are not scored again, and the features are those of before.
    assert len(seen) == 3 - len(done)
    assert published() == expected(1, customers)
    assert staged() == 0
    assert running.run_resume(run_id=one.pk) is None


def test_asking_for_the_same_run_goes_on_with_it(customers, model, monkeypatch):
    killed(monkeypatch, "_shard_score", at=2)

    run()

    assert ScoringRun.objects.count() == 1
    assert published() == expected(1, customers)


def test_a_run_of_another_moment_or_model_is_given_up(customers, model, monkeypatch):
    killed(monkeypatch, "_shard_score", at=2)
    run(as_of=AS_OF + timedelta(days=1))
    killed(monkeypatch, "_shard_score", at=2)
    champion(factor=3.0, number=2)
    run()

    states = ScoringRun.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["superseded", "published", "superseded", "published"]
    assert staged() == 0
    # The scores of the later day stay: a score never goes back in time.
    assert published() == expected(2, customers)


def test_a_model_that_was_taken_back_meanwhile_publishes_nothing(customers, model, monkeypatch):
    whole = Echo.predict

    def taken_back(self, frame):
        champion(factor=1.0, number=2) if customers[-1] in frame.index else None
        return whole(self, frame)

    monkeypatch.setattr(Echo, "predict", taken_back)
    with pytest.raises(RunGivenUpError, match="not the champion any more"):
        run()

    assert ScoringRun.objects.get().state == RunState.SUPERSEDED
    assert (published(), staged()) == ({}, 0)


def test_a_run_that_only_kills_is_not_tried_for_ever(customers, model, monkeypatch):
    for _attempt in range(running.ATTEMPTS_LIMIT):
        killed(monkeypatch, "_shard_score", at=1)

    with pytest.raises(ScoringError, match="started 5 times and got nowhere"):
        run()

    one = ScoringRun.objects.get()
    assert (one.state, one.error[:12]) == (RunState.FAILED, "ScoringError")
    assert published() == {}


def test_helpers_score_and_only_the_driver_publishes(customers, model, monkeypatch):
    killed(monkeypatch, "_shard_score", at=1)
    one = ScoringRun.objects.get()

    running.run_help(run_id=one.pk)

    one.refresh_from_db()
    assert (one.state, sorted(one.shards_done), staged()) == (RunState.RUNNING, [0, 1, 2], 10)
    running.run_help(run_id=one.pk)
    assert published() == {}
    run()
    assert published() == expected(1, customers)
    running.run_help(run_id=one.pk)


def test_a_shard_that_somebody_is_at_is_left_to_them(customers, model, monkeypatch):
    killed(monkeypatch, "_shard_score", at=1)
    one = ScoringRun.objects.get()
    with held_elsewhere(f"scoring:run:{one.pk}:1"):
        running.run_help(run_id=one.pk)

    one.refresh_from_db()
    assert sorted(one.shards_done) == [0, 2]


def test_a_shard_that_comes_too_late_leaves_nothing(customers, model, monkeypatch):
    killed(monkeypatch, "_shard_score", at=1)
    one = ScoringRun.objects.get()
    scorer = Echo()
    scorer.factor = 2.0
    running._shard_score(one, scorer, 0)
    running._shard_score(one, scorer, 0)
    assert (one.shards_done, staged()) == ([0], 4)
    running.run_over(one, RunState.FAILED, "stopped")

    with pytest.raises(RunGivenUpError, match="stopped"):
        running._shard_score(one, scorer, 1)

    assert staged() == 0


def test_a_helper_that_finds_a_broken_promise_ends_the_run(customers, model, monkeypatch):
    killed(monkeypatch, "_shard_score", at=2)
    one = ScoringRun.objects.get()
    monkeypatch.setattr(Echo, "predict", lambda _self, frame: frame["recency_days"] * -1)

    with pytest.raises(ScorerOutputError, match=r"test\.echo gave -\d+"):
        running.run_help(run_id=one.pk)

    one.refresh_from_db()
    assert (one.state, staged(), published()) == (RunState.FAILED, 0, {})
    assert one.error.startswith("ScorerOutputError: Scorer test.echo gave")


def test_who_objects_or_is_erased_while_a_run_goes_on_gets_no_score(customers, model, monkeypatch):
    killed(monkeypatch, "scores_publish", at=1)
    objector, erased, merged = customers[:3]
    Consent.objects.create(
        customer_id=objector, purpose="profiling", granted=False, source="test", channel=""
    )
    customer_erase(customer_id=erased, actor="test", reason="test", at=AS_OF)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_customer SET merged_into_id = %s WHERE id = %s",
            [customers[4], merged],
        )

    result = run()

    assert result.customers == 7
    assert set(published()) == set(customers[3:])
    found = Score.objects.order_by("customer_id").values_list("percentile", flat=True)
    assert list(found) == pytest.approx(percentiles(days(1, customers[3:])), abs=1e-12)


def test_only_scores_that_changed_go_into_the_history(customers, model):
    run()
    champion_again = ScoreHistory.objects.count()
    ScorerSetting.objects.create(key=KEY, mode="shadow")
    assert run(as_of=AS_OF + timedelta(days=1)).written == 0

    states = ScoringRun.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [RunState.PUBLISHED, RunState.SHADOW]
    assert (champion_again, ScoreHistory.objects.count()) == (10, 10)
    assert published() == expected(1, customers)


def test_scorers_that_want_the_same_have_it_computed_once(customers, model):
    champion(EchoToo)

    run()
    run(EchoToo.key)
    assert published(EchoToo.key) == expected(1, customers)
    # Who runs again wants what was heard of since.
    run()
    assert published() == expected(2, customers)
    # Others have it computed again for another moment, or an hour later.
    run(EchoToo.key, AS_OF + timedelta(days=1))
    assert published(EchoToo.key) == expected(3, customers)
    FeatureFrame.objects.update(made_at=Now() - timedelta(hours=2))
    run(as_of=AS_OF + timedelta(days=1))
    assert published() == expected(4, customers)


def test_frames_that_nothing_needs_are_removed(customers, model, tmp_path):
    for number in range(3):
        run(as_of=AS_OF + timedelta(days=number))
    half_made = FeatureFrame.objects.create(kind="killed", as_of=AS_OF, excluded="")
    default_storage.save(f"frames/{half_made.pk}/0.arrow", ContentFile(b""))
    running.runs_look_after()

    left = FeatureFrame.objects.get()
    assert left.as_of == AS_OF + timedelta(days=2)
    folders = [path.name for path in Path(tmp_path, "storage", "frames").iterdir()]
    assert folders == [str(left.pk)]


def test_features_that_are_lost_are_computed_again_for_all_shards(customers, model, monkeypatch):
    killed(monkeypatch, "_shard_score", at=3)
    for part in FeatureFrame.objects.get().parts:
        default_storage.delete(part["path"])

    run()

    assert published() == expected(2, customers)


def test_an_erased_customer_is_taken_out_of_the_frames(customers, model):
    run()
    frame = FeatureFrame.objects.get()
    before = [part["path"] for part in frame.parts]
    Erasure.objects.create(
        customer_id=customers[5],
        profile_ids=[customers[5], 10**9],
        names=[],
        actor="test",
        reason="test",
        erased_at=AS_OF,
    )

    assert frames.frames_forget() == 1
    assert frames.frames_forget() == 0

    frame.refresh_from_db()
    rest = [one for one in customers if one != customers[5]]
    assert frames.customers_frame(frame, customers).index.tolist() == rest
    assert [part["path"] for part in frame.parts][::2] == before[::2]
    assert not default_storage.exists(before[1])
