"""Staff define what they want scores of: what is taken, what is refused, and what stays."""

import pytest

from lifecycle_engine.scoring.models import ScorerMode, ScorerSetting
from lifecycle_engine.scoring.selectors import (
    plugin_version,
    scorer_build,
    scorer_mode,
    scorer_readers,
)
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.scoring.targets.definitions import TargetError
from lifecycle_engine.scoring.targets.services import (
    Definition,
    TargetUsedError,
    target_archive,
    target_make,
)
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.segments.rules import RuleError, rule_parse
from plugins.propensity.apps import PropensityConfig
from tests.factories.segments import SegmentFactory

pytestmark = pytest.mark.django_db
BOUGHT = {"condition": "category.bought", "category": "PASTRY"}


def rule(*leaves, kind="all"):
    return {"version": 1, "rule": {kind: list(leaves)}}


def made(slug="pastry", **values):
    definition = {"name": "Buys pastry", "outcome": rule(BOUGHT), "horizon_days": 14} | values
    return target_make(
        family="propensity", slug=slug, definition=Definition(**definition), by="anna", train=False
    )


def test_a_target_is_a_scorer_at_once():
    assert "propensity.pastry" not in scorers
    target = made()
    scorer = scorer_build(scorer_key=target.key)
    assert (scorer.key, str(scorer.label), scorer.horizon_days) == (
        *("propensity.pastry", "Buys pastry", 14),
    )
    assert target.key in scorers.keys()  # noqa: SIM118 - a registry yields classes
    assert scorers.get(target.key) is type(scorer)
    assert plugin_version(scorer_key=target.key) == PropensityConfig.version
    assert scorer_mode(scorer_key=target.key) is ScorerMode.LIVE
    assert rule_parse(
        rule({"condition": "score.value", "scorer": target.key, "operator": "at_least", "value": 0})
    ).finished


def test_its_training_is_begun(django_capture_on_commit_callbacks, monkeypatch):
    sent = []
    monkeypatch.setattr(
        "lifecycle_engine.scoring.targets.services.enqueue",
        lambda name, **values: sent.append((name, values)),
    )
    target_make(
        family="propensity",
        slug="pastry",
        definition=Definition("Buys pastry", rule(BOUGHT), 14),
        by="anna",
    )
    assert sent == [("scoring.train_and_run", {"queue": "gpu", "scorer_key": "propensity.pastry"})]


def test_a_built_in_one_is_off_until_staff_switch_it_on():
    assert scorer_mode(scorer_key="purchase.next_week") is ScorerMode.OFF
    ScorerSetting.objects.create(key="purchase.next_week", mode=ScorerMode.LIVE)
    assert scorer_mode(scorer_key="purchase.next_week") is ScorerMode.LIVE


EVENT = {"condition": "event.count", "name": "Coupon Redeemed", "at_least": 1}


@pytest.mark.parametrize(
    ("values", "field", "value"),
    [
        ({"name": " "}, "name", ""),
        ({"horizon_days": 0}, "horizon_days", 0),
        ({"horizon_days": 366}, "horizon_days", 366),
        ({"horizon_days": 1.5}, "horizon_days", 1.5),
        ({"outcome": None}, "outcome.rule", None),
        ({"outcome": rule()}, "outcome", rule()),
        (
            {"outcome": rule({**EVENT, "days": 7})},
            *("outcome.rule.all[0].days", 7),
        ),
        (
            {"outcome": rule({**EVENT, "at_least": -1})},
            *("outcome.rule.all[0].at_least", -1),
        ),
        (
            {"outcome": rule({**EVENT, "where": [{"property": "x"}]})},
            *("outcome.rule.all[0].where[0].operator", {"property": "x"}),
        ),
        (
            {"outcome": rule(EVENT, {"condition": "segment.member", "segment": "all"})},
            *("outcome.rule.all[1].condition", "segment.member"),
        ),
        ({"population": "nobody"}, "population", "nobody"),
        ({"population_rule": rule(EVENT)}, "population_rule", rule(EVENT)),
        ({"population": "rule"}, "population_rule.rule", None),
        (
            {
                "population": "rule",
                "population_rule": rule(
                    {"condition": "attribute", "field": "country", "operator": "present"}
                ),
            },
            *("population_rule.rule.all[0].condition", "attribute"),
        ),
    ],
)
def test_a_bad_one_is_refused_with_field_and_value(values, field, value):
    with pytest.raises(TargetError) as refused:
        made(**values)
    assert (refused.value.field, refused.value.value) == (field, value)
    assert not Target.objects.exists()
    assert not ScorerSetting.objects.exists()


@pytest.mark.parametrize("slug", ["", "Pastry", "1st", "pas.try", "x" * 41, "pas try"])
def test_a_bad_key_is_refused(slug):
    with pytest.raises(TargetError, match="slug: must be lower-case"):
        made(slug)
    assert not Target.objects.exists()


def test_an_unknown_family_is_refused():
    with pytest.raises(TargetError, match="family: there is: propensity"):
        target_make(family="churn", slug="x", definition=Definition("X", rule(EVENT), 7), by="anna")
    assert not Target.objects.exists()


def test_a_key_is_given_once_also_after_it_was_archived():
    made()
    target_archive(key="propensity.pastry", by="ben")
    with pytest.raises(TargetError, match="was given to a target before"):
        made(name="Another", horizon_days=7)
    assert Target.objects.get().name == "Buys pastry"


def test_an_archived_one_is_off_and_keeps_its_name():
    made()
    found = target_archive(key="propensity.pastry", by="ben")
    assert (found.archived_by, found.archived_at is None) == ("ben", False)
    assert "propensity.pastry" not in scorers.keys()  # noqa: SIM118 - a registry yields classes
    assert str(scorers.get("propensity.pastry").label) == "Buys pastry"
    assert scorer_mode(scorer_key="propensity.pastry") is ScorerMode.OFF
    again = target_archive(key="propensity.pastry", by="carl")
    assert (again.archived_by, again.archived_at) == ("ben", found.archived_at)


@pytest.mark.parametrize(("key", "by"), [("propensity.none", "ben"), ("propensity.pastry", "")])
def test_archiving_wants_a_target_and_a_name(key, by):
    made()
    with pytest.raises(TargetError):
        target_archive(key=key, by=by)
    assert Target.objects.get().archived_at is None


def test_one_that_a_segment_reads_stays_in_use_until_it_does_not():
    target = made()
    score = {"condition": "score.value", "scorer": target.key, "operator": "at_least", "value": 0.5}
    inside = {"any": [{"none": [score]}, BOUGHT]}
    reader = SegmentFactory(key="keen", rule={"version": 1, "rule": inside})
    SegmentFactory(rule=rule(BOUGHT))
    SegmentFactory(rule=rule(score), state="archived")
    SegmentFactory(rule={"version": 1, "rule": {"condition": "gone", "scorer": target.key}})
    assert scorer_readers(scorer_key=target.key) == [reader]
    assert scorer_readers(scorer_key="propensity.other") == []

    with pytest.raises(TargetUsedError, match="segment 'keen' reads its scores"):
        target_archive(key=target.key, by="ben")

    assert Target.objects.get().archived_at is None
    assert scorer_mode(scorer_key=target.key) is ScorerMode.LIVE
    reader.state = "archived"
    reader.save()
    assert target_archive(key=target.key, by="ben").archived_by == "ben"


def test_one_that_can_not_be_read_any_more_leaves_the_others_alone(caplog):
    made()
    Target.objects.create(
        key="propensity.odd", name="Odd", outcome=rule({"condition": "gone"}), made_by="anna"
    )
    assert "propensity.pastry" in scorers.keys()  # noqa: SIM118 - a registry yields classes
    assert "propensity.odd" not in scorers
    assert "Target propensity.odd can't be read" in caplog.text


def test_a_rule_asks_for_a_known_score():
    asked = {"condition": "score.value", "operator": "at_least", "value": 0}
    with pytest.raises(RuleError, match=r"no scorer 'propensity.none'"):
        rule_parse(rule({**asked, "scorer": "propensity.none"}))
