"""The suppression list: addresses that must not be written to, kept as keyed hashes.

An entry holds on one channel or on all that have such addresses, for one purpose or for whatever
purpose. It says why, by whom and since when. Lifting it leaves it in place with a second reason.
Consents don't touch it: whatever an import or a partner grants, a suppressed address gets nothing.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from lifecycle_engine.customers.models import ConsentPurpose
from lifecycle_engine.messaging.addresses import address_hash, address_hash_everywhere
from lifecycle_engine.messaging.models import Suppression
from lifecycle_engine.sdk.channels import Channel, channels

#: The purpose of templates that ask for the confirmation of a double opt-in.
OPT_IN = "opt-in"

#: Where entries come from that are the addressee's own doing, and that it may take back.
OWN_SOURCES = ("unsubscribe link", "preference centre")


class SuppressionError(Exception):
    """An entry can't be made or lifted; the message says why."""


def suppression_add(
    *,
    channel: str,
    address: str,
    reason: str,
    purpose: str = "",
    everywhere: bool = False,
    source: str = "",
    by: str = "",
) -> bool:
    """Don't write to the address any more; returns whether that is new.

    Args:
        channel: the channel whose kind of address it is.
        address: as people write it.
        reason: why, for staff.
        purpose: for which purpose only, such as "marketing"; empty for whatever purpose.
        everywhere: on every channel that has such addresses, not only on this one.
        source: what brought the entry, such as "provider".
        by: which member of staff.

    Raises:
        UnknownExtensionError: there is no such channel.
        SuppressionError: there is no address or no reason; nothing is written.
    """
    carrier = channels.get(channel)()
    if not carrier.normalise(address) or not reason.strip():
        raise SuppressionError(_("An address and a reason are needed."))
    hashed = (address_hash_everywhere if everywhere else address_hash)(carrier, address)
    return hash_suppress(
        channel="" if everywhere else channel,
        hashed=hashed,
        purpose=purpose,
        reason=reason,
        source=source,
        by=by,
    )


def hash_suppress(
    *, channel: str, hashed: str, purpose: str, reason: str, source: str = "", by: str = ""
) -> bool:
    """Suppress an address of which only the keyed hash is known; returns whether that is new."""
    _entry, fresh = Suppression.objects.get_or_create(
        channel=channel,
        address_hash=hashed,
        purpose=purpose,
        lifted_at=None,
        defaults={"reason": reason, "source": source, "added_by": by},
    )
    return fresh


def suppression_lift(*, suppression_id: int, reason: str, by: str, at: datetime) -> Suppression:
    """Take an entry back; it stays in the list with the reason.

    Raises:
        SuppressionError: there is no reason, or the entry was lifted before; nothing changes.
    """
    if not reason.strip():
        raise SuppressionError(_("Say why the suppression is lifted."))
    with transaction.atomic():
        entry = Suppression.objects.select_for_update().get(pk=suppression_id)
        if entry.lifted_at is not None:
            raise SuppressionError(_("This suppression was lifted before."))
        entry.lifted_at, entry.lifted_by, entry.lift_reason = at, by, reason.strip()
        entry.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
    return entry


def own_suppressions_lift(*, hashed: str, purpose: str, reason: str, at: datetime) -> int:
    """Lift what the addressee asked for itself, and now takes back; returns how many entries.

    What staff or a provider entered stays.
    """
    own = Suppression.objects.filter(
        address_hash=hashed, purpose=purpose, lifted_at=None, source__in=OWN_SOURCES
    )
    return own.update(lifted_at=at, lifted_by="", lift_reason=reason)


def address_suppressions(*, channel: str, address: str) -> list[Suppression]:
    """The entries that hold for an address, the newest first.

    Raises:
        UnknownExtensionError: there is no such channel.
    """
    carrier = channels.get(channel)()
    hashes = (address_hash(carrier, address), address_hash_everywhere(carrier, address))
    found = Suppression.objects.filter(address_hash__in=hashes, lifted_at=None)
    return list(found.order_by("-pk"))


def addresses_suppressed(*, channel: Channel, addresses: Iterable[str], purpose: str) -> set[str]:
    """Those of the addresses that must not be written to on the channel for the purpose."""
    hashes = {
        address: {address_hash(channel, address), address_hash_everywhere(channel, address)}
        for address in addresses
    }
    found = set(
        Suppression.objects.filter(
            address_hash__in=set().union(*hashes.values()),
            purpose__in=purposes_blocking(purpose),
            lifted_at=None,
        ).values_list("address_hash", flat=True)
    )
    return {address for address, both in hashes.items() if both & found}


def purposes_blocking(purpose: str) -> Collection[str]:
    """The purposes whose entries stop a message for the purpose.

    Who wants no advertising is not asked for its consent to it either.
    """
    return ("", purpose, *((ConsentPurpose.MARKETING.value,) if purpose == OPT_IN else ()))
