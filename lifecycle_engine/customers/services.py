"""Writing customers and their identifiers, many at a time."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from django.db import transaction

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.encryption import encrypt
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.identity import visitors_merge
from lifecycle_engine.customers.models import IdentifierKind, Merge
from lifecycle_engine.customers.rows import (
    ENCRYPTED_TRAITS,
    TEXT_TRAITS,
    CustomerRow,
    Rejection,
    Traits,
    UpsertResult,
    customer_row_problem,
)

_STAGED = (
    "customer_id", "external_id", *TEXT_TRAITS, "email_hash", "phone_hash", "attributes",
    "created_at",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Identities:
    """Which customer each identifier names."""

    by_user_id: Mapping[str, int]
    by_anonymous_id: Mapping[str, int]
    #: Anonymous profiles that became part of a customer because of these names.
    merges: Sequence[Merge] = ()

    def customer_id(self, user_id: str | None, anonymous_id: str | None) -> int:
        """The customer that the user id names, or else the anonymous id."""
        if user_id is not None:
            return self.by_user_id[user_id]
        return self.by_anonymous_id[anonymous_id or ""]


def customers_upsert(*, rows: Sequence[CustomerRow]) -> UpsertResult:
    """Make or change customers by the number that the shop gave them.

    Of two rows for one customer the later one has the last word, trait by trait. A wrong row is
    refused and named; the others are written.
    """
    merged: dict[str, CustomerRow] = {}
    rejected = []
    for index, row in enumerate(rows):
        if problem := customer_row_problem(row):
            rejected.append(Rejection(index, str(row.external_id), *problem))
        elif row.external_id in merged:
            merged[row.external_id] = traits_merge(merged[row.external_id], row)
        else:
            merged[row.external_id] = row
    if not merged:
        return UpsertResult(created=0, updated=0, rejected=rejected)
    with transaction.atomic():
        _stage((None, number, row) for number, row in merged.items())
        created = sql_execute("customers", "customers_insert_staged")
        sql_execute("customers", "customers_name_staged")
        updated = sql_execute("customers", "customers_update_staged")
        sql_execute("customers", "identifiers_add_numbers", {"numbers": list(merged)})
    return UpsertResult(created=created, updated=updated, rejected=rejected)


def traits_apply(*, changes: Mapping[int, Traits]) -> int:
    """Change customers by id; returns how many there were. The traits have been checked."""
    if not changes:
        return 0
    with transaction.atomic():
        _stage((customer_id, None, traits) for customer_id, traits in changes.items())
        return sql_execute("customers", "customers_update_staged")


def traits_merge(earlier: Any, later: Traits) -> Any:
    """The earlier traits with what the later ones say instead; keeps the earlier one's class."""
    said = {
        name: value
        for name in (*TEXT_TRAITS, "created_at")
        if (value := getattr(later, name)) is not None
    }
    attributes = {**earlier.attributes, **later.attributes}
    return dataclasses.replace(earlier, attributes=attributes, **said)


def customers_resolve(*, names: Iterable[tuple[str | None, str | None]]) -> Identities:
    """The customers that pairs of (user id, anonymous id) name; unknown ones are made.

    An anonymous id that comes with a user id for the first time becomes that customer's; one that
    had a profile of its own has it merged into the customer, see ``identity``. Two
    processes that bring the same new name at once make one customer: the unique constraints decide,
    and names are entered in sorted order, so that they can't wait for each other.
    """
    # Of several user ids that come with one anonymous id, the first one gets it.
    owners: dict[str, str | None] = {}
    user_ids: set[str] = set()
    together: set[tuple[str, str]] = set()
    for user_id, anonymous_id in names:
        if user_id is not None:
            user_ids.add(user_id)
        if anonymous_id is not None:
            owners[anonymous_id] = owners.get(anonymous_id) or user_id
        if user_id is not None and anonymous_id is not None:
            together.add((anonymous_id, user_id))
    # No savepoint of its own: ingestion calls this for every request, inside its transaction.
    with transaction.atomic(savepoint=False):
        users = _users_resolve(user_ids)
        visitors = _anonymous_resolve(owners, users)
        apart = {
            (visitors[anonymous_id], users[user_id])
            for anonymous_id, user_id in together
            if visitors[anonymous_id] != users[user_id]
        }
        return Identities(users, visitors, visitors_merge(apart=apart) if apart else ())


def _users_resolve(user_ids: set[str]) -> dict[str, int]:
    known = _identifiers_known(IdentifierKind.USER_ID, user_ids)
    missing = list(user_ids - known.keys())
    if not missing:
        return known
    sql_execute("customers", "customers_create_by_number", {"numbers": missing})
    sql_execute("customers", "identifiers_add_numbers", {"numbers": missing})
    return known | _identifiers_known(IdentifierKind.USER_ID, missing)


def _anonymous_resolve(
    owners: Mapping[str, str | None], users: Mapping[str, int]
) -> dict[str, int]:
    known = _identifiers_known(IdentifierKind.ANONYMOUS_ID, owners)
    missing = [value for value in owners if value not in known]
    if not missing:
        return known
    customer_ids = [users.get(owners[value] or "") for value in missing]
    sql_execute(
        "customers", "identifiers_add_anonymous", {"values": missing, "customer_ids": customer_ids}
    )
    return known | _identifiers_known(IdentifierKind.ANONYMOUS_ID, missing)


def _identifiers_known(kind: IdentifierKind, values: Iterable[str]) -> dict[str, int]:
    wanted = list(values)
    if not wanted:
        return {}
    params = {"kind": kind.value, "values": msgspec.json.encode(wanted).decode()}
    return dict(sql_rows("customers", "identifiers_known", params))


def _stage(rows: Iterable[tuple[int | None, str | None, Traits]]) -> None:
    sql_execute("customers", "customers_stage")
    copy_rows(
        "customers_staged",
        _STAGED,
        (
            (
                customer_id,
                external_id,
                *_texts_staged(traits),
                msgspec.json.encode(traits.attributes).decode(),
                traits.created_at,
            )
            for customer_id, external_id, traits in rows
        ),
    )


def _texts_staged(traits: Traits) -> Iterator[str | None]:
    """The texts as they are stored, and the hashes of those that are encrypted."""
    for name in TEXT_TRAITS:
        value = getattr(traits, name)
        yield encrypt(value) if value is not None and name in ENCRYPTED_TRAITS else value
    for name, hashed in ENCRYPTED_TRAITS.items():
        value = getattr(traits, name)
        yield None if value is None else hashed(value)
