import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from lifecycle_engine.customers.identity import customers_merge
from lifecycle_engine.events.models import Event
from lifecycle_engine.messaging.delivery import ATTEMPTS, Recovery, outbox_deliver, outbox_recover
from lifecycle_engine.messaging.models import Message, Suppression
from lifecycle_engine.messaging.selectors import message_books, message_counts, suppressed
from lifecycle_engine.messaging.services import QueuedMessage, QueueError, messages_queue
from lifecycle_engine.messaging.suppressions import suppression_add
from lifecycle_engine.sdk.channels import Channel, Receipt, UncertainError, channels
from lifecycle_engine.sdk.errors import PermanentError, TransientError
from tests.factories.messaging import (
    ConsentFactory,
    EmailTemplateFactory,
    ReaderFactory,
)

AT = datetime(2017, 12, 1, tzinfo=UTC)


class Recorder(Channel):
    """Remembers what it was given, and does what a test asks for."""

    key = "recorder"
    label = "Recorder"
    sent_event = "Email Sent"
    rich = True
    taken: ClassVar[list] = []
    outcome: ClassVar = None
    opening: ClassVar = None

    def address(self, customer):
        return customer.email

    @contextmanager
    def session(self):
        if self.opening:
            raise self.opening
        yield

    def send(self, rendered, *, idempotency_key):
        assert not connection.in_atomic_block
        type(self).taken.append((idempotency_key, rendered))
        outcome = type(self).outcome
        if callable(outcome):
            return outcome(idempotency_key)
        if outcome:
            raise outcome
        return Receipt(provider_id=f"p-{idempotency_key}")


@pytest.fixture(autouse=True)
def recorder(monkeypatch):
    monkeypatch.setattr(Recorder, "taken", [])
    monkeypatch.setattr(Recorder, "outcome", None)
    monkeypatch.setattr(Recorder, "opening", None)
    with channels.temporarily(Recorder):
        yield Recorder


@pytest.fixture(autouse=True)
def _no_wake_up(monkeypatch):
    monkeypatch.setattr("lifecycle_engine.messaging.services.enqueue", lambda _name: None)


def reader(**changes):
    return ReaderFactory(consents=["recorder"], **changes)


def queue(*customers, **changes):
    template = EmailTemplateFactory(key="recorded", channel="recorder")
    rows = [
        QueuedMessage(
            **(
                {
                    "customer_id": customer.pk,
                    "template_key": template.key,
                    "channel": "recorder",
                    "campaign": "winback",
                    "dedupe_key": f"winback:{customer.pk}",
                    "context": {"code": "ABC"},
                }
                | changes
            )
        )
        for customer in customers
    ]
    return messages_queue(rows=rows)


def deliver(limit=100):
    return outbox_deliver(worker="w1", limit=limit, at=AT)


@pytest.mark.django_db
class TestQueue:
    def test_each_key_is_queued_once(self):
        ada, bob = reader(), reader()
        first = queue(ada)

        second = queue(ada, bob)

        assert (first.queued, second.queued, second.duplicates) == (1, 1, 1)
        assert second.ids[f"winback:{ada.pk}"] == first.ids[f"winback:{ada.pk}"]
        assert message_counts(campaign="winback") == {"recorder": {"queued": 2}}

    def test_nothing_is_queued_when_the_caller_rolls_back(self):
        with transaction.atomic():
            queue(reader())
            transaction.set_rollback(True)

        assert not Message.objects.exists()

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"template_key": "nothing"}, "no message template 'nothing'"),
            ({"channel": "sms"}, "is for the channel 'recorder', not 'sms'"),
            ({"context": {"n": float("nan")}}, "Merge data of 'winback"),
            ({"context": {"n": object()}}, "Merge data of 'winback"),
            ({"context": {"n": "\0"}}, "NUL"),
        ],
    )
    def test_a_wrong_row_is_named_and_nothing_is_queued(self, change, told):
        with pytest.raises(QueueError, match=told):
            queue(reader(), **change)

        assert not Message.objects.exists()

    def test_one_that_is_due_later_waits(self):
        queue(reader(), due_at=timezone.now() + timedelta(hours=1))

        assert deliver() == 0


@pytest.mark.django_db(transaction=True)
class TestDeliver:
    def test_a_message_is_rendered_sent_and_put_in_the_log(self, recorder):
        ada = reader()
        (message_id,) = queue(ada).ids.values()

        assert deliver() == 1

        ((key, rendered),) = recorder.taken
        assert key == str(message_id)
        assert (rendered.to, rendered.subject) == (ada.email, "Hello Ada")
        assert rendered.text.startswith("Code ABC\nExample Shop, 1 Example Street")
        assert rendered.unsubscribe_url in rendered.html
        message = Message.objects.get()
        assert (message.state, message.provider_id, message.attempts) == ("sent", f"p-{key}", 1)
        event = Event.objects.get(name="Email Sent")
        assert (event.customer_id, event.campaign, event.occurred_at) == (ada.pk, "winback", AT)
        assert event.properties["message_id"] == key

    def test_a_message_to_a_merged_profile_goes_to_the_customer(self, recorder):
        part, ada = reader(email=""), reader()
        queue(part)
        customers_merge(customer_id=part.pk, into_id=ada.pk, actor="anna")

        assert deliver() == 1

        assert [rendered.to for _key, rendered in recorder.taken] == [ada.email]

    def test_a_suppressed_address_and_a_withdrawn_consent_stop_the_message(self, recorder):
        ada, bob, eve = reader(), reader(), reader()
        queue(ada, bob, eve)
        suppression_add(channel="recorder", address=f" {ada.email.upper()} ", reason="bounced")
        ConsentFactory(customer=bob, channel="recorder", granted=False, recorded_at=timezone.now())

        assert deliver() == 3

        assert [rendered.to for _key, rendered in recorder.taken] == [eve.email]
        reasons = dict(Message.objects.exclude(reason="").values_list("customer_id", "reason"))
        assert reasons == {
            ada.pk: "The address is suppressed.",
            bob.pk: "There is no consent.",
        }
        assert message_counts(campaign="winback") == {"recorder": {"suppressed": 2, "sent": 1}}
        assert suppressed(
            customer_ids=[ada.pk, bob.pk], channel="recorder", purpose="marketing"
        ) == {ada.pk}

    def test_an_address_that_cannot_be_written_to_fails_alone(self, recorder):
        queue(reader(email=""), reader())

        deliver()

        counts = message_counts(campaign="winback")["recorder"]
        assert counts == {"failed": 1, "sent": 1}
        failed = Message.objects.get(state="failed")
        assert (failed.reason, failed.attempts) == (
            "The customer has no address on this channel.",
            0,
        )

    def test_a_template_that_misses_data_fails_the_message_and_says_why(self):
        queue(reader(), context={})

        deliver()

        message = Message.objects.get()
        assert (message.state, message.reason) == ("failed", "Line 1: 'code' is undefined")

    def test_what_fails_for_now_is_tried_again_later(self, recorder):
        queue(reader())
        recorder.outcome = TransientError("450 busy")

        deliver()

        message = Message.objects.get()
        assert (message.state, message.attempts, message.reason) == ("queued", 1, "450 busy")
        assert message.due_at > timezone.now() + timedelta(seconds=20)
        assert deliver() == 0

    def test_tries_come_to_an_end(self, recorder):
        queue(reader())
        recorder.outcome = TransientError("450 busy")

        for _try in range(ATTEMPTS):
            Message.objects.update(due_at=timezone.now())
            assert deliver() == 1

        message = Message.objects.get()
        assert (message.state, message.reason) == ("failed", f"{ATTEMPTS}: 450 busy")
        assert len(recorder.taken) == ATTEMPTS

    @pytest.mark.parametrize(
        ("outcome", "state"),
        [(PermanentError("550 no"), "failed"), (UncertainError("timeout"), "unknown")],
    )
    def test_what_is_refused_or_open_is_not_sent_again(self, recorder, outcome, state):
        queue(reader())
        recorder.outcome = outcome

        deliver()

        message = Message.objects.get()
        assert (message.state, message.reason) == (state, str(outcome))
        assert deliver() == 0
        assert not Event.objects.filter(name="Email Sent").exists()

    def test_a_provider_that_is_away_costs_no_attempt(self, recorder):
        queue(reader(), reader())
        recorder.opening = TransientError("connection refused")

        deliver()

        assert set(Message.objects.values_list("state", "attempts", "reason")) == {
            ("queued", 0, "connection refused")
        }

    def test_a_missing_channel_costs_no_attempt_and_is_named(self):
        queue(ReaderFactory(consents=["pigeon"]))
        Message.objects.update(channel="pigeon")

        deliver()

        message = Message.objects.get()
        assert (message.state, message.attempts) == ("queued", 0)
        assert "No channel 'pigeon'" in message.reason


@pytest.mark.django_db(transaction=True)
class TestLostWorkers:
    def kill_while_sending(self, recorder, customers):
        """Die inside the provider's call, as a killed process does: nothing more is recorded."""
        queue(*customers)

        class KilledError(BaseException):
            pass

        recorder.outcome = KilledError()
        with pytest.raises(KilledError):
            deliver()
        recorder.outcome = None
        recorder.taken.clear()

    def test_only_the_message_that_was_handed_over_becomes_unknown(self, recorder):
        self.kill_while_sending(recorder, [reader() for _ in range(5)])
        assert message_counts(campaign="winback")["recorder"] == {"claimed": 4, "sending": 1}
        assert outbox_recover() == Recovery(requeued=0, unknown=0)  # The leases still run.

        Message.objects.update(lease_until=timezone.now())
        assert outbox_recover() == Recovery(requeued=4, unknown=1)
        deliver()

        assert message_counts(campaign="winback")["recorder"] == {"sent": 4, "unknown": 1}
        assert len(recorder.taken) == 4
        books = message_books(campaign="winback")["recorder"]
        assert books.balanced
        assert (books.targeted, books.sent, books.unknown, books.pending) == (5, 4, 1, 0)

    def test_a_worker_that_was_only_slow_sends_nothing_that_was_taken_from_it(self, recorder):
        queue(reader(), reader())

        def slow(_key):
            Message.objects.filter(state="claimed").update(lease_until=timezone.now())
            outbox_recover()
            return Receipt(provider_id="p")

        recorder.outcome = slow

        deliver()

        assert message_counts(campaign="winback")["recorder"] == {"sent": 1, "queued": 1}
        assert len(recorder.taken) == 1

    def test_a_worker_that_was_only_slow_may_still_say_what_happened(self, recorder):
        queue(reader())

        def slow(_key):
            Message.objects.update(lease_until=timezone.now())
            assert outbox_recover() == Recovery(requeued=0, unknown=1)
            return Receipt(provider_id="p")

        recorder.outcome = slow

        deliver()

        assert Message.objects.get().state == "sent"

    def test_what_staff_settled_meanwhile_stays(self, recorder):
        queue(reader())

        def settled(_key):
            Message.objects.update(state="delivered")
            return Receipt(provider_id="p")

        recorder.outcome = settled

        deliver()

        assert Message.objects.get().state == "delivered"
        assert not Event.objects.filter(name="Email Sent").exists()


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_send_every_message_once(recorder):
    queue(*[reader() for _ in range(30)])

    def work(number):
        try:
            while outbox_deliver(worker=f"w{number}", limit=4, at=AT):
                pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    keys = [key for key, _rendered in recorder.taken]
    assert len(keys) == len(set(keys)) == 30
    assert message_counts(campaign="winback") == {"recorder": {"sent": 30}}


@pytest.mark.django_db
def test_the_list_of_suppressions_names_nobody():
    assert suppression_add(channel="email", address="Ada@Example.com", reason="bounced")
    assert not suppression_add(channel="email", address=" ada@example.COM", reason="again")

    (entry,) = Suppression.objects.values()
    assert "ada" not in str(entry).lower().replace("address", "")
