"""What is kept of a customer, said by whoever keeps it: what is exported, and what an erasure does.

An app says so in its module ``personal``, which is loaded when all apps are. A test fails for a
model that points at a customer and is not in here.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db.models import Model, Q, QuerySet

from lifecycle_engine.core.fields import EncryptedField
from lifecycle_engine.customers.models import Customer

#: What is shorter is found everywhere and says nothing.
_WORD_LENGTH = 6


class PersonalDataError(Exception):
    """A model is registered twice."""


@dataclass(frozen=True)
class Names:
    """What an erased customer was known by.

    Attributes:
        profile_ids: the customer and all profiles that were part of it.
        contacts: e-mail addresses and telephone numbers.
        identifiers: customer numbers and anonymous ids.
    """

    profile_ids: Sequence[int]
    contacts: Collection[str]
    identifiers: Collection[str]

    def found_in(self, column: str) -> Q:
        """Rows whose text holds one of the names, whichever way JSON writes it."""
        long = {word for word in self.identifiers if len(word) >= _WORD_LENGTH}
        plain = {word for word in (*self.contacts, *long) if word}
        written = {json.dumps(word)[1:-1] for word in plain}
        quoted = {json.dumps(word) for word in self.identifiers}
        quoted |= {f'"{word}"' for word in self.identifiers}
        wanted = Q(pk__in=[])
        for word in sorted(plain | written | quoted):
            wanted |= Q(**{f"{column}__icontains": word})
        return wanted


class Eraser(Protocol):
    """Removes what an app keeps in its own way, inside the transaction of the erasure."""

    def __call__(self, names: Names) -> int:
        """Remove it; returns how many rows that were. It may be called again."""


@dataclass(frozen=True)
class PersonalData:
    """The rows of one model that are about a customer."""

    model: type[Model]
    owners: Sequence[str] = ("customer",)
    blank: Mapping[str, Any] | None = None
    hidden: Collection[str] = field(default_factory=frozenset)

    def rows(self, profile_ids: Sequence[int]) -> QuerySet[Any]:
        """The rows about the profiles."""
        wanted = Q(pk__in=[])
        for owner in self.owners:
            wanted |= Q(**{f"{owner}__in": list(profile_ids)})
        return self.model._base_manager.filter(wanted)  # noqa: SLF001 - documented

    def export(self, profile_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Each row as a mapping of its columns."""
        names = [
            column.attname
            for column in self.model._meta.concrete_fields  # noqa: SLF001 - documented
            if column.name not in self.hidden
        ]
        yield from self.rows(profile_ids).order_by("pk").values(*names).iterator(chunk_size=1_000)

    def erase(self, profile_ids: Sequence[int]) -> int:
        """Delete the rows, or empty what is personal in them."""
        rows = self.rows(profile_ids)
        if self.blank is None:
            return rows.delete()[0]
        return rows.update(**self.blank) if self.blank else 0


_registered: dict[str, PersonalData] = {}
_texts: list[tuple[type[Model], str, bool]] = []
_erasers: list[Eraser] = []


def personal_data(
    model: type[Model],
    *,
    owners: Sequence[str] = ("customer",),
    blank: Mapping[str, Any] | None = None,
    hidden: Collection[str] = (),
) -> None:
    """Say that the rows of a model are about customers.

    Args:
        model: the model; its rows are exported.
        owners: the lookups that lead to a customer.
        blank: what an erasure writes into the rows. Without it they are deleted. Rows that others
            count by, such as those of money, stay and say nothing of anybody any more.
        hidden: fields that are not exported, such as secrets and what is about somebody else.

    Raises:
        PersonalDataError: the model is registered already.
    """
    label = model._meta.label_lower  # noqa: SLF001 - documented
    if label in _registered:
        raise PersonalDataError(f"{label} is registered already")
    _registered[label] = PersonalData(model, owners, blank, frozenset(hidden))


def personal_text(model: type[Model], column: str, *, drop: bool = False) -> None:
    """Say that a text may hold names of customers, such as an error: it is emptied on an erasure.

    Args:
        model: the model.
        column: its column.
        drop: whether the whole row goes.
    """
    _texts.append((model, column, drop))


def eraser(function: Eraser) -> Eraser:
    """Register what removes what an app keeps in its own way; call it as a decorator."""
    _erasers.append(function)
    return function


def personal_data_registered() -> Mapping[str, PersonalData]:
    """What is registered, by the label of the model."""
    return dict(_registered)


def customer_export(
    *, profile_ids: Sequence[int]
) -> Iterator[tuple[str, Callable[[], Iterator[Any]]]]:
    """All that is kept of a customer: sections by name, each with what yields its rows."""
    yield "customers.customer", lambda: _customers(profile_ids)
    for label, data in sorted(_registered.items()):
        yield label, lambda data=data: data.export(profile_ids)  # type: ignore[misc]


def rows_erase(*, names: Names) -> int:
    """Delete or empty all that is registered, inside the caller's transaction; returns the rows."""
    touched = sum(remove(names) for remove in _erasers)
    touched += sum(data.erase(names.profile_ids) for data in _registered.values())
    for model, column, drop in _texts:
        rows = model._base_manager.filter(names.found_in(column))  # noqa: SLF001 - documented
        touched += rows.delete()[0] if drop else rows.update(**{column: ""})
    return touched


def _customers(profile_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    names = [
        column.attname
        for column in Customer._meta.concrete_fields  # noqa: SLF001 - documented
        if not column.name.endswith("_hash") or isinstance(column, EncryptedField)
    ]
    yield from Customer.objects.filter(pk__in=profile_ids).order_by("pk").values(*names)
