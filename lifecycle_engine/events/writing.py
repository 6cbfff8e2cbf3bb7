"""Writing the events that requests brought, those of several at a time, in one transaction."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from django.db import transaction

from lifecycle_engine.customers import services as customers
from lifecycle_engine.customers.identity import aliases_suggest
from lifecycle_engine.customers.rows import Traits
from lifecycle_engine.events.identity import identities_resolve
from lifecycle_engine.events.items import Item
from lifecycle_engine.events.log import log_write, receipts_take
from lifecycle_engine.events.rows import LogRow


class Brought(msgspec.Struct, frozen=True, gc=False):
    """What one request brings: events that are right, of one source."""

    source: str
    received_at: datetime
    items: list[Item]


@transaction.atomic
def brought_write(requests: Sequence[Brought]) -> list[int]:
    """Append the events that are new to the log; returns how many of each request that were.

    A message id that several of them bring counts for the first.
    """
    fresh = _fresh(requests)
    new = [item for items in fresh for item in items]
    if new:
        received_at = max(request.received_at for request in requests)
        names = (pair for item in new for pair in _pairs(item))
        identities = identities_resolve(names=names, at=received_at)
        _aliases_suggest(new, identities)
        _traits_apply(new, identities)
        log_write(
            LogRow(
                request.source,
                identities.customer_id(item.user_id, item.anonymous_id),
                item.message_id,
                item.name,
                item.properties,
                item.value,
                item.currency,
                item.product_sku,
                item.category,
                item.campaign,
                item.occurred_at,
                request.received_at,
                item.original_timestamp,
                item.sent_at,
            )
            for request, items in zip(requests, fresh, strict=True)
            for item in items
        )
    return [len(items) for items in fresh]


def _fresh(requests: Sequence[Brought]) -> list[list[Item]]:
    """Of each request the items that are new, the first of each message id, in the order given."""
    firsts: dict[str, dict[str, tuple[int, Item]]] = {}
    for number, request in enumerate(requests):
        of_source = firsts.setdefault(request.source, {})
        for item in request.items:
            of_source.setdefault(item.message_id, (number, item))
    received_at = max(request.received_at for request in requests)
    fresh: list[list[Item]] = [[] for _ in requests]
    # Sources in order, as message ids are in the statement, so that two writers can't wait for each
    # other.
    for source, of_source in sorted(firsts.items()):
        taken = receipts_take(source=source, message_ids=list(of_source), received_at=received_at)
        for message_id, (number, item) in of_source.items():
            if message_id in taken:
                fresh[number].append(item)
    return fresh


def _aliases_suggest(items: Sequence[Item], identities: customers.Identities) -> None:
    aliases = [
        (identities.customer_id(item.user_id, item.anonymous_id), item.also_known_as)
        for item in items
        if item.also_known_as is not None
    ]
    if aliases:
        aliases_suggest(aliases=aliases)


def _traits_apply(items: Sequence[Item], identities: customers.Identities) -> None:
    changes: dict[int, Traits] = {}
    for item in items:
        if item.traits is not None:
            customer_id = identities.customer_id(item.user_id, item.anonymous_id)
            earlier = changes.get(customer_id)
            changes[customer_id] = (
                customers.traits_merge(earlier, item.traits) if earlier else item.traits
            )
    customers.traits_apply(changes=changes)


def _pairs(item: Item) -> Iterator[tuple[str | None, str | None]]:
    """The names that the item says are one customer's, two at a time."""
    yield item.user_id, item.anonymous_id
    if item.also_known_as is not None:
        yield item.user_id, item.also_known_as
