"""Double opt-in: a consent that counts only once somebody at the address has confirmed it.

1. A request makes a pending row and an outbox message with a link, at most one row per address and
   purpose, and few messages: nobody can be flooded by having the address typed in again and again.
2. The link opens a page that asks; only its button confirms, since mail scanners follow links.
3. The confirmation and its entry of the consent ledger are one transaction; of two at once the
   second finds the work done.

A suppressed address gets no message: neither is one queued, nor does the outbox send one that was
queued before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import Max, Sum
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from lifecycle_engine.core.sql import sql_rows
from lifecycle_engine.customers.consent_texts import ConsentTextError, consent_text_keep
from lifecycle_engine.customers.consents import ConsentRow, consents_granted
from lifecycle_engine.customers.models import ConsentPurpose, ConsentText, Customer
from lifecycle_engine.customers.selectors import customers_whole
from lifecycle_engine.messaging.addresses import address_hash
from lifecycle_engine.messaging.consent_events import consents_say
from lifecycle_engine.messaging.models import MessageTemplate, OptIn, OptInState
from lifecycle_engine.messaging.preferences import Proof, Wording, user_agent_kept, wording_current
from lifecycle_engine.messaging.services import QueuedMessage, messages_queue
from lifecycle_engine.messaging.suppressions import OPT_IN, addresses_suppressed
from lifecycle_engine.sdk.channels import channels

#: How long a link is good.
LINK_DAYS = 7
#: Between two messages to one address, and how many it gets in a day.
_PAUSE = timedelta(minutes=10)
_DAY = timedelta(days=1)
_MAILS_A_DAY = 3
#: How long a request that nobody confirmed is kept after its link has run out.
_KEPT = timedelta(days=30)

#: A request whose link has run out, or that another one replaced.
GONE = "gone"

_SALT = "lifecycle_engine.messaging.opt_in"
_CHANNEL = "email"
_PURPOSE = ConsentPurpose.MARKETING.value


class OptInTokenError(Exception):
    """A link was not made by us, or it was changed on the way."""


class OptInError(Exception):
    """A double opt-in can't be started; nothing was sent or written.

    Args:
        field: what is wrong.
        message: why.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class OptInOutcome(StrEnum):
    """What came of a request."""

    SENT = "sent"
    WAITING = "waiting"
    GRANTED = "granted"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptInRequest:
    """Somebody asked to get advertising by e-mail.

    Attributes:
        source: where, such as "newsletter form".
        wording: what was agreed to. Without a text it has to be known by version and language;
            without a version it is the one that the engine would show now.
        proof: when and from where it was asked for.
    """

    customer_id: int
    source: str
    wording: Wording
    proof: Proof


def opt_in_request(request: OptInRequest) -> OptInOutcome:
    """Ask the customer's e-mail address for the confirmation of a consent to advertising.

    Returns:
        Whether a message was queued; or that one was a little while ago, that the consent is there
        already, or that the address must not be written to.

    Raises:
        OptInError: the customer is unknown or has no address, or the wording is unknown or not
            what its version stands for.
    """
    customer = _customer(request.customer_id)
    carrier = channels.get(_CHANNEL)()
    address = carrier.address(customer)
    if not address:
        raise OptInError("external_id", _("The customer has no e-mail address."))
    at = request.proof.at
    if addresses_suppressed(channel=carrier, addresses=[address], purpose=OPT_IN):
        return OptInOutcome.SUPPRESSED
    if consents_granted(customer_ids=[customer.pk], channel=_CHANNEL, purpose=_PURPOSE, at=at):
        return OptInOutcome.GRANTED
    hashed = address_hash(carrier, address)
    with transaction.atomic():
        # Whoever asks for the same address at the same moment waits here.
        sql_rows("messaging", "opt_in_lock", {"address_hash": hashed})
        if not _may_mail(hashed, at):
            return OptInOutcome.WAITING
        wording = _wording_kept(customer, request.wording)
        _mail(_pending(customer, hashed, wording, request), customer, at)
    return OptInOutcome.SENT


def opt_in_url(opt_in: OptIn) -> str:
    """The absolute link of the confirmation page."""
    signed = signing.Signer(salt=_SALT).sign_object([opt_in.pk])
    return settings.PUBLIC_URL + reverse("opt-in", args=[signed])


def opt_in_read(signed: str) -> OptIn:
    """The request that a link stands for.

    Raises:
        OptInTokenError: the signature is wrong, or the request was erased.
    """
    try:
        (opt_in_id,) = signing.Signer(salt=_SALT).unsign_object(signed)
    except signing.BadSignature as error:
        raise OptInTokenError("The link is wrong or incomplete") from error
    found = OptIn.objects.select_related("wording").filter(pk=opt_in_id).first()
    if found is None:
        raise OptInTokenError("There is no such request any more")
    return found


def opt_in_state(opt_in: OptIn, *, at: datetime) -> str:
    """``pending``, ``confirmed``, or ``gone``: run out, replaced, or the address is another now."""
    if opt_in.state == OptInState.CONFIRMED:
        return str(OptInState.CONFIRMED)
    good = (
        opt_in.state == OptInState.PENDING
        and opt_in.expires_at > at
        and _hash_now(opt_in) == opt_in.address_hash
    )
    return str(OptInState.PENDING) if good else GONE


def opt_in_confirm(*, opt_in_id: int, proof: Proof) -> str:
    """Confirm a pending request, with an entry of the ledger; returns what it is then."""
    with transaction.atomic():
        found = (
            OptIn.objects.select_for_update(of=["self"]).select_related("wording").get(pk=opt_in_id)
        )
        state = opt_in_state(found, at=proof.at)
        if state != OptInState.PENDING:
            return state
        found.state, found.confirmed_at = OptInState.CONFIRMED, proof.at
        found.save(update_fields=["state", "confirmed_at"])
        entry = ConsentRow(
            customer_id=found.customer_id,
            channel=found.channel,
            purpose=found.purpose,
            granted=True,
            source=f"double opt-in: {found.source}",
            recorded_at=proof.at,
            text_version=found.wording.version,
            text_language=found.wording.language,
            ip_address=proof.ip_address,
            user_agent=user_agent_kept(proof.user_agent),
        )
        rejected = consents_say(rows=[entry]).rejected
        if rejected:
            raise OptInError(rejected[0].field, rejected[0].message)
    return str(OptInState.CONFIRMED)


def opt_ins_sweep(*, at: datetime) -> int:
    """Delete requests that nobody confirmed in time; returns how many."""
    gone = OptIn.objects.filter(expires_at__lt=at - _KEPT)
    return gone.exclude(state=OptInState.CONFIRMED).delete()[0]


def _hash_now(opt_in: OptIn) -> str:
    """The hash of the address that the customer has now; empty for none."""
    carrier = channels.get(opt_in.channel)()
    customer = customers_whole(profile_ids=[opt_in.customer_id])[opt_in.customer_id]
    address = carrier.address(customer)
    return address_hash(carrier, address) if address else ""


def _customer(customer_id: int) -> Customer:
    customer = customers_whole(profile_ids=[customer_id]).get(customer_id)
    if customer is None or customer.erased_at is not None:
        raise OptInError("external_id", _("There is no such customer."))
    return customer


def _may_mail(hashed: str, at: datetime) -> bool:
    recent = OptIn.objects.filter(address_hash=hashed, mailed_at__gt=at - _DAY)
    figures = recent.aggregate(mails=Sum("mails"), last=Max("mailed_at"))
    mails: int = figures["mails"] or 0
    last: datetime | None = figures["last"]
    return mails < _MAILS_A_DAY and (last is None or last <= at - _PAUSE)


def _wording_kept(customer: Customer, said: Wording) -> ConsentText:
    if not said.version:
        said = wording_current(
            purpose=_PURPOSE, channel=_CHANNEL, language=said.language or customer.language
        )
    try:
        return consent_text_keep(
            purpose=_PURPOSE,
            channel=_CHANNEL,
            version=said.version,
            language=said.language,
            text=said.text,
        )
    except ConsentTextError as error:
        raise OptInError("text", str(error)) from error


def _pending(customer: Customer, hashed: str, wording: ConsentText, request: OptInRequest) -> OptIn:
    """The one pending row of the address: the one that is there, if it asks for the same."""
    at = request.proof.at
    pending = OptIn.objects.filter(address_hash=hashed, purpose=_PURPOSE, state=OptInState.PENDING)
    found = pending.filter(customer=customer, wording=wording, expires_at__gt=at).first()
    if found is not None:
        return found
    pending.update(state=OptInState.REPLACED)
    return OptIn.objects.create(
        customer=customer,
        channel=_CHANNEL,
        purpose=_PURPOSE,
        address_hash=hashed,
        wording=wording,
        source=request.source,
        requested_at=at,
        requested_ip=request.proof.ip_address or None,
        expires_at=at + timedelta(days=LINK_DAYS),
    )


def _mail(opt_in: OptIn, customer: Customer, at: datetime) -> None:
    opt_in.mails += 1
    opt_in.mailed_at, opt_in.expires_at = at, at + timedelta(days=LINK_DAYS)
    opt_in.save(update_fields=["mails", "mailed_at", "expires_at"])
    messages_queue(
        rows=[
            QueuedMessage(
                customer_id=customer.pk,
                template_key=confirmation_template(opt_in.wording.language).key,
                channel=_CHANNEL,
                campaign="",
                dedupe_key=f"opt-in:{opt_in.pk}:{opt_in.mails}",
                context={
                    "confirm_url": opt_in_url(opt_in),
                    "words": opt_in.wording.text,
                    "days": LINK_DAYS,
                },
            )
        ]
    )


def confirmation_template(language: str) -> MessageTemplate:
    """The template that asks for the confirmation; made from the one that comes along if need be.

    Staff may change it afterwards.
    """
    known = translation.get_supported_language_variant(language) if _is_known(language) else "en"
    key = f"opt-in-{_CHANNEL}-{known}"
    found = MessageTemplate.objects.filter(key=key).first()
    if found is not None:
        return found
    folder = settings.MESSAGE_TEMPLATES
    with translation.override(known):
        subject = _("Please confirm your subscription")
        name = _("Confirmation of a subscription (%(language)s)") % {"language": known}
    fresh = MessageTemplate(
        key=key,
        name=name,
        channel=_CHANNEL,
        purpose=OPT_IN,
        subject=subject,
        text=(folder / f"opt_in_email.{known}.txt.liquid").read_text(),
        html=(folder / f"opt_in_email.{known}.html.liquid").read_text(),
    )
    fresh.full_clean()
    MessageTemplate.objects.bulk_create([fresh], ignore_conflicts=True)
    return MessageTemplate.objects.get(key=key)


def _is_known(language: str) -> bool:
    try:
        translation.get_supported_language_variant(language)
    except LookupError:
        return False
    return True
