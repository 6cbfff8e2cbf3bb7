"""Importing customers, products and consents: row by row into the services that write them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from lifecycle_engine.customers.consents import ConsentRow, consents_record
from lifecycle_engine.customers.models import Identifier, IdentifierKind
from lifecycle_engine.customers.rows import CustomerRow, Rejection
from lifecycle_engine.customers.services import customers_upsert
from lifecycle_engine.events.attribute_log import attributes_learn_imported
from lifecycle_engine.events.catalogue import products_upsert
from lifecycle_engine.events.imports.cells import (
    CellError,
    amount_read,
    count_read,
    flag_read,
    object_cell_read,
    text_read,
    time_read,
    value_read,
)
from lifecycle_engine.events.imports.chunks import Chunk, Place, Refusal, Table, refusal
from lifecycle_engine.events.imports.writers import Written
from lifecycle_engine.events.rows import ProductRow

_Row = TypeVar("_Row")
_Values = Mapping[str, Any]

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "created_at": time_read,
    "recorded_at": time_read,
    "expires_at": time_read,
    "granted": flag_read,
    "available": flag_read,
    "price": amount_read,
    "stock": count_read,
    "attributes": object_cell_read,
}


class _FieldError(Exception):
    """A field of a row is wrong."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Prepared(Generic[_Row]):
    """Rows as their service takes them, each with its number and what was read, and the others."""

    rows: list[tuple[int, _Row, _Values]]
    refused: list[Refusal]


class RowWriter(Generic[_Row]):
    """Reads the rows of a file one by one.

    Args:
        mapping: the field of each column.
    """

    required: tuple[str, ...] = ()

    def __init__(self, *, mapping: Mapping[str, str]) -> None:
        self._mapping = mapping

    def prepare(self, chunk: Chunk) -> Prepared[_Row]:
        """Read the cells of the rows."""
        found, refused = chunk.read()
        prepared: Prepared[_Row] = Prepared([], [*chunk.refused, *refused])
        for number, values in found:
            try:
                prepared.rows.append((number, self._row(self._said(values)), values))
            except _FieldError as error:
                prepared.refused.append(refusal(number, error.name, str(error), values))
        return prepared

    def _row(self, said: dict[str, Any]) -> _Row:
        """The row as its service takes it, of the fields that say something."""
        raise NotImplementedError

    def _said(self, values: _Values) -> dict[str, Any]:
        said: dict[str, Any] = {}
        single: dict[str, Any] = {}
        for column, name in self._mapping.items():
            value = values.get(column)
            if value is None or value == "":
                continue
            if name.startswith("attributes."):
                single[name.removeprefix("attributes.")] = value_read(value)
                continue
            try:
                said[name] = _READERS.get(name, text_read)(value)
            except CellError as error:
                raise _FieldError(name, str(error)) from None
        if single:
            said["attributes"] = said.get("attributes", {}) | single
        for name in self.required:
            if name not in said:
                raise _FieldError(name, "is missing")
        return said


class CustomerWriter(RowWriter[CustomerRow]):
    """Makes and changes customers.

    Args:
        mapping: the field of each column.
        source: who said what the file says of attributes.
        at: when that was.
    """

    required = ("external_id",)

    def __init__(self, *, mapping: Mapping[str, str], source: str, at: datetime) -> None:
        super().__init__(mapping=mapping)
        self._source = source
        self._at = at

    def write(self, prepared: Prepared[CustomerRow]) -> Written:
        """Write the customers; of two rows for one the later one has the last word."""
        result = customers_upsert(rows=[row for _, row, _ in prepared.rows])
        refused = {rejection.index for rejection in result.rejected}
        attributes_learn_imported(
            documents=[
                row.attributes
                for index, (_number, row, _values) in enumerate(prepared.rows)
                if index not in refused
            ],
            source=self._source,
            at=self._at,
        )
        return _written(prepared, result.rejected, created=result.created, updated=result.updated)

    def _row(self, said: dict[str, Any]) -> CustomerRow:
        return CustomerRow(**said)


class ProductWriter(RowWriter[ProductRow]):
    """Makes and replaces products of the catalogue."""

    required = ("sku", "name")

    def write(self, prepared: Prepared[ProductRow]) -> Written:
        """Write the products; of two rows for one the later one counts."""
        result = products_upsert(rows=[row for _, row, _ in prepared.rows])
        return _written(prepared, result.rejected, created=result.created, updated=result.updated)

    def _row(self, said: dict[str, Any]) -> ProductRow:
        return ProductRow(**said)


def skus_there(table: Table, *, column: str) -> tuple[set[str], int]:
    """The SKUs that a file names, also those of rows that are refused; and how many name none.

    Args:
        table: the file.
        column: the one of the SKU.
    """
    there: set[str] = set()
    unread = 0
    for chunk in table.chunks(Place(columns=[column])):
        rows, refused = chunk.read()
        unread += len(refused) + len(chunk.refused)
        for _, row in rows:
            try:
                there.add(text_read(row.get(column)))
            except CellError:
                unread += 1
    return there, unread


@dataclass(frozen=True, slots=True)
class _NamedConsent:
    """A consent of a customer who is named by number."""

    external_id: str
    said: dict[str, Any]


class ConsentWriter(RowWriter[_NamedConsent]):
    """Adds entries to the consent ledger.

    Args:
        mapping: the field of each column.
        source: where an entry comes from that names no source.
    """

    required = ("external_id", "purpose", "granted", "recorded_at")

    def __init__(self, *, mapping: Mapping[str, str], source: str, at: datetime) -> None:
        super().__init__(mapping=mapping)
        self._source = source
        self._at = at

    def write(self, prepared: Prepared[_NamedConsent]) -> Written:
        """Write the entries of customers who are known."""
        wanted = {row.external_id for _, row, _ in prepared.rows}
        ids = dict(
            Identifier.objects.filter(kind=IdentifierKind.USER_ID, value__in=wanted).values_list(
                "value", "customer_id"
            )
        )
        known: Prepared[ConsentRow] = Prepared([], list(prepared.refused))
        for number, row, values in prepared.rows:
            customer_id = ids.get(row.external_id)
            if customer_id is None:
                message = f"names nobody: {row.external_id}"
                known.refused.append(refusal(number, "external_id", message, values))
            else:
                known.rows.append((number, ConsentRow(customer_id=customer_id, **row.said), values))
        result = consents_record(rows=[row for _, row, _ in known.rows])
        return _written(known, result.rejected, created=result.recorded, updated=0)

    def _row(self, said: dict[str, Any]) -> _NamedConsent:
        if said["recorded_at"] > self._at:
            raise _FieldError("recorded_at", f"is in the future: {said['recorded_at']}")
        entry = {"channel": "", "source": self._source} | said
        return _NamedConsent(entry.pop("external_id"), entry)


def _written(
    prepared: Prepared[Any], rejected: Sequence[Rejection], *, created: int, updated: int
) -> Written:
    """What became of the rows, once their service has told which it refuses."""
    refused = [
        refusal(
            prepared.rows[rejection.index][0],
            rejection.field,
            rejection.message,
            prepared.rows[rejection.index][2],
        )
        for rejection in rejected
    ]
    return Written(
        created=created,
        updated=updated,
        unchanged=len(prepared.rows) - created - updated - len(refused),
        refused=[*prepared.refused, *refused],
    )
