"""Who is who: profiles that are one customer, put together and taken apart again.

A merge writes a row that says so and nothing else. Each profile keeps its traits, identifiers and
events, new ones go on arriving under the profile that their identifier names, and whoever reads
puts the profiles together. So an undoing loses nothing, whatever happened in between.

Of an anonymous visitor who turns out to be a customer this is done at once. Two customers whom the
shop gave numbers are merged by staff only: a tablet that a family shares would make one of many.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.customers.models import (
    Customer,
    Identifier,
    IdentifierKind,
    Merge,
    MergeCause,
    MergeSuggestion,
    SuggestionCause,
)

#: An address that more customers than this share says nothing about who they are.
SHARED_BY_AT_MOST = 5
_FOUND_AT_ONCE = 10_000


class MergeError(Exception):
    """Two profiles can't be merged, or a merge not be undone; nothing was changed."""


@transaction.atomic
def customers_merge(*, customer_id: int, into_id: int, actor: str, reason: str = "") -> Merge:
    """Make one customer part of another, as staff say.

    Args:
        customer_id: who becomes a part, with all profiles that are part of it.
        into_id: who stays. What is known of it goes before what is known of the other.
        actor: who says so.
        reason: why, for those who look at it later.

    Raises:
        MergeError: they are one already, or one of them doesn't exist or was erased.
    """
    roots = _roots_locked([customer_id, into_id])
    for wanted in (customer_id, into_id):
        if wanted not in roots:
            raise MergeError(_("There is no customer %(number)s.") % {"number": wanted})
    profile, into = roots[customer_id], roots[into_id]
    if profile.pk == into.pk:
        raise MergeError(
            _("%(part)s and %(whole)s are one customer already.")
            % {"part": customer_id, "whole": into_id}
        )
    if profile.external_id is not None and into.external_id is None:
        raise MergeError(
            _("%(whole)s has no customer number: let it become part of %(part)s.")
            % {"part": customer_id, "whole": into_id}
        )
    merge = Merge(profile=profile, into=into, cause=MergeCause.STAFF, actor=actor, reason=reason)
    _merges_write([merge])
    return merge


@transaction.atomic
def merge_undo(*, merge_id: int, actor: str, at: datetime) -> Merge:
    """Take two customers apart again: each is what it would be had they never been one.

    Raises:
        MergeError: there is no such merge, or it was undone before.
    """
    # The roots first, as merging does: of two that come at once one waits.
    found = Merge.objects.filter(pk=merge_id).values_list("profile_id", "into_id").first()
    if found is None:
        raise MergeError(_("There is no merge %(number)s.") % {"number": merge_id})
    _roots_locked(found)
    merge = Merge.objects.select_for_update().get(pk=merge_id)
    if merge.undone_at is not None:
        raise MergeError(_("The merge was undone before."))
    merge.undone_at, merge.undone_by = at, actor
    merge.save(update_fields=["undone_at", "undone_by"])
    sql_rows("customers", "merge_undo", {"profile_id": merge.profile_id})
    return merge


def visitors_merge(*, apart: Collection[tuple[int, int]]) -> list[Merge]:
    """Merge anonymous profiles into the customers whose number came with their anonymous id.

    A profile that is a known customer itself, or part of another one, stays where it is: that they
    may be one is suggested to staff.

    Args:
        apart: profiles, each with the customer that it may be.
    """
    every = {profile for pair in apart for profile in pair}
    roots_seen = _roots(every)
    if all(roots_seen.get(profile) == roots_seen.get(customer) for profile, customer in apart):
        return []  # As always after the first time: nothing is locked for it.
    roots = _roots_locked(every)
    merges: dict[int, Merge] = {}
    suggested = []
    for profile_id, customer_id in sorted(apart):
        profile, into = roots.get(profile_id), roots.get(customer_id)
        if profile is None or into is None or profile.pk == into.pk:
            continue
        if profile_id in merges:
            suggested.append((merges[profile_id].into_id, into.pk))
        elif profile.pk != profile_id or profile.external_id is not None:
            suggested.append((profile.pk, into.pk))
        else:
            merges[profile_id] = Merge(profile=profile, into=into, cause=MergeCause.SIGNED_IN)
    _merges_write(list(merges.values()))
    suggestions_add(pairs=suggested, cause=SuggestionCause.ANONYMOUS_ID)
    return list(merges.values())


def aliases_suggest(*, aliases: Sequence[tuple[int, str]]) -> int:
    """Suggest customers whose number somebody says is another customer's; returns how many.

    Args:
        aliases: customers, each with what is said to be another name of it.
    """
    numbers = Identifier.objects.filter(
        kind=IdentifierKind.USER_ID, value__in={number for _customer_id, number in aliases}
    )
    known = dict(numbers.values_list("value", "customer_id"))
    pairs = [(customer_id, known[number]) for customer_id, number in aliases if number in known]
    return suggestions_add(pairs=pairs, cause=SuggestionCause.ALIAS)


def suggestions_add(*, pairs: Sequence[tuple[int, int]], cause: SuggestionCause) -> int:
    """Suggest to staff that pairs of customers may be one; returns how many were written."""
    if not pairs:
        return 0
    ones, others = zip(*pairs, strict=True)
    params = {"ones": list(ones), "others": list(others), "cause": cause.value}
    return sql_execute("customers", "suggestions_add", params)


def suggestions_find() -> int:
    """Suggest customers who share an address or a number; returns how many pairs are new."""
    params = {"shared_by_at_most": SHARED_BY_AT_MOST, "limit": _FOUND_AT_ONCE}
    return sql_execute("customers", "suggestions_find", params)


def suggestion_dismiss(*, suggestion_id: int, actor: str, at: datetime) -> bool:
    """Say that two customers are two; returns whether nobody had said so before."""
    open_one = MergeSuggestion.objects.filter(pk=suggestion_id, dismissed_at=None)
    return bool(open_one.update(dismissed_by=actor, dismissed_at=at))


def _merges_write(merges: Sequence[Merge]) -> None:
    if not merges:
        return
    Merge.objects.bulk_create(merges)
    params = {
        "profile_ids": [merge.profile_id for merge in merges],
        "root_ids": [merge.into_id for merge in merges],
    }
    sql_execute("customers", "merges_apply", params)


def _roots_locked(profile_ids: Iterable[int]) -> dict[int, Customer]:
    """The customer that each profile is part of, locked; erased ones and strangers are left out.

    A merge that commits between the reading and the locking changes who the root is, so that it is
    read again until nothing changed.
    """
    wanted = set(profile_ids)
    while True:
        before = _roots(wanted)
        locked = {
            customer.pk: customer
            for customer in Customer.objects.filter(pk__in=set(before.values()))
            .order_by("pk")
            .select_for_update(no_key=True)
        }
        if _roots(wanted) == before:
            return {profile_id: locked[root_id] for profile_id, root_id in before.items()}


def _roots(profile_ids: Collection[int]) -> dict[int, int]:
    rows = Customer.objects.filter(pk__in=profile_ids, erased_at=None)
    return {
        profile_id: root_id or profile_id
        for profile_id, root_id in rows.values_list("pk", "merged_into_id")
    }
