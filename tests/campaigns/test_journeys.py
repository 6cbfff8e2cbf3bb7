"""Documents are closed, and every mistake is named with its path and value."""

import pytest

from campaigns.errors import ActionMissingError, CampaignDocumentError
from campaigns.journeys import documents_check, documents_read, journey_sentence
from tests.factories.campaigns import EmailTemplateFactory, OfferFactory, SmsTemplateFactory, once
from tests.factories.campaigns import journey as journey_document

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _things_to_point_at():
    OfferFactory()
    EmailTemplateFactory()
    SmsTemplateFactory()


def check(*, trigger=None, journey=None, policy=None):
    return documents_check(
        trigger=trigger or once(), journey=journey or journey_document(), policy=policy or {}
    )


def problems(**documents):
    with pytest.raises(CampaignDocumentError) as caught:
        check(**documents)
    return [(problem.path, problem.value) for problem in caught.value.problems]


def test_a_good_campaign_passes_with_its_defaults():
    documents = check()
    assert documents.journey.path() == ["coupon", "mail", "text", "end"]
    assert documents.journey.message_steps() == ["mail", "text"]
    assert documents.policy.holdout == 0.1
    assert documents.policy.goal == "Order Completed"


def test_it_reads_as_sentences():
    policy = {
        "frequency_cap": {"messages": 2, "days": 7},
        "quiet_hours": {"start": "21:00", "end": "08:00"},
    }
    assert journey_sentence(check(policy=policy)) == (
        "Fires once on 2017-12-01 at 00:00 (UTC): issue a coupon of the offer “welcome-back”, send "
        "the e-mail “welcome-mail”, send the SMS “welcome-sms”, end. 10 % of the audience is held "
        "out. At most 2 messages in 7 days. Nothing is sent between 21:00 and 08:00."
    )


@pytest.mark.parametrize(
    ("policy", "path", "value"),
    [
        ({"holdout": 1}, "policy.holdout", 1),
        ({"holdout": -0.1}, "policy.holdout", -0.1),
        ({"hold_out": 0.2}, "policy.hold_out", 0.2),
        ({"purpose": "spam"}, "policy.purpose", "spam"),
        (
            {"frequency_cap": {"messages": 0, "days": 7}},
            "policy.frequency_cap.messages",
            0,
        ),
        (
            {"quiet_hours": {"start": "21:00", "end": "25:00"}},
            "policy.quiet_hours.end",
            "25:00",
        ),
        ({"max_audience_growth": 0.5}, "policy.max_audience_growth", 0.5),
    ],
)
def test_wrong_policies(policy, path, value):
    assert problems(policy=policy) == [(path, value)]


def test_quiet_hours_that_never_end_are_refused():
    same = {"start": "08:00:00", "end": "08:00:00"}
    assert problems(policy={"quiet_hours": same}) == [("policy.quiet_hours", same)]


def test_every_mistake_is_named_at_once():
    assert problems(trigger={"kind": "moon"}, policy={"goal_days": 0}) == [
        ("trigger.kind", "moon"),
        ("trigger.every", {"kind": "moon"}),
        ("trigger.time", {"kind": "moon"}),
        ("policy.goal_days", 0),
    ]


@pytest.mark.parametrize(
    ("steps", "path", "value"),
    [
        ({"a": {"action": "coupon.steal"}}, "journey.steps.a.action", "coupon.steal"),
        (
            {"a": {"action": "coupon.issue", "config": {"offer": "nothing"}}},
            "journey.steps.a.config.offer",
            "nothing",
        ),
        (
            {"a": {"action": "message.email", "config": {"template": "nothing"}}},
            "journey.steps.a.config.template",
            "nothing",
        ),
        (
            {"a": {"action": "message.sms", "config": {"template": "welcome-mail"}}},
            "journey.steps.a.config.template",
            "welcome-mail",
        ),
        (
            {
                "a": {
                    "action": "message.email",
                    "config": {"template": "welcome-mail", "recommendations": 21},
                }
            },
            "journey.steps.a.config.recommendations",
            21,
        ),
        ({"a": {"action": "exit", "config": {"why": "x"}}}, "journey.steps.a.config.why", "x"),
        ({"a": {"action": "exit"}, "b": {"action": "exit"}}, "journey.steps.a.next", "b"),
    ],
)
def test_wrong_steps(steps, path, value):
    assert problems(journey=journey_document(**steps)) == [(path, value)]


def test_a_start_that_is_no_step():
    document = journey_document() | {"start": "nowhere"}
    assert problems(journey=document) == [("journey.start", "nowhere")]


def test_a_circle():
    document = journey_document()
    document["steps"]["text"]["next"] = "coupon"
    del document["steps"]["end"]
    assert problems(journey=document) == [("journey.steps.text.next", "coupon")]


def test_a_reference_to_no_step_and_what_it_leaves_unreachable():
    document = journey_document()
    document["steps"]["text"]["next"] = "ende"
    assert problems(journey=document) == [
        ("journey.steps.text.next", "ende"),
        ("journey.steps.end", "end"),
    ]


@pytest.mark.parametrize("document", [[], "x", {}, {"start": "a", "steps": {}}])
def test_things_that_are_no_journey(document):
    with pytest.raises(CampaignDocumentError, match="journey"):
        documents_check(trigger=once(), journey=document, policy={})


def test_a_stored_journey_whose_plugin_is_gone_names_step_and_action():
    document = journey_document(a={"action": "loyalty.points"})
    with pytest.raises(ActionMissingError, match=r"“a” needs the action “loyalty\.points”"):
        documents_read(trigger=once(), journey=document, policy={})
