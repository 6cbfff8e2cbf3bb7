"""The books: whether they balance, and whether they say so when they don't."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import Decision, Enrolment
from campaigns.selectors import campaign_books
from campaigns.services import campaign_fire, enrolments_advance
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.messaging.models import Message, MessageState
from tests.factories.campaigns import NOW, campaign_make

pytestmark = pytest.mark.django_db


def fire_and_advance(campaign, batches=100):
    occurrence = campaign_fire(campaign_id=campaign.pk, fire_at=NOW, at=NOW)
    for _batch in range(batches):
        if not enrolments_advance(limit=1000, at=NOW):
            break
    return occurrence


@given(
    size=st.integers(0, 8),
    policy=st.fixed_dictionaries(
        {
            "holdout": st.sampled_from([0, 0.3]),
            "frequency_cap": st.sampled_from([None, {"messages": 1, "days": 1}]),
            "quiet_hours": st.sampled_from([None, {"start": "23:00", "end": "06:00"}]),
        }
    ),
    batches=st.integers(0, 6),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happened_the_books_balance(transactional_rollback, size, policy, batches, seed):
    rng = Random(seed)
    with transactional_rollback():
        campaign = campaign_make(size=size, policy=policy)
        for customer in Customer.objects.all():
            _spoil(customer, rng.choice(["", "email", "consent"]))
        occurrence = fire_and_advance(campaign, batches=batches)
        for message in Message.objects.all():
            state = rng.choice(list(MessageState))
            Message.objects.filter(pk=message.pk).update(state=state)

        books = campaign_books(occurrence_id=occurrence.pk)

        assert books.balanced
        assert books.treated + books.held_out == books.audience == size
        assert all(step.accounted == step.targeted for step in books.steps)


def test_every_state_of_the_outbox_has_its_place():
    campaign = campaign_make(size=len(MessageState))
    occurrence = fire_and_advance(campaign)
    mails = Message.objects.filter(channel="email").order_by("pk")
    for message, state in zip(mails, MessageState, strict=True):
        Message.objects.filter(pk=message.pk).update(state=state)
    mail = campaign_books(occurrence_id=occurrence.pk).steps[0]
    assert mail.balanced
    assert (mail.sent, mail.suppressed, mail.failed, mail.unknown) == (3, 1, 1, 1)
    assert mail.pending == len(MessageState) - 6


def test_a_message_without_a_decision_is_seen():
    occurrence = fire_and_advance(campaign_make(size=3))
    Decision.objects.filter(step="mail").first().delete()
    books = campaign_books(occurrence_id=occurrence.pk)
    assert not books.balanced
    assert [step.balanced for step in books.steps] == [False, True]


def test_a_decision_without_a_message_is_seen():
    occurrence = fire_and_advance(campaign_make(size=3))
    Message.objects.filter(channel="sms").first().delete()
    books = campaign_books(occurrence_id=occurrence.pk)
    assert not books.balanced
    assert [(step.balanced, step.accounted) for step in books.steps] == [(True, 3), (False, 2)]


def test_a_lost_enrolment_is_seen():
    occurrence = fire_and_advance(campaign_make(size=3))
    lost = Enrolment.objects.first()
    Decision.objects.filter(enrolment=lost).delete()
    lost.delete()
    assert not campaign_books(occurrence_id=occurrence.pk).balanced


def test_an_empty_audience_balances():
    books = campaign_books(occurrence_id=fire_and_advance(campaign_make(size=0)).pk)
    assert (books.audience, books.balanced) == (0, True)
    assert [step.targeted for step in books.steps] == [0, 0]


def _spoil(customer, what):
    if what == "email":
        Customer.objects.filter(pk=customer.pk).update(email="")
    elif what == "consent":
        Consent.objects.filter(customer=customer).delete()
