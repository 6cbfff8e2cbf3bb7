"""The consent ledger: what comes in, what is written, and what counts."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.consent_texts import language_shown, wording_digest
from lifecycle_engine.customers.models import (
    PURPOSE_PATTERN,
    Consent,
    ConsentPurpose,
    ConsentText,
    Customer,
)
from lifecycle_engine.customers.rows import Rejection, text_limits, text_problem, value_shown
from lifecycle_engine.customers.selectors import profile_ids_of
from lifecycle_engine.sdk.channels import channels

_STAGED = (
    "position", "customer_id", "channel", "purpose", "granted", "source", "text_version",
    "text_language", "text", "digest", "ip_address", "user_agent", "recorded_at", "expires_at",
)  # fmt: skip
_PURPOSE = re.compile(PURPOSE_PATTERN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """One entry for the consent ledger.

    Attributes:
        purpose: marketing, profiling, sharing, or sharing with one partner: ``sharing:acme``.
        source: where it was said, such as "checkout form".
        recorded_at: when it was said.
        text_version: the version of the wording that was agreed to.
        text_language: the wording's language, such as "en" or "zh-hans".
        text: the wording itself. It need not come along each time: the engine keeps it and finds
            it again by version and language.
        expires_at: when a grant ends by itself.
        ip_address: from where it was said, where that is known.
        user_agent: with what program.
    """

    customer_id: int
    channel: str
    purpose: str
    granted: bool
    source: str
    recorded_at: datetime
    text_version: str = ""
    text_language: str = ""
    text: str = ""
    expires_at: datetime | None = None
    ip_address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class ConsentResult:
    """What became of a batch of consents."""

    recorded: int
    rejected: list[Rejection]


_LIMITS = text_limits(Consent, ("channel", "purpose", "source", "text_version", "user_agent"))
_TEXT_LIMITS = {"text_language": 12} | text_limits(ConsentText, ("text",))


def consents_record(*, rows: Sequence[ConsentRow]) -> ConsentResult:
    """Add entries to the consent ledger; an entry that is there already is not added twice.

    A wrong row, one that names a customer who doesn't exist, or one whose wording is not what its
    version stands for, is refused and named; the others are written.
    """
    rejected, good = [], []
    for index, row in enumerate(rows):
        if problem := consent_row_problem(row):
            rejected.append(Rejection(index, str(row.customer_id), *problem))
        else:
            good.append(_staged(index, row))
    if not good:
        return ConsentResult(recorded=0, rejected=rejected)
    with transaction.atomic():
        sql_execute("customers", "consents_stage")
        copy_rows("consents_staged", _STAGED, good)
        rejected += [
            Rejection(index, str(customer_id), "customer_id", f"names nobody: {customer_id}")
            for index, customer_id in sql_rows("customers", "consents_refuse_unknown")
        ]
        sql_execute("customers", "consent_texts_insert_staged")
        rejected += [
            Rejection(index, str(customer_id), "text", _other_text(version, language))
            for index, customer_id, version, language in sql_rows(
                "customers", "consents_refuse_other_text"
            )
        ]
        sql_rows("customers", "consents_lock")
        recorded = sql_execute("customers", "consents_insert_staged")
    return ConsentResult(recorded=recorded, rejected=sorted(rejected, key=lambda r: r.index))


def consent_row_problem(row: ConsentRow) -> tuple[str, str] | None:
    """The first field that is wrong and why, or None."""
    for name, limit in (_LIMITS | _TEXT_LIMITS).items():
        if problem := text_problem(getattr(row, name), limit):
            return name, problem
    if not _PURPOSE.fullmatch(row.purpose):
        wanted = "marketing, profiling, sharing or sharing:<partner>"
        return "purpose", f"wants {wanted}, got {value_shown(row.purpose)}"
    if row.channel and row.channel not in channels:
        known = ", ".join(channels.keys())
        return "channel", f"wants one of {known}, or nothing, got {value_shown(row.channel)}"
    granted: object = row.granted
    if not isinstance(granted, bool):
        return "granted", f"wants true or false, got {value_shown(granted)}"
    return _text_of_row_problem(row) or _times_problem(row) or _address_problem(row)


def _text_of_row_problem(row: ConsentRow) -> tuple[str, str] | None:
    for name in ("text_version", "text_language"):
        if row.text and not getattr(row, name):
            return name, "is missing: a text needs its version and its language"
    return None


def _times_problem(row: ConsentRow) -> tuple[str, str] | None:
    for name in ("recorded_at", "expires_at"):
        moment = getattr(row, name)
        if moment is not None and moment.tzinfo is None:
            return name, f"wants a time with a zone, got {value_shown(moment)}"
    if row.expires_at is None:
        return None
    if not row.granted:
        return "expires_at", "has no meaning: only a grant ends by itself"
    if row.expires_at <= row.recorded_at:
        return "expires_at", f"is not after recorded_at: {row.expires_at.isoformat()}"
    return None


def _address_problem(row: ConsentRow) -> tuple[str, str] | None:
    if row.ip_address:
        try:
            ip_address(row.ip_address)
        except ValueError:
            return "ip_address", f"is not an IP address: {value_shown(row.ip_address)}"
    return None


def _staged(index: int, row: ConsentRow) -> tuple[object, ...]:
    language = language_shown(row.text_language)
    digest = ""
    if row.text:
        digest = wording_digest(row.purpose, row.channel, row.text_version, language, row.text)
    return (
        *(index, row.customer_id, row.channel, row.purpose, row.granted, row.source),
        *(row.text_version, language, row.text, digest, row.ip_address or None),
        *(row.user_agent, row.recorded_at, row.expires_at),
    )


def _other_text(version: str, language: str) -> str:
    return f"is not the text that version {version!r} stands for in {language!r}"


def consents_granted(
    *, customer_ids: Iterable[int], channel: str, purpose: str, at: datetime
) -> set[int]:
    """Who of the customers grants the purpose on the channel.

    The newest entry of the ledger at or before ``at`` counts, and only while it has not expired;
    who has none does not grant.
    """
    params = {
        "customer_ids": [int(customer_id) for customer_id in customer_ids],
        "channel": channel,
        "purpose": purpose,
        "at": at,
    }
    return {customer_id for (customer_id,) in sql_rows("customers", "consents_granted", params)}


def profiling_objectors(*, at: datetime | None) -> set[int]:
    """Who objected to profiling at or before ``at`` and does not grant it since.

    With None: whoever objects as things stand now, whenever it was said. A grant that has expired
    counts for nothing, so that an objection before it stands again.
    """
    return {
        customer_id for (customer_id,) in sql_rows("customers", "profiling_objectors", {"at": at})
    }


def profiling_objectors_among(*, customer_ids: Collection[int]) -> set[int]:
    """Which of the customers object to profiling as things stand; see ``profiling_objectors``."""
    roots = {pk: pk for pk in customer_ids}
    parts = Customer.objects.filter(merged_into__in=customer_ids)
    roots |= {pk: root for pk, root in parts.values_list("pk", "merged_into_id") if root}
    entries = Consent.objects.filter(customer__in=roots, purpose=ConsentPurpose.PROFILING)
    good = entries.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
    newest: dict[int, bool] = {}
    for profile_id, granted in good.order_by("-recorded_at", "granted").values_list(
        "customer_id", "granted"
    ):
        newest.setdefault(roots[profile_id], granted)
    return {customer_id for customer_id, granted in newest.items() if not granted}


def consents_newest(*, customer_id: int, at: datetime) -> list[Consent]:
    """The entry of the ledger that counts at a time, by purpose and channel.

    Each has ``stands(at=…)``: whether it still grants.
    """
    profiles = profile_ids_of(customer_ids=[customer_id])
    entries = Consent.objects.filter(customer__in=profiles, recorded_at__lte=at)
    order = ("purpose", "channel", "-recorded_at", "granted")
    return list(entries.order_by(*order).distinct("purpose", "channel"))
