"""Importing events: straight into the log, by Arrow and COPY."""

from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.db import DataError, transaction

from lifecycle_engine.core.bulk import copy_arrow
from lifecycle_engine.customers import services as customers
from lifecycle_engine.customers.identity import aliases_suggest
from lifecycle_engine.customers.rows import Traits
from lifecycle_engine.events.identity import identities_resolve
from lifecycle_engine.events.imports.chunks import Chunk, Refusal, refusal, rows_of
from lifecycle_engine.events.imports.event_columns import SCHEMA, columns_read, items_table
from lifecycle_engine.events.imports.event_items import ItemReader, ItemsRead
from lifecycle_engine.events.imports.ids import uuids7
from lifecycle_engine.events.imports.writers import Written
from lifecycle_engine.events.log import receipts_take
from lifecycle_engine.events.partitions import partitions_ensure

#: The user id and the anonymous id of an event.
_Pair: TypeAlias = tuple[str | None, str | None]
_COPIED = (
    "message_id", "name", "properties", "value", "currency", "product_sku", "category", "campaign",
    "occurred_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows that are right, what some of them say of customers, and the others."""

    rows: pa.Table
    traits: dict[int, Traits]
    refused: list[Refusal]


class EventWriter:
    """Writes the events of one file.

    Args:
        source: where they come from; message ids are unique within it.
        reader: reads rows one by one.
        rng: draws the ids of the events.
    """

    def __init__(self, *, source: str, reader: ItemReader, rng: np.random.Generator) -> None:
        self._source = source
        self._reader = reader
        self._rng = rng

    def prepare(self, chunk: Chunk) -> Prepared:
        """Check the rows and take out of them what has columns of its own."""
        if chunk.table is None:
            read = self._reader.documents(zip(chunk.numbers, chunk.documents, strict=True))
            return self._prepared(items_table(read.good), read, chunk)
        columns = columns_read(
            chunk.table,
            chunk.numbers,
            mapping=self._reader.mapping,
            received_at=self._reader.received_at,
            floor=self._reader.floor,
            message_id=self._reader.message_id,
        )
        if not columns.odd:
            return self._prepared(columns.good, ItemsRead(), chunk)
        odd = rows_of(chunk.table.take(columns.odd))
        numbers = [chunk.numbers[place] for place in columns.odd]
        read = self._reader.rows(zip(numbers, odd, strict=True))
        rows = pa.concat_tables([columns.good, items_table(read.good)])
        return self._prepared(rows.sort_by("row"), read, chunk)

    def write(self, prepared: Prepared) -> Written:
        """Append the events that are new to the log."""
        partitions_ensure(months=_months(prepared.rows))
        created, refused = self._written(prepared.rows, prepared.traits)
        return Written(
            created=created,
            unchanged=prepared.rows.num_rows - created - len(refused),
            refused=[*prepared.refused, *refused],
        )

    def _prepared(self, rows: pa.Table, read: ItemsRead, chunk: Chunk) -> Prepared:
        return Prepared(rows, read.traits, [*chunk.refused, *read.refused])

    def _written(self, rows: pa.Table, traits: dict[int, Traits]) -> tuple[int, list[Refusal]]:
        """How many were new, and those that the database refused after all.

        Half by half the one is found that stops the others: not all that is JSON is a jsonb.
        """
        if not rows.num_rows:
            return 0, []
        try:
            with transaction.atomic():
                return self._appended(rows, traits), []
        except DataError as error:
            if rows.num_rows == 1:
                (row,) = rows_of(rows)
                reason = str(error).partition("\n")[0]
                return 0, [refusal(row["row"], "row", f"can't be stored: {reason}", _said(row))]
        half = rows.num_rows // 2
        created, refused = self._written(rows.slice(0, half), traits)
        more, refused_too = self._written(rows.slice(half), traits)
        return created + more, refused + refused_too

    def _appended(self, rows: pa.Table, traits: dict[int, Traits]) -> int:
        received_at = self._reader.received_at
        fresh = _firsts(rows)
        message_ids = fresh["message_id"].to_pylist()
        taken = receipts_take(source=self._source, message_ids=message_ids, received_at=received_at)
        if len(taken) < fresh.num_rows:
            fresh = fresh.filter(pa.array([known in taken for known in message_ids]))
        if not fresh.num_rows:
            return 0
        customer_ids = _customer_ids(fresh, received_at)
        if traits:
            _traits_apply(fresh, customer_ids, traits)
        copy_arrow("events_event", self._log_rows(fresh, customer_ids, received_at))
        return int(fresh.num_rows)

    def _log_rows(self, rows: pa.Table, customer_ids: list[int], received_at: datetime) -> pa.Table:
        count = rows.num_rows
        return pa.table(
            {
                "id": uuids7(count=count, at=received_at, rng=self._rng),
                "source": pa.repeat(self._source, count),
                "customer_id": pa.array(customer_ids, pa.int64()),
                **{name: rows[name] for name in _COPIED},
                "received_at": pa.repeat(
                    pa.scalar(received_at, SCHEMA.field("occurred_at").type), count
                ),
            }
        )


def _firsts(rows: pa.Table) -> pa.Table:
    """The first row of each message id, in their order."""
    codes = rows["message_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, places = np.unique(codes, return_index=True)
    return rows if len(places) == rows.num_rows else rows.take(np.sort(places))


def _customer_ids(rows: pa.Table, received_at: datetime) -> list[int]:
    """Whose the events are; customers that nobody knows yet are made."""
    pairs = list(zip(rows["user_id"].to_pylist(), rows["anonymous_id"].to_pylist(), strict=True))
    # Each pair once: a chunk has many events of few customers.
    different = dict.fromkeys(pairs)
    aliases = _aliases(rows, pairs)
    names = chain(different, ((user_id, alias) for (user_id, _), alias in aliases))
    identities = identities_resolve(names=names, at=received_at)
    ids = {pair: identities.customer_id(*pair) for pair in different}
    if aliases:
        aliases_suggest(aliases=[(ids[pair], alias) for pair, alias in aliases])
    return [ids[pair] for pair in pairs]


def _aliases(rows: pa.Table, pairs: list[_Pair]) -> list[tuple[_Pair, str]]:
    """Other names that items of the Segment specification say somebody has."""
    if rows["also_known_as"].null_count == rows.num_rows:
        return []
    names = rows["also_known_as"].to_pylist()
    return [(pair, name) for pair, name in zip(pairs, names, strict=True) if name is not None]


def _traits_apply(rows: pa.Table, customer_ids: list[int], traits: dict[int, Traits]) -> None:
    changes: dict[int, Traits] = {}
    for number, customer_id in zip(rows["row"].to_pylist(), customer_ids, strict=True):
        if number in traits:
            earlier = changes.get(customer_id)
            said = traits[number]
            changes[customer_id] = customers.traits_merge(earlier, said) if earlier else said
    customers.traits_apply(changes=changes)


def _months(rows: pa.Table) -> list[datetime]:
    """A day of each month in which an event happened."""
    months = pc.unique(pc.floor_temporal(rows["occurred_at"], unit="month"))
    return list(months.to_pylist())


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "row"}
