"""Moving customers through a journey: gates, effects, ledger, crashes and doubles."""

import threading
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection, connections
from django.db.models import Count

from campaigns.models import Arm, Campaign, CampaignState, Decision, Enrolment, Occurrence, Outcome
from campaigns.selectors import campaign_books
from campaigns.services import MAX_ATTEMPTS, campaign_fire, enrolments_advance
from lifecycle_engine.customers.identity import customers_merge
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.messaging.models import Message, MessageTemplate
from lifecycle_engine.messaging.suppressions import suppression_add
from lifecycle_engine.rewards.models import Coupon, Offer
from lifecycle_engine.sdk.actions import Action, ActionOutcome, actions
from lifecycle_engine.sdk.errors import TransientError
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.segments.models import Membership
from tests.factories.campaigns import NOW, campaign_make, consent, journey

pytestmark = pytest.mark.django_db

MAIL = {"action": "message.email", "config": {"template": "welcome-mail"}}


def fire(campaign):
    return campaign_fire(campaign_id=campaign.pk, fire_at=NOW, at=NOW)


def advance(*, at=NOW, limit=1000):
    while enrolments_advance(limit=limit, at=at):
        pass


def ledger(step):
    rows = Decision.objects.filter(step=step).values_list("outcome").annotate(Count("id"))
    return dict(rows)


def refuse(customer, channel):
    consent(customer, channel, granted=False)


class Note(Action[Config]):
    """Does nothing but remember whom it was called for."""

    key = "test.note"
    label = "Note"
    seen: list[list[int]] = []

    def execute(self, batch):
        type(self).seen.append([recipient.id for recipient in batch.recipients])
        return {
            recipient.id: ActionOutcome.acted(reference=f"note-{recipient.id}")
            for recipient in batch.recipients
        }


def test_a_whole_journey():
    campaign = campaign_make(size=20, policy={"holdout": 0.3})
    occurrence = fire(campaign)
    held = set(Enrolment.objects.filter(arm=Arm.HOLDOUT).values_list("customer_id", flat=True))
    treated = 20 - len(held)
    assert held, "the draw must hold somebody out for this test to say anything"

    advance()

    assert ledger("coupon") == {"acted": treated, "held_out": len(held)}
    assert ledger("mail") == ledger("text") == ledger("end") == {"acted": treated}
    assert Coupon.objects.count() == treated
    assert Message.objects.filter(channel="email").count() == treated
    assert Message.objects.filter(channel="sms").count() == treated
    assert not Message.objects.filter(customer_id__in=held).exists()
    assert set(Enrolment.objects.values_list("state", flat=True)) == {"done"}
    occurrence.refresh_from_db()
    assert occurrence.state == Occurrence.State.DONE
    assert Campaign.objects.get().state == CampaignState.FINISHED


def test_the_ledger_says_with_which_chance():
    campaign = campaign_make(size=30, policy={"holdout": 0.1})
    fire(campaign)
    advance()
    entry = {"treat": 0.9, "hold_out": 0.1}
    seen = set()
    for decision in Decision.objects.all():
        chance, alternatives = {
            "held_out": (0.1, entry),
            "coupon": (0.9, entry),
        }.get(
            decision.outcome if decision.outcome == "held_out" else decision.step,
            (1.0, {"treat": 1.0}),
        )
        assert (decision.probability, decision.alternatives) == (chance, alternatives)
        seen.add(chance)
    assert seen >= {0.9, 1.0}


def test_the_message_carries_the_coupon_and_the_name():
    fire(campaign_make(size=1))
    advance()
    message = Message.objects.get(channel="email")
    assert message.context["coupon"]["code"] == Coupon.objects.get().code
    assert message.context["customer"]["first_name"] == "Ada"
    assert message.context["recommendations"] == []
    assert message.campaign == "welcome"
    assert Decision.objects.get(step="mail").reference == message.dedupe_key
    assert Decision.objects.get(step="coupon").reference == Coupon.objects.get().code


def test_each_gate_leaves_its_mark_and_the_other_channel_goes_on():
    campaign = campaign_make(size=4)
    first, second, third, _fourth = Customer.objects.order_by("pk")
    refuse(first, "email")
    Customer.objects.filter(pk=second.pk).update(email="")
    suppression_add(channel="email", address=third.email, reason="complained")
    occurrence = fire(campaign)
    advance()
    assert ledger("mail") == {"no_consent": 1, "no_address": 1, "suppressed": 1, "acted": 1}
    assert ledger("text") == {"acted": 4}
    mail, _text = campaign_books(occurrence_id=occurrence.pk).steps
    assert (mail.targeted, mail.suppressed, mail.pending, mail.balanced) == (4, 3, 1, True)


def test_what_the_budget_refuses_gets_no_message_that_promises_it():
    campaign = campaign_make(size=5)
    Offer.objects.update(budget=15)
    occurrence = fire(campaign)
    advance()
    assert ledger("coupon") == {"acted": 3, "over_budget": 2}
    assert ledger("mail") == {"acted": 3}
    assert Enrolment.objects.filter(state=Enrolment.State.STOPPED).count() == 2
    assert campaign_books(occurrence_id=occurrence.pk).balanced


def test_the_cap_counts_over_steps_and_campaigns():
    cap = {"holdout": 0, "frequency_cap": {"messages": 1, "days": 7}}
    occurrence = fire(campaign_make(size=3, policy=cap))
    advance()
    assert ledger("mail") == {"acted": 3}
    assert ledger("text") == {"capped": 3}
    _mail, text = campaign_books(occurrence_id=occurrence.pk).steps
    assert (text.targeted, text.capped, text.balanced) == (3, 3, True)


@pytest.mark.parametrize("parts_first", [True, False])
def test_the_cap_counts_for_all_profiles_of_a_customer(parts_first):
    """Also for one who was merged on the way, under whichever of its names it goes on."""
    cap = {"holdout": 0, "frequency_cap": {"messages": 1, "days": 7}}
    fire(campaign_make(size=2, policy=cap, journey=journey(mail=MAIL)))
    first, second = Enrolment.objects.order_by("customer_id").values_list("customer_id", flat=True)
    Enrolment.objects.filter(customer_id=second).update(due_at=NOW + timedelta(hours=1))
    advance()
    part, into = (first, second) if parts_first else (second, first)
    customers_merge(customer_id=part, into_id=into, actor="anna")

    advance(at=NOW + timedelta(hours=1))

    assert ledger("mail") == {"acted": 1, "capped": 1}


def test_quiet_hours_put_the_same_row_off():
    quiet = {"holdout": 0, "quiet_hours": {"start": "21:00", "end": "08:00"}}
    occurrence = fire(campaign_make(size=2, policy=quiet))
    advance()
    morning = NOW + timedelta(hours=8)
    assert set(Enrolment.objects.values_list("step", "state", "due_at")) == {
        ("mail", "active", morning)
    }
    mail, text = campaign_books(occurrence_id=occurrence.pk).steps
    assert (mail.targeted, mail.deferred, mail.balanced) == (2, 2, True)
    assert (text.targeted, text.balanced) == (0, True)

    advance(at=morning)

    assert ledger("mail") == {"deferred": 2, "acted": 2}
    assert Message.objects.count() == 4
    assert Enrolment.objects.count() == 2
    assert campaign_books(occurrence_id=occurrence.pk).balanced


def test_whoever_left_the_audience_stops_only_where_asked():
    stay = {"holdout": 0, "stay_in_segment": True}
    fire(campaign_make(size=2, policy=stay))
    Membership.objects.filter(customer=Customer.objects.first()).delete()
    advance()
    assert ledger("coupon") == {"not_eligible": 1, "acted": 1}


def test_one_customers_failure_is_theirs_alone():
    class Picky(Note):
        """Fails for one customer, with the whole batch it is in."""

        key = "test.picky"

        def execute(self, batch):
            outcomes = super().execute(batch)
            if unlucky.pk in outcomes:
                raise ValueError("not this one")
            return outcomes

    with actions.temporarily(Picky):
        campaign = campaign_make(size=9, journey=journey(a={"action": "test.picky"}))
        unlucky = Customer.objects.order_by("pk")[4]
        fire(campaign)
        advance()
    assert ledger("a") == {"acted": 8, "failed": 1}
    failed = Enrolment.objects.get(state=Enrolment.State.FAILED)
    assert failed.customer == unlucky
    assert failed.error == "ValueError: not this one"


def test_an_action_that_forgets_a_customer_fails_that_one():
    class Forgetful(Note):
        """Gives no outcome for the first customer of all."""

        key = "test.forgetful"

        def execute(self, batch):
            first = min(Customer.objects.values_list("pk", flat=True))
            outcomes = super().execute(batch)
            return {key: value for key, value in outcomes.items() if key != first}

    with actions.temporarily(Forgetful):
        fire(campaign_make(size=3, journey=journey(a={"action": "test.forgetful"})))
        advance()
    assert ledger("a") == {"acted": 2, "failed": 1}


def test_a_passing_failure_is_tried_again_later_and_not_for_ever():
    class Flaky(Note):
        """Never works."""

        key = "test.flaky"

        def execute(self, batch):
            raise TransientError("come back later")

    with actions.temporarily(Flaky):
        fire(campaign_make(size=2, journey=journey(a={"action": "test.flaky"})))
        for attempt in range(1, MAX_ATTEMPTS):
            advance()
            row = Enrolment.objects.first()
            assert (row.attempts, row.state) == (attempt, "active")
            assert row.error == "come back later"
            assert not Decision.objects.exists()
            Enrolment.objects.update(lease_until=NOW)
        advance()
    assert ledger("a") == {"failed": 2}
    assert set(Enrolment.objects.values_list("state", flat=True)) == {"failed"}


def test_a_plugin_that_goes_missing_pauses_and_nobody_is_lost():
    with actions.temporarily(Note):
        fire(campaign_make(size=3, journey=journey(a={"action": "test.note"})))
    advance()
    campaign = Campaign.objects.get()
    assert campaign.state == CampaignState.PAUSED
    assert "test.note" in campaign.pause_reason
    assert set(Enrolment.objects.values_list("state", flat=True)) == {"active"}
    assert not Decision.objects.exists()


def test_a_template_that_is_gone_pauses_before_anybody_fails():
    fire(campaign_make(size=3, journey=journey(mail=MAIL)))
    MessageTemplate.objects.filter(key="welcome-mail").delete()
    advance()
    campaign = Campaign.objects.get()
    assert campaign.state == CampaignState.PAUSED
    assert "journey.steps.mail.config.template = 'welcome-mail'" in campaign.pause_reason
    assert not Decision.objects.exists()


def test_batches_are_taken_a_few_at_a_time():
    Note.seen = []
    with actions.temporarily(Note):
        fire(campaign_make(size=5, journey=journey(a={"action": "test.note"})))
        assert enrolments_advance(limit=2, at=NOW) == 2
        assert enrolments_advance(limit=2, at=NOW) == 2
        assert enrolments_advance(limit=2, at=NOW) == 1
        assert enrolments_advance(limit=2, at=NOW) == 0
    assert [len(seen) for seen in Note.seen] == [2, 2, 1]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_loses_its_database_in_the_middle_leaves_nothing_and_a_rerun_completes():
    class Severed(Note):
        """Its connection is cut while it works, the first time only."""

        key = "test.severed"
        cut = False

        def execute(self, batch):
            outcomes = super().execute(batch)
            if not type(self).cut:
                type(self).cut = True
                _backend_kill(connection.connection.info.backend_pid)
                Customer.objects.exists()
            return outcomes

    steps = journey(
        coupon={"action": "coupon.issue", "config": {"offer": "welcome-back"}},
        mail=MAIL,
        cut={"action": "test.severed"},
    )
    with actions.temporarily(Severed):
        occurrence = fire(campaign_make(size=7, journey=steps))
        enrolments_advance(limit=1000, at=NOW)
        enrolments_advance(limit=3, at=NOW)  # Three mails; four customers are still before theirs.
        with pytest.raises(OperationalError):
            advance()
        connection.close()
        assert not Decision.objects.filter(step="cut").exists()
        advance()

    assert Coupon.objects.count() == 7
    assert Message.objects.count() == 7
    assert Decision.objects.count() == 21
    books = campaign_books(occurrence_id=occurrence.pk)
    assert books.balanced
    assert books.steps[0].pending == 7


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_do_everything_once():
    occurrence = fire(campaign_make(size=40, policy={"holdout": 0.2}))
    barrier, errors = threading.Barrier(2), []

    def work():
        try:
            barrier.wait(timeout=10)
            for _round in range(60):
                enrolments_advance(limit=7, at=NOW)
        except BaseException as error:
            errors.append(error)
            raise
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    advance()

    treated = Enrolment.objects.filter(arm=Arm.TREATED).count()
    assert errors == []
    assert Coupon.objects.count() == treated
    assert Message.objects.count() == 2 * treated
    assert Decision.objects.count() == 4 * treated + (40 - treated)
    assert campaign_books(occurrence_id=occurrence.pk).balanced
    assert Decision.objects.filter(outcome=Outcome.HELD_OUT).count() == 40 - treated


def _backend_kill(pid):
    with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
