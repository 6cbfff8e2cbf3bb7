"""Which model scores: by the rule, by hand, back again, and by two people at once."""

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from lifecycle_engine.scoring.artefacts import artefact_load
from lifecycle_engine.scoring.change_models import ModelChange
from lifecycle_engine.scoring.errors import ModelChangeError
from lifecycle_engine.scoring.models import ModelState, ModelVersion, ScorerSetting
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.scoring.versions import model_move, model_roll_back
from tests.factories.scoring import ModelVersionFactory
from tests.lifecycle_engine.scoring.conftest import AS_OF

LAPSE = "dummy.lapse"
WHY = {"reason": "It calls whom we want", "by": "anna"}


def states():
    return dict(ModelVersion.objects.order_by("number").values_list("number", "state"))


@pytest.fixture
def three(db):
    made = [ModelVersionFactory(number=n, state=ModelState.CHALLENGER) for n in (1, 2, 3)]
    model_move(version_id=made[0].pk, to=ModelState.CHAMPION, **WHY)
    return made


def test_one_is_promoted_and_the_one_before_gives_way_with_a_record(three):
    model_move(version_id=three[1].pk, to=ModelState.CHAMPION, **WHY)

    assert states() == {1: "retired", 2: "champion", 3: "challenger"}
    changes = ModelChange.objects.order_by("-pk").values_list(
        "model_version__number", "before", "after", "cause", "reason", "by"
    )
    assert list(changes[:2]) == [
        (2, "challenger", "champion", "hand", "It calls whom we want", "anna"),
        (1, "champion", "retired", "hand", "gives way to #2: It calls whom we want", "anna"),
    ]


def test_rolled_back_to_the_one_before_and_back_again(three):
    model_move(version_id=three[1].pk, to=ModelState.CHAMPION, **WHY)
    model_roll_back(scorer_key=LAPSE, **WHY)
    assert states() == {1: "champion", 2: "retired", 3: "challenger"}

    model_roll_back(scorer_key=LAPSE, **WHY)

    assert states() == {1: "retired", 2: "champion", 3: "challenger"}
    assert ModelChange.objects.latest("pk").cause == "roll_back"


def test_one_shadow_at_most(three):
    model_move(version_id=three[1].pk, to=ModelState.SHADOW, **WHY)
    model_move(version_id=three[2].pk, to=ModelState.SHADOW, **WHY)

    assert states() == {1: "champion", 2: "challenger", 3: "shadow"}


@pytest.mark.parametrize(
    ("number", "to", "said", "message"),
    [
        (2, "champion", {"reason": " ", "by": "anna"}, "needs a reason"),
        (2, "champion", {"reason": "why", "by": ""}, "needs a reason"),
        (2, "challenger", WHY, "in this state already: Challenger"),
        (1, "retired", WHY, "promote another one in its place"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(three, number, to, said, message):
    changes = ModelChange.objects.count()

    with pytest.raises(ModelChangeError, match=message):
        model_move(version_id=three[number - 1].pk, to=ModelState(to), **said)

    assert states() == {1: "champion", 2: "challenger", 3: "challenger"}
    assert ModelChange.objects.count() == changes


def test_there_is_nothing_to_roll_back_to(three):
    with pytest.raises(ModelChangeError, match="There was no champion before"):
        model_roll_back(scorer_key=LAPSE, **WHY)
    with pytest.raises(ModelChangeError, match="has no champion"):
        model_roll_back(scorer_key="dummy.again", **WHY)


@pytest.mark.parametrize("state", ["champion", "shadow", "nonsense"])
def test_the_database_keeps_one_of_each_and_knows_the_states(three, state):
    ModelVersion.objects.filter(number=2).update(state="shadow")

    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(number=3).update(state=state)


def test_a_change_by_hand_without_a_reason_is_refused_by_the_database(three):
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelChange.objects.create(
            scorer_key=LAPSE, model_version=three[1], after="champion", cause="hand", reason=""
        )


@pytest.mark.django_db(transaction=True)
def test_two_promote_at_once_and_one_is_champion():
    made = [ModelVersionFactory(number=n) for n in (1, 2)]
    together, done = threading.Barrier(2), []

    def promote(version):
        try:
            together.wait()
            model_move(version_id=version.pk, to=ModelState.CHAMPION, **WHY)
            done.append(version.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=promote, args=(version,)) for version in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(done) == sorted(version.pk for version in made)
    assert sorted(states().values()) == ["champion", "retired"]
    assert ModelChange.objects.count() == 3


def train(**given):
    return model_train(**{"scorer_key": LAPSE, "as_of": AS_OF, "at": AS_OF} | given)


def test_the_same_recipe_takes_over_and_another_one_has_to_be_better(shop, dummy):
    first = train(as_of=AS_OF - timedelta(days=2))
    second = train(as_of=AS_OF - timedelta(days=1))

    decision = second.card["decision"]
    assert (decision["champion"], decision["promoted"]) == (first.number, True)
    assert decision["reason"] == "the same recipe on newer data, not worse"
    assert decision["contest"]["low"] <= 0 <= decision["contest"]["high"]

    ScorerSetting.objects.create(key=LAPSE, config={"strength": 0.5})
    other = train()

    assert other.state == "challenger"
    assert other.card["decision"]["reason"] == "not shown to be better than the champion"
    assert states() == {1: "retired", 2: "champion", 3: "challenger"}


def test_a_better_recipe_is_promoted_by_a_model_that_has_not_seen_the_window(
    shop, dummy, monkeypatch
):
    right = dummy.Lapse.predict
    monkeypatch.setattr(dummy.Lapse, "predict", lambda self, frame: 1 - right(self, frame))
    first = train(as_of=AS_OF - timedelta(days=1))

    def predict(self, frame):
        found = right(self, frame)
        return found if self.config.strength == 0.5 else 1 - found

    monkeypatch.setattr(dummy.Lapse, "predict", predict)
    ScorerSetting.objects.create(key=LAPSE, config={"strength": 0.5})
    loaded = []
    monkeypatch.setattr("lifecycle_engine.scoring.contests.artefact_load", _recorded(loaded))
    second = train()

    assert (first.card["better_than_baseline"], second.state) == (False, "champion")
    assert second.card["decision"]["reason"] == "better than the champion"
    # The champion itself has learned from a part of the window; its twin has not.
    assert loaded == [first.held_artefact]
    assert first.held_artefact != first.artefact


def test_where_staff_promote_the_rule_does_not(shop, dummy):
    train(as_of=AS_OF - timedelta(days=1))
    ScorerSetting.objects.create(key=LAPSE, promotion="hand")

    assert train().state == "challenger"


def _recorded(loaded):
    def load(*, path, sha256):
        loaded.append(path)
        return artefact_load(path=path, sha256=sha256)

    return load


def test_the_command_promotes_rolls_back_and_lists(three, capsys):
    said = ("--reason", "It is better", "--by", "anna")
    call_command("model", "promote", LAPSE, "3", *said)
    call_command("model", "rollback", LAPSE, *said)
    call_command("model", "shadow", LAPSE, "2", *said)
    capsys.readouterr()
    call_command("model", "list", LAPSE)

    listed = [line.split("\t")[:2] for line in capsys.readouterr().out.splitlines()]
    assert listed == [["3", "retired"], ["2", "shadow"], ["1", "champion"]]
    with pytest.raises(CommandError, match="has no version 9"):
        call_command("model", "retire", LAPSE, "9", *said)


def test_staff_promote_on_the_card_with_a_reason(admin_client, client, three):
    address = reverse("admin:scoring_modelversion_move", args=[three[1].pk])
    assert client.post(address, {"to": "champion", "reason": "x"}).status_code == 302
    admin_client.post(address, {"to": "champion", "reason": ""})
    assert states()[2] == "challenger"

    admin_client.post(address, {"to": "champion", "reason": "It calls whom we want"})

    assert states() == {1: "retired", 2: "champion", 3: "challenger"}
    card = reverse("admin:scoring_modelversion_change", args=[three[1].pk])
    found = admin_client.get(card).content.decode()
    assert "Roll back to the one before" in found
    assert "It calls whom we want" in found
