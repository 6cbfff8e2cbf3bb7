"""The consent ledger: what comes in, what is written, and what counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.models import Consent, ConsentPurpose
from lifecycle_engine.customers.rows import Rejection, text_limits, text_problem, value_shown

_STAGED = (
    "customer_id", "channel", "purpose", "granted", "source", "text_version", "recorded_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """One entry for the consent ledger."""

    customer_id: int
    channel: str
    purpose: str
    granted: bool
    source: str
    recorded_at: datetime
    text_version: str = ""


@dataclass(frozen=True, slots=True)
class ConsentResult:
    """What became of a batch of consents."""

    recorded: int
    rejected: list[Rejection]


_LIMITS = text_limits(Consent, ("channel", "source", "text_version"))


def consent_row_problem(row: ConsentRow) -> tuple[str, str] | None:
    """The first field that is wrong and why, or None."""
    for name, limit in _LIMITS.items():
        if problem := text_problem(getattr(row, name), limit):
            return name, problem
    if row.purpose not in ConsentPurpose.values:
        return "purpose", f"wants one of {', '.join(ConsentPurpose.values)}, got {row.purpose!r}"
    if row.recorded_at.tzinfo is None:
        return "recorded_at", f"wants a time with a zone, got {value_shown(row.recorded_at)}"
    return None


def consents_record(*, rows: Sequence[ConsentRow]) -> ConsentResult:
    """Add entries to the consent ledger; an entry that is there already is not added twice.

    A wrong row, or one that names a customer who doesn't exist, is refused and named; the others
    are written.
    """
    rejected, good = [], []
    for index, row in enumerate(rows):
        if problem := consent_row_problem(row):
            rejected.append(Rejection(index, str(row.customer_id), *problem))
        else:
            good.append((index, *(getattr(row, name) for name in _STAGED)))
    if not good:
        return ConsentResult(recorded=0, rejected=rejected)
    with transaction.atomic():
        sql_execute("customers", "consents_stage")
        copy_rows("consents_staged", ("position", *_STAGED), good)
        rejected += [
            Rejection(index, str(customer_id), "customer_id", f"names nobody: {customer_id}")
            for index, customer_id in sql_rows("customers", "consents_refuse_unknown")
        ]
        recorded = sql_execute("customers", "consents_insert_staged")
    return ConsentResult(recorded=recorded, rejected=sorted(rejected, key=lambda r: r.index))


def consents_granted(
    *, customer_ids: Iterable[int], channel: str, purpose: str, at: datetime
) -> set[int]:
    """Who of the customers grants the purpose on the channel.

    The newest entry of the ledger at or before ``at`` counts; who has none does not grant.
    """
    params = {
        "customer_ids": [int(customer_id) for customer_id in customer_ids],
        "channel": channel,
        "purpose": purpose,
        "at": at,
    }
    return {customer_id for (customer_id,) in sql_rows("customers", "consents_granted", params)}


def profiling_objectors(*, at: datetime) -> set[int]:
    """Who objected to profiling at or before ``at`` and has not granted it again since."""
    return {
        customer_id for (customer_id,) in sql_rows("customers", "profiling_objectors", {"at": at})
    }
