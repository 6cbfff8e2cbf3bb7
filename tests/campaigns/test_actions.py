"""The built-in actions keep the SDK's promises, and the check finds actions that don't."""

import pytest

from campaigns.actions.coupon import CouponConfig, CouponIssue
from campaigns.actions.exit import Exit
from campaigns.actions.message import EmailMessage, MessageConfig, SmsMessage
from lifecycle_engine.events.models import Product
from lifecycle_engine.messaging.models import Message
from lifecycle_engine.rewards.models import Coupon, Offer
from lifecycle_engine.scoring.models import ModelVersion, Recommendation
from lifecycle_engine.sdk.actions import (
    Action,
    ActionOutcome,
    Batch,
    OutcomeKind,
    Recipient,
    actions,
)
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.testing.actions import check_action
from tests.factories.campaigns import (
    NOW,
    EmailTemplateFactory,
    OfferFactory,
    RecipientFactory,
    SmsTemplateFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch():
    customers = RecipientFactory.create_batch(3)
    return Batch(
        campaign_key="welcome",
        campaign_name="Welcome",
        occurrence_id=7,
        step="step",
        at=NOW,
        recipients=tuple(
            Recipient(id=customer.pk, email=customer.email, context={"coupon": {"code": "A"}})
            for customer in customers
        ),
    )


def test_the_built_ins_are_registered():
    assert {"coupon.issue", "exit", "message.email", "message.sms"} <= set(actions.keys())


def test_coupon_issue_keeps_the_promises(batch):
    OfferFactory()
    check_action(CouponIssue(CouponConfig(offer="welcome-back")), batch)
    assert Coupon.objects.count() == 3


def test_coupon_issue_says_whom_the_budget_refused(batch):
    OfferFactory(budget=10)
    outcomes = CouponIssue(CouponConfig(offer="welcome-back")).execute(batch)
    kinds = [outcomes[recipient.id].kind for recipient in batch.recipients]
    assert kinds == [OutcomeKind.ACTED, OutcomeKind.ACTED, OutcomeKind.REFUSED]
    assert outcomes[batch.recipients[2].id].gate == "budget"
    assert Offer.objects.get().reserved == 10


@pytest.mark.parametrize(
    ("action", "template", "factory"),
    [
        (EmailMessage, "welcome-mail", EmailTemplateFactory),
        (SmsMessage, "welcome-sms", SmsTemplateFactory),
    ],
)
def test_messages_keep_the_promises(batch, action, template, factory):
    factory()
    check_action(action(MessageConfig(template=template)), batch)
    assert Message.objects.count() == 3
    assert set(Message.objects.values_list("channel", flat=True)) == {action.channel}


def test_a_message_shows_the_products_recommended(batch, monkeypatch):
    EmailTemplateFactory()
    Product.objects.create(sku="s1", name="Tea", price="2.50", url="https://shop.example/s1")
    customer_id = batch.recipients[0].id
    _recommend(customer_id, ["s1", "gone"])
    EmailMessage(MessageConfig(template="welcome-mail", recommendations=3)).execute(batch)
    assert Message.objects.get(customer_id=customer_id).context["recommendations"] == [
        {
            "sku": "s1",
            "name": "Tea",
            "price": "2.50",
            "url": "https://shop.example/s1",
            "reason": "often bought together",
        }
    ]


def test_exit_keeps_the_promises(batch):
    check_action(Exit(Config()), batch)


class _Broken(Action[Config]):
    """An action that breaks one promise."""

    key = "test.broken"
    label = "Broken"


class _TooFew(_Broken):
    """Forgets everybody."""

    def execute(self, batch):
        return {}


class _Different(_Broken):
    """Makes something else each time."""

    calls = 0

    def execute(self, batch):
        type(self).calls += 1
        return {
            recipient.id: ActionOutcome.acted(reference=str(self.calls))
            for recipient in batch.recipients
        }


class _NotJson(_Broken):
    """Leaves something that no row can hold."""

    def execute(self, batch):
        return {
            recipient.id: ActionOutcome.acted(context={"batch": {1: 2}})
            for recipient in batch.recipients
        }


@pytest.mark.parametrize(
    ("action", "message"),
    [(_TooFew, "outcomes for"), (_Different, "same references"), (_NotJson, "plain JSON")],
)
def test_the_check_finds_broken_promises(batch, action, message):
    with pytest.raises(AssertionError, match=message):
        check_action(action(Config()), batch)


def _recommend(customer_id, skus):
    version = ModelVersion.objects.create(
        scorer_key="recommender.next_products",
        number=1,
        as_of=NOW,
        train_seconds=1,
        rows=1,
        algorithm="none",
        artefact="none",
        sha256="0" * 64,
        plugin_version="1",
    )
    Recommendation.objects.create(
        customer_id=customer_id,
        scorer_key=version.scorer_key,
        items=[{"sku": sku, "score": 1, "reason": "often bought together"} for sku in skus],
        model_version=version,
        as_of=NOW,
    )
