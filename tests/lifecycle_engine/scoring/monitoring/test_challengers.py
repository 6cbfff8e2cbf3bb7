"""Versions that wait are judged beside the champion, on what they had not seen."""

from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse
from django.utils import translation

from lifecycle_engine.console.monitoring_page import standing_shown
from lifecycle_engine.scoring.check_models import ModelCheck
from lifecycle_engine.scoring.models import ModelVersion, Score, ScorerSetting
from lifecycle_engine.scoring.monitoring.selectors import challenges_of, standings
from lifecycle_engine.scoring.monitoring.uses import use_open, use_set
from lifecycle_engine.scoring.use_models import Use, UseCause
from lifecycle_engine.scoring.versions import model_move
from tests.factories.scoring_runs import AS_OF, KEY, Echo, champion, days

pytestmark = pytest.mark.django_db(transaction=True)
KNOWN = 31


def waiting(*, factor, number=2, state="shadow", as_of=AS_OF):
    """A version that says so many times the days; the champion says twice, and that is true."""
    before = dict(ModelVersion.objects.values_list("pk", "state"))
    version = champion(factor=factor, number=number)
    for pk, held in {version.pk: state, **before}.items():
        ModelVersion.objects.filter(pk=pk).update(state=held)
    ModelVersion.objects.filter(pk=version.pk).update(as_of=as_of)
    version.refresh_from_db()
    return version


def challenge(version):
    return ModelCheck.objects.get(kind="challenger", challenger=version)


def test_a_shadow_is_judged_on_the_same_customers_once_outcomes_are_known(in_use):
    shadow = waiting(factor=1.5)
    in_use.run()
    in_use.check(day=KNOWN - 1)
    assert not ModelCheck.objects.filter(kind="challenger").exists()

    in_use.check(day=KNOWN)

    figures = challenge(shadow).figures
    days_away = days(1, in_use.ids)
    truth = np.array([in_use.outcome[one] for one in in_use.ids])
    assert figures["customers"] == 120
    assert figures["metric"]["name"] == "mae"
    assert figures["metric"]["model"] == pytest.approx(np.abs(1.5 * days_away - truth).mean())
    assert figures["metric"]["baseline"] == pytest.approx(np.abs(2 * days_away - truth).mean())
    assert figures["baseline"]["baseline"] == pytest.approx(np.abs(days_away + 1 - truth).mean())
    assert figures["verdict"] == "worse"
    assert figures["metric"]["low"] > 0
    assert Score.objects.filter(model_version=shadow).count() == 0


def test_a_better_shadow_is_said_to_be_and_nothing_is_promoted_by_it(in_use):
    shadow = waiting(factor=1.5)
    in_use.run()
    in_use.outcome = dict(zip(in_use.ids, 1.5 * days(1, in_use.ids), strict=True))

    in_use.check(day=KNOWN)

    check = challenge(shadow)
    assert (check.figures["verdict"], check.state, check.findings) == ("better", "ok", [])
    assert ModelVersion.objects.get(state="champion").number == 1
    (standing,) = standings(at=AS_OF, scorer_key=KEY)
    (told,) = standing.as_json()["challengers"]
    assert (told["model"], told["state"], told["champion"]) == (2, "shadow", 1)
    with translation.override("en"):
        assert "Look at the card of #2" in " ".join(standing_shown(standing)["next"])


def test_one_that_says_the_same_can_not_be_told_apart(in_use):
    shadow = waiting(factor=2.0)
    in_use.run()

    in_use.check(day=KNOWN)

    assert challenge(shadow).figures["verdict"] == "same"


def test_who_has_seen_the_window_wants_other_features_or_is_retired_is_not_judged(in_use):
    waiting(factor=1.0, number=2, as_of=AS_OF + timedelta(days=1))
    waiting(factor=1.0, number=3, state="retired")
    other = waiting(factor=1.0, number=4, state="challenger")
    ModelVersion.objects.filter(pk=other.pk).update(features=["orders_total"])
    in_use.run()

    in_use.check(day=KNOWN)

    assert not ModelCheck.objects.filter(kind="challenger").exists()


def test_the_shadow_and_the_newest_challenger_are_judged_once_each(in_use):
    shadow = waiting(factor=1.5)
    waiting(factor=3.0, number=3, state="challenger")
    newest = waiting(factor=4.0, number=4, state="challenger")
    in_use.run()

    for _ in range(2):
        in_use.check(day=KNOWN)

    judged = ModelCheck.objects.filter(kind="challenger").values_list("challenger", flat=True)
    assert sorted(judged) == [shadow.pk, newest.pk]


def test_one_that_becomes_the_shadow_later_is_judged_on_the_run_that_is_known(in_use):
    version = waiting(factor=1.5, state="retired")
    in_use.run()
    in_use.check(day=KNOWN)
    model_move(version_id=version.pk, to="shadow", reason="Have a look", by="anna")

    in_use.check(day=KNOWN)

    assert challenge(version).run.as_of == AS_OF


def test_the_champion_stays_in_the_comparison_while_its_baseline_is_published(in_use):
    shadow = waiting(factor=1.5)
    why = {"reason": "Wait and see", "by": "anna"}
    use_set(scorer_key=KEY, use=Use.BASELINE, cause=UseCause.HAND, **why)
    in_use.run()

    in_use.check(day=KNOWN)

    truth = np.array([in_use.outcome[one] for one in in_use.ids])
    said = 2 * days(1, in_use.ids)
    metric = challenge(shadow).figures["metric"]
    assert metric["baseline"] == pytest.approx(np.abs(said - truth).mean())
    assert not ModelCheck.objects.filter(kind="outcomes").exists()


def test_a_challenger_that_fails_does_not_keep_the_champion_from_its_check(in_use, monkeypatch):
    shadow = waiting(factor="twice")
    in_use.run()
    monkeypatch.setattr(
        *(Echo, "judged"),
        lambda self, frame: frame["recency_days"] * (np.nan if self.factor == "twice" else 2.0),
    )

    in_use.check(day=KNOWN)

    assert challenge(shadow).figures["error"] == "ScorerOutputError"
    assert ModelCheck.objects.get(kind="outcomes").state == "ok"


def test_a_scorer_in_shadow_mode_is_judged_by_outcomes_and_falls_back_from_nothing(in_use):
    ScorerSetting.objects.create(key=KEY, mode="shadow")
    in_use.run()
    assert not Score.objects.exists()
    in_use.outcome = dict(zip(in_use.ids, days(1, in_use.ids) + 1.0, strict=True))

    in_use.check(day=KNOWN)

    check = ModelCheck.objects.get(kind="outcomes")
    assert (check.figures["customers"], check.state) == (120, "breach")
    truth = days(1, in_use.ids) + 1.0
    expected = np.abs(2 * days(1, in_use.ids) - truth).mean()
    assert check.figures["metric"]["model"] == pytest.approx(expected)
    assert use_open(scorer_key=KEY) is None
    (standing,) = standings(at=AS_OF, scorer_key=KEY)
    assert (standing.mode, standing.outcomes) == ("shadow", [check.figures])


def test_what_was_never_published_is_not_made_again_by_a_model_that_has_seen_it(in_use):
    ScorerSetting.objects.create(key=KEY, mode="shadow")
    ModelVersion.objects.update(as_of=AS_OF + timedelta(days=1))
    in_use.run()

    in_use.check(day=KNOWN)

    assert not ModelCheck.objects.exclude(kind="freshness").exists()


@pytest.mark.parametrize(
    ("language", "said"), [("en", "would have been worse"), ("zh-hans", "本会更差")]
)
def test_staff_read_it_under_monitoring_and_on_the_card(in_use, admin_client, language, said):
    shadow = waiting(factor=1.5)
    in_use.run()
    in_use.check(day=KNOWN)
    admin_client.cookies["django_language"] = language

    card = reverse("admin:scoring_modelversion_change", args=[shadow.pk])
    pages = [admin_client.get(one).content.decode() for one in (reverse("monitoring"), card)]

    assert all(said in page for page in pages)
    assert card in pages[0]
    assert challenges_of(version=shadow)[0]["verdict"] == "worse"
