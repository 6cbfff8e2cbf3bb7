"""Emptying the outbox: claim, hand over, record; and what follows when a worker is lost.

``queued`` → ``claimed`` → ``sending`` → ``sent`` and the other ends. Three short transactions, and
none of them is open while a provider is being talked to:

1. The claim takes a small batch under a lease and drops what must not be sent any more.
2. The hand-over moves one message to ``sending``, and only if the claim still holds, just before
   its provider is called.
3. The record writes what the provider said, with the event for the log.

So a worker that is killed leaves at most one message whose fate is open. Its lease runs out, and it
becomes ``unknown``: it is never sent again by itself. The rest of its batch was not handed over and
goes back to the queue. A worker that was only slow finds its claim gone and sends nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from itertools import groupby
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.consents import consents_granted
from lifecycle_engine.customers.models import ConsentPurpose
from lifecycle_engine.customers.selectors import customers_whole
from lifecycle_engine.events.rows import EngineEvent
from lifecycle_engine.events.services import events_record
from lifecycle_engine.messaging.addresses import address_hash
from lifecycle_engine.messaging.models import Message, MessageState
from lifecycle_engine.messaging.preference_links import preferences_url
from lifecycle_engine.messaging.rendering import TemplateError, template_render
from lifecycle_engine.messaging.selectors import customers_suppressed
from lifecycle_engine.messaging.unsubscribe import UnsubscribeToken, unsubscribe_url
from lifecycle_engine.sdk.channels import Channel, Receipt, Rendered, UncertainError, channels
from lifecycle_engine.sdk.errors import PermanentError, TransientError, UnknownExtensionError

ATTEMPTS = 6
_FIRST_WAIT = timedelta(seconds=30)
_REASON_CHARACTERS = 300


@dataclass(frozen=True)
class Recovery:
    """What came of leases that ran out."""

    requeued: int
    unknown: int


def outbox_deliver(*, worker: str, limit: int, at: datetime) -> int:
    """Claim up to ``limit`` due messages and send them; returns how many were claimed.

    Args:
        worker: who sends, for staff to see; each call makes a claim of its own.
        limit: how many at most; a claim should be worked off well within its lease.
        at: business time, for the events of the log.
    """
    claim = f"{worker[:80]}/{uuid.uuid4().hex}"
    with transaction.atomic():
        claimed, messages = _claim(claim, limit)
    for key, batch in groupby(messages, key=lambda message: message.channel):
        _batch_send(key, list(batch), claim, at)
    return claimed


def outbox_recover() -> Recovery:
    """Take leases that ran out back: unsent claims to the queue, the others to ``unknown``."""
    ((requeued, unknown),) = sql_rows("messaging", "messages_recover")
    return Recovery(requeued=requeued, unknown=unknown)


def _claim(claim: str, limit: int) -> tuple[int, list[Message]]:
    params = {"claim": claim, "limit": limit, "lease": settings.OUTBOX_LEASE}
    ids = [message_id for (message_id,) in sql_rows("messaging", "messages_claim", params)]
    found = Message.objects.filter(pk__in=ids).select_related("template")
    messages = list(found.order_by("channel", "due_at", "pk"))
    customers = customers_whole(profile_ids={message.customer_id for message in messages})
    for message in messages:
        message.recipient = customers[message.customer_id]
    stopped = dict(_stopped(messages))
    if stopped:
        sql_execute(
            "messaging",
            "messages_stop",
            {"ids": list(stopped), "reasons": list(stopped.values())},
        )
    return len(ids), [message for message in messages if message.pk not in stopped]


def _stopped(messages: list[Message]) -> Iterator[tuple[UUID, str]]:
    """Messages that must not be sent as things stand now, whatever held when they were queued."""
    for (channel, purpose), group in groupby(
        sorted(messages, key=_channel_and_purpose), key=_channel_and_purpose
    ):
        batch = list(group)
        silenced = _silenced(channel, purpose, batch)
        granted = {message.customer_id for message in batch}
        if purpose in ConsentPurpose.values:
            # By the wall clock: a consent that was withdrawn counts at once, whatever day it is
            # in a demonstration.
            granted = consents_granted(
                customer_ids=granted, channel=channel, purpose=purpose, at=timezone.now()
            )
        for message in batch:
            if message.customer_id in silenced:
                yield message.pk, _("The address is suppressed.")
            elif message.customer_id not in granted:
                yield message.pk, _("There is no consent.")


def _channel_and_purpose(message: Message) -> tuple[str, str]:
    return message.channel, message.template.purpose


def _silenced(channel: str, purpose: str, batch: list[Message]) -> set[int]:
    if channel not in channels:
        return set()
    customers = {message.customer_id: message.recipient for message in batch}
    return customers_suppressed(
        channel=channels.get(channel)(), customers=customers, purpose=purpose
    )


def _batch_send(key: str, messages: list[Message], claim: str, at: datetime) -> None:
    with ExitStack() as stack:
        try:
            channel = channels.get(key)()
            stack.enter_context(channel.session())
        except (TransientError, UnknownExtensionError) as error:
            # Nothing was handed over: no attempt is counted, however long the provider is away.
            for message in messages:
                _postpone(message, claim, str(error))
            return
        for message in messages:
            _message_send(channel, message, claim, at)


def _message_send(channel: Channel, message: Message, claim: str, at: datetime) -> None:
    try:
        rendered = _rendered(channel, message)
    except (TemplateError, PermanentError) as error:
        _end(message, claim, MessageState.FAILED, str(error))
        return
    if not _hand_over(message, claim):
        return
    try:
        receipt = channel.send(rendered, idempotency_key=str(message.pk))
    except TransientError as error:
        _retry(message, claim, str(error))
    except PermanentError as error:
        _end(message, claim, MessageState.FAILED, str(error))
    except UncertainError as error:
        _end(message, claim, MessageState.UNKNOWN, str(error))
    else:
        _sent(channel, message, claim, receipt, at)


def _rendered(channel: Channel, message: Message) -> Rendered:
    to = channel.address(message.recipient)
    if not to:
        raise PermanentError(_("The customer has no address on this channel."))
    template, context = message.template, _context(channel, message, to)
    channel.context_check(context)
    return Rendered(
        to=to,
        subject=template_render(template.subject, context).strip(),
        text=template_render(template.text, context),
        html=template_render(template.html, context, html=True),
        unsubscribe_url=context["unsubscribe_url"],
    )


def _context(channel: Channel, message: Message, to: str) -> Mapping[str, Any]:
    customer, given = message.recipient, dict(message.context)
    person = {
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "language": customer.language,
        **given.pop("customer", {}),
    }
    link = UnsubscribeToken(channel.key, address_hash(channel, to), customer.pk)
    sender_name, _address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return {
        **given,
        "customer": person,
        "unsubscribe_url": unsubscribe_url(link),
        "preferences_url": preferences_url(link, at=timezone.now()),
        "sender": {"name": sender_name, "address": settings.POSTAL_ADDRESS},
    }


def _hand_over(message: Message, claim: str) -> bool:
    """Commit that the message is about to be handed over; false when the claim is gone."""
    mine = Message.objects.filter(pk=message.pk, claim=claim, state=MessageState.CLAIMED)
    return bool(
        mine.update(
            state=MessageState.SENDING,
            attempts=F("attempts") + 1,
            lease_until=Now() + settings.OUTBOX_LEASE,
        )
    )


def _record(message: Message, held: str, **changes: Any) -> bool:
    """Write what came of a message. Also of one that had been given up as unknown meanwhile."""
    mine = Message.objects.filter(
        pk=message.pk,
        claim=held,
        state__in=[MessageState.CLAIMED, MessageState.SENDING, MessageState.UNKNOWN],
    )
    return bool(mine.update(lease_until=None, **changes))


def _end(message: Message, claim: str, state: MessageState, reason: str) -> None:
    _record(message, claim, state=state, reason=reason[:_REASON_CHARACTERS])


def _retry(message: Message, claim: str, reason: str) -> None:
    made = message.attempts + 1
    if made >= ATTEMPTS:
        _end(message, claim, MessageState.FAILED, f"{made}: {reason}")
        return
    _postpone(message, claim, reason, wait=_FIRST_WAIT * 2 ** (made - 1))


def _postpone(message: Message, claim: str, reason: str, *, wait: timedelta = _FIRST_WAIT) -> None:
    _record(
        message,
        claim,
        state=MessageState.QUEUED,
        claim="",
        due_at=Now() + wait,
        reason=reason[:_REASON_CHARACTERS],
    )


def _sent(channel: Channel, message: Message, claim: str, receipt: Receipt, at: datetime) -> None:
    with transaction.atomic():
        recorded = _record(
            message,
            claim,
            state=MessageState.SENT,
            provider_id=receipt.provider_id[:200],
            sent_at=Now(),
            reason="",
        )
        if not recorded:
            return  # Staff or the provider's report settled it first.
        event = EngineEvent(
            customer_id=message.customer_id,
            name=channel.sent_event,
            message_id=f"message-sent:{message.pk}",
            occurred_at=at,
            properties={
                "message_id": str(message.pk),
                "template": message.template.key,
                "channel": channel.key,
                "parts": receipt.parts,
            },
            campaign=message.campaign or None,
        )
        events_record(rows=[event])
