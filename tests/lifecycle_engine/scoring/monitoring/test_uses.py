"""What is published, how that changes, and that whoever sees a score is told."""

import threading
from itertools import count

import pytest
from django.db import IntegrityError, connection, transaction

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.customers.profile import profile_sections
from lifecycle_engine.scoring import frames, on_demand, running
from lifecycle_engine.scoring.change_models import ChangeCause, ModelChange
from lifecycle_engine.scoring.conditions import ScoreValue, ScoreValueConfig
from lifecycle_engine.scoring.errors import ModelChangeError, ReasonsMissingError, RunGivenUpError
from lifecycle_engine.scoring.models import ModelState, ModelVersion, Score
from lifecycle_engine.scoring.monitoring.uses import use_newest, use_of, use_open, use_set
from lifecycle_engine.scoring.reasons.services import reasons_ask, reasons_refresh
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.scoring.use_models import ScorerUse, Use, UseCause
from lifecycle_engine.scoring.versions import model_move
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.scoring import ModelVersionFactory
from tests.factories.scoring_runs import AS_OF, KEY, Echo, champion, days, feature_table_of, people
from tests.lifecycle_engine.scoring.conftest import AS_OF as SHOP_AS_OF

pytestmark = pytest.mark.django_db(transaction=True)
WHY = {"reason": "Staff have seen enough", "by": "anna"}


@pytest.fixture(autouse=True)
def echo(monkeypatch, transactional_db):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_incoming")
    monkeypatch.setattr(frames.datasets, "feature_table", feature_table_of(count(1)))
    monkeypatch.setattr(running, "enqueue", lambda *_name, **_given: None)
    monkeypatch.setattr(Echo, "baseline", lambda _self, frame: frame["recency_days"] + 1.0)
    with scorers.temporarily():
        scorers.register(Echo)
        yield Echo


def fall_back(cause=UseCause.OUTCOMES, **given):
    return use_set(scorer_key=KEY, use=Use.BASELINE, cause=cause, reason="seen", **given)


def run():
    return running.scorer_run(scorer_key=KEY, as_of=AS_OF)


def published():
    rows = Score.objects.filter(scorer_key=KEY).order_by("customer_id")
    return list(rows.values_list("value", flat=True))


def test_after_a_fallback_the_next_run_publishes_the_baseline_and_marks_it(monkeypatch):
    ids = [one.pk for one in people(6)]
    champion()
    run()
    assert published() == list(days(1, ids) * 2.0)

    fall_back()
    run()

    assert published() == list(days(2, ids) + 1.0)
    assert list(ScoringRun.objects.order_by("pk").values_list("use", flat=True)) == [
        "model",
        "baseline",
    ]
    score = Score.objects.order_by("customer_id").first()
    section = dict(profile_sections())["scores"](customer_ids=ids, at=business_now())
    assert section[ids[0]][KEY]["by"] == "baseline"
    note = ScoreValue(ScoreValueConfig(scorer=KEY, operator="at_least", value=1)).note()
    assert note == "The baseline said so; the model is not in use."
    monkeypatch.setattr(Echo, "explain", lambda _self, _frame: None)
    with pytest.raises(ReasonsMissingError, match="baseline"):
        reasons_ask(score=score)


def test_on_demand_it_is_the_baseline_too():
    one, *_others = people(3)
    champion()
    fall_back()
    run()
    on_demand.champions.clear()

    found = on_demand.customers_score(scorer_key=KEY, external_ids=[one.external_id])

    assert (found.by, found.values) == (Use.BASELINE, {one.external_id: days(1, [one.pk])[0] + 1})


def test_no_reasons_are_worked_out_of_what_the_model_did_not_say(monkeypatch):
    people(3)
    champion()
    fall_back()
    run()
    monkeypatch.setattr(Echo, "explain", lambda _self, _frame: pytest.fail("asked"))

    assert reasons_refresh(scorer_key=KEY, as_of=AS_OF).customers == 0


def test_a_run_that_a_fallback_overtakes_publishes_nothing(monkeypatch):
    people(3)
    champion()
    whole = Echo.predict
    monkeypatch.setattr(Echo, "predict", lambda self, frame: (fall_back(), whole(self, frame))[1])

    with pytest.raises(RunGivenUpError, match="was changed meanwhile"):
        run()

    assert (published(), ScoringRun.objects.get().state) == ([], "superseded")


def test_back_to_the_model_by_hand_with_a_reason_and_a_record():
    version = champion()
    fall_back()
    for wrong in ({"reason": " ", "by": "anna"}, {"reason": "why", "by": ""}):
        with pytest.raises(ModelChangeError, match="needs a reason"):
            use_set(scorer_key=KEY, use=Use.MODEL, cause=UseCause.HAND, **wrong)
    assert use_open(scorer_key=KEY).use == "baseline"

    use_set(scorer_key=KEY, use=Use.MODEL, cause=UseCause.HAND, **WHY)

    assert use_of(champion=version) is Use.MODEL
    changes = ModelChange.objects.order_by("pk").values_list("before", "after", "cause", "by")
    assert list(changes) == [
        ("champion", "baseline", "rule", ""),
        ("baseline", "champion", "hand", "anna"),
    ]
    assert ScorerUse.objects.filter(until=None).count() == 1


def test_what_makes_no_sense_is_refused(monkeypatch):
    with pytest.raises(ModelChangeError, match="has no champion yet"):
        fall_back()
    champion()
    with pytest.raises(ModelChangeError, match="publishes this already: Model"):
        use_set(scorer_key=KEY, use=Use.MODEL, cause=UseCause.HAND, **WHY)
    monkeypatch.setattr(Echo, "judged", lambda _self, frame: frame)
    with pytest.raises(ModelChangeError, match="can't stand in"):
        fall_back()

    assert not ScorerUse.objects.exists()


def test_two_who_fall_back_at_once_leave_one_record():
    champion()
    together, done = threading.Barrier(2), []

    def decide():
        try:
            together.wait()
            fall_back()
            done.append("changed")
        except ModelChangeError:
            done.append("already")
        finally:
            connection.close()

    threads = [threading.Thread(target=decide) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(done) == ["already", "changed"]
    assert ScorerUse.objects.get().use == "baseline"


def test_the_database_keeps_one_that_holds():
    version = champion()
    fall_back()

    with pytest.raises(IntegrityError), transaction.atomic():
        ScorerUse.objects.create(scorer_key=KEY, use="model", cause="first", model_version=version)


def promoted(number, *, by="", **card):
    version = ModelVersionFactory(scorer_key=KEY, number=number, card=card)
    cause = {} if by else {"cause": ChangeCause.RULE}
    return model_move(
        version_id=version.pk, to=ModelState.CHAMPION, reason="better", by=by, **cause
    )


def test_a_promoted_champion_that_beats_the_baseline_ends_it():
    promoted(1, better_than_baseline=False)
    assert (use_open(scorer_key=KEY).use, use_open(scorer_key=KEY).cause) == (
        "baseline",
        "not_better",
    )

    promoted(2, better_than_baseline=True)

    held = use_open(scorer_key=KEY)
    assert (held.use, held.cause, held.model_version.number) == ("model", "promotion", 2)


def test_a_champion_by_hand_that_does_not_beat_the_baseline_is_not_published_either():
    promoted(1, better_than_baseline=True)
    promoted(2, by="anna", better_than_baseline=False)

    assert use_open(scorer_key=KEY).use == "baseline"

    promoted(3, by="anna", better_than_baseline=True)

    assert (use_open(scorer_key=KEY).use, use_open(scorer_key=KEY).by) == ("model", "anna")


def test_a_first_model_that_loses_keeps_the_baseline(shop, dummy, monkeypatch):
    monkeypatch.undo()
    right = dummy.Lapse.predict
    monkeypatch.setattr(dummy.Lapse, "predict", lambda self, frame: 1 - right(self, frame))
    key = "dummy.lapse"

    version = model_train(scorer_key=key, as_of=SHOP_AS_OF, at=SHOP_AS_OF)
    running.scorer_run(scorer_key=key, as_of=SHOP_AS_OF)

    assert ModelVersion.objects.get() == version
    assert (version.state, version.card["better_than_baseline"]) == ("champion", False)
    assert set(Score.objects.filter(scorer_key=key).values_list("value", flat=True)) == {0.5}
    assert use_newest(scorer_key=key) is Use.BASELINE
