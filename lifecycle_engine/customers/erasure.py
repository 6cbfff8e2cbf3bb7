"""Erasing a customer everywhere, and doing it again after a restore.

What is in PostgreSQL goes in one transaction. What a request that was under way wrote after it, and
what is in the columnar copy, goes soon after (``warehouse.erasure``). Of the customer an empty row
stays, so that the books of campaigns and coupons stay right; of the address a suppression, where
there was one.
"""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from lifecycle_engine.core.encryption import keyed_hash
from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.models import Customer, Identifier
from lifecycle_engine.customers.privacy import Names, rows_erase
from lifecycle_engine.customers.privacy_models import (
    Access,
    AccessAction,
    Erasure,
    ErasureState,
)
from lifecycle_engine.customers.selectors import profile_ids_of, root_ids

_PURPOSE = "lifecycle_engine.customers.erasure"
_CHECKED_AT_ONCE = 10_000


class ErasureError(Exception):
    """A customer can't be erased; nothing was."""


class ErasureLogError(Exception):
    """A line of the erasure log can't be read; the message names it."""


@transaction.atomic
def customer_erase(*, customer_id: int, actor: str, reason: str, at: datetime) -> Erasure:
    """Erase a customer with all profiles that are part of it.

    Nothing of it can be brought back. The erasure is written to the erasure log first, a file
    beside the database, so that a restored backup can be made to forget as well.

    Args:
        customer_id: the customer, or a profile of it.
        actor: who does it.
        reason: why, without naming the customer.
        at: when.

    Raises:
        ErasureError: there is no such customer, or it was erased before.
    """
    root_id = root_ids(profile_ids=[customer_id]).get(customer_id, customer_id)
    root = Customer.objects.filter(pk=root_id).select_for_update().first()
    if root is None or root.erased_at is not None:
        raise ErasureError(_("There is no customer %(number)s.") % {"number": customer_id})
    names = _names_locked(root.pk)
    erasure = Erasure(
        customer_id=root.pk,
        profile_ids=list(names.profile_ids),
        names=[],
        actor=actor,
        reason=reason,
        erased_at=at,
    )
    erasure.names = sorted(
        name_hash(kind, value)
        for kind, value in Identifier.objects.filter(customer__in=names.profile_ids).values_list(
            "kind", "value"
        )
    )
    rows_erase(names=names)
    _rows_empty(names.profile_ids, at)
    erasure.save()
    Access.objects.create(actor=actor, action=AccessAction.ERASED, customer_id=root.pk)
    # Before the commit: what is in the file and not here is erased once more, the other way round
    # a restored backup would remember.
    _log_append(erasure)
    enqueue("warehouse.erase")
    return erasure


def erasures_settled() -> list[Erasure]:
    """Erasures that the columnar copy has to follow, and that nothing writes against any more.

    Each transaction that was under way when the customer was erased is over.
    """
    params = {"state": ErasureState.ERASED.value}
    ids = [pk for (pk,) in sql_rows("customers", "erasures_settled", params)]
    return list(Erasure.objects.filter(pk__in=ids).order_by("pk"))


@transaction.atomic
def latecomers_erase(*, erasure: Erasure) -> int:
    """Remove what a request that was under way wrote of an erased customer; returns the rows."""
    return rows_erase(names=Names(erasure.profile_ids, (), ()))


def erasures_reapply(*, path: Path, actor: str, at: datetime) -> int:
    """Erase again whoever the erasure log names; for a database restored from a backup.

    A person who came back after the erasure is another customer, whose names are younger, and is
    left alone.

    Returns:
        How many customers were erased.

    Raises:
        ErasureLogError: a line of the log can't be read. Nothing was erased.
    """
    erased_at = _log_read(path)
    found = {
        identifier.customer_id
        for identifier in Identifier.objects.iterator(chunk_size=_CHECKED_AT_ONCE)
        if (last := erased_at.get(name_hash(identifier.kind, identifier.value))) is not None
        and identifier.created_at < last
    }
    roots = sorted(set(root_ids(profile_ids=found).values()))
    for customer_id in roots:
        customer_erase(customer_id=customer_id, actor=actor, reason="restored", at=at)
    return len(roots)


def name_hash(kind: str, value: str) -> str:
    """The keyed hash under which the erasure log knows an identifier."""
    return keyed_hash(_PURPOSE, f"{kind}:{value}")


def _names_locked(root_id: int) -> Names:
    """All names of a customer. No profile is merged into it, or out of it, after this."""
    profile_ids = profile_ids_of(customer_ids=[root_id])
    profiles = Customer.objects.filter(pk__in=profile_ids).order_by("pk").select_for_update()
    contacts = {value for profile in profiles for value in (profile.email, profile.phone)}
    numbers = Identifier.objects.filter(customer__in=profile_ids).values_list("value", flat=True)
    return Names(profile_ids, sorted(contacts - {""}), sorted(set(numbers)))


def _rows_empty(profile_ids: Sequence[int], at: datetime) -> None:
    Customer.objects.filter(pk__in=profile_ids).update(
        external_id=None,
        **dict.fromkeys(
            ("email", "email_hash", "phone", "phone_hash", "first_name", "last_name", "language",
             "time_zone", "country"),
            "",
        ),
        attributes={},
        merged_into=None,
        created_at=at,
        updated_at=at,
        erased_at=at,
    )  # fmt: skip


def _log_append(erasure: Erasure) -> None:
    line = {"erased_at": erasure.erased_at.isoformat(), "names": erasure.names}
    path = Path(settings.ERASURE_LOG)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        # One write: lines of two processes don't mix.
        log.write(json.dumps(line) + "\n")
        log.flush()
        os.fsync(log.fileno())


def _log_read(path: Path) -> dict[str, datetime]:
    """When each name was last erased."""
    found: dict[str, datetime] = {}
    for number, line in enumerate(_lines(path), start=1):
        try:
            entry: dict[str, Any] = json.loads(line)
            erased_at = datetime.fromisoformat(entry["erased_at"])
            names = [str(name) for name in entry["names"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ErasureLogError(f"{path}, line {number}: {error}") from None
        for name in names:
            found[name] = max(erased_at, found.get(name, erased_at))
    return found


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as log:
            yield from (line for line in log if line.strip())
    except OSError as error:
        raise ErasureLogError(f"{path}: {error}") from None
