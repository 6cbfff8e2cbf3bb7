"""What customers say themselves: on the preference page, and by the unsubscribe link.

Every change is an entry of the consent ledger with its proof. Who stops advertising on a channel is
also put on the suppression list, so that no import can bring it back; who grants it again on the
page takes that off the list, but nothing that staff or a provider entered.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from lifecycle_engine.customers.consent_texts import consent_text_current, language_shown
from lifecycle_engine.customers.consents import ConsentRow, consents_newest
from lifecycle_engine.customers.models import (
    Consent,
    ConsentPurpose,
    ConsentText,
    Customer,
    purpose_words,
)
from lifecycle_engine.customers.selectors import customers_whole
from lifecycle_engine.messaging.addresses import address_hash
from lifecycle_engine.messaging.consent_events import consents_say
from lifecycle_engine.messaging.preference_links import PreferenceToken
from lifecycle_engine.messaging.suppressions import (
    OWN_SOURCES,
    address_suppressions,
    hash_suppress,
    own_suppressions_lift,
    purposes_blocking,
)
from lifecycle_engine.messaging.unsubscribe import UnsubscribeToken
from lifecycle_engine.sdk.channels import channels

_MARKETING = ConsentPurpose.MARKETING.value
_PROFILING = ConsentPurpose.PROFILING.value
_LINK, _PAGE = OWN_SOURCES
_AGENT_CHARACTERS = 400


class PreferenceError(Exception):
    """A choice could not be recorded; nothing was."""


@dataclass(frozen=True, slots=True)
class Proof:
    """When and from where something was said."""

    at: datetime
    ip_address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """What is agreed to, in one language."""

    text: str
    version: str
    language: str

    @property
    def digest(self) -> str:
        """Tells whether a page showed these words."""
        parts = "\x1f".join((self.version, self.language, self.text))
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a customer may grant or withdraw.

    Attributes:
        key: names it in the form.
        wording: what is agreed to.
        granted: whether it is so now. Profiling is so unless the customer objects.
        entry: the newest entry of the ledger, if there is one.
        expired: whether that was a grant that has ended.
        blocked: whether only staff can make it possible again.
    """

    purpose: str
    channel: str
    title: str
    wording: Wording
    granted: bool
    entry: Consent | None
    expired: bool
    blocked: bool

    @property
    def key(self) -> str:
        """Names the option in a form."""
        return f"{self.purpose}.{self.channel}".strip(".")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a form says of one option.

    Attributes:
        seen: what the page showed.
        wanted: what the customer made of it. Only what differs from ``seen`` is a change: a page
            that has been open for long must not grant again what was withdrawn elsewhere.
        wording: the digest of the words that the page showed.
    """

    seen: bool
    wanted: bool
    wording: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of a form: which options changed, and which of them could not be granted."""

    changed: list[str]
    refused: list[str]


def user_agent_kept(user_agent: str) -> str:
    """A browser's name of itself as the ledger takes it: printable and not too long."""
    return "".join(sign for sign in user_agent if sign.isprintable())[:_AGENT_CHARACTERS]


def preference_customer(token: PreferenceToken) -> Customer | None:
    """The customer whom a link stands for, or None once it has been erased."""
    customer = customers_whole(profile_ids=[token.customer_id]).get(token.customer_id)
    return None if customer is None or customer.erased_at is not None else customer


def preference_options(*, customer: Customer, at: datetime) -> list[Option]:
    """All that the customer may grant or withdraw, in words of the active language."""
    newest = {
        (entry.purpose, entry.channel): entry
        for entry in consents_newest(customer_id=customer.pk, at=at)
    }
    return [
        _option(customer, purpose, channel, newest.get((purpose, channel)), at)
        for purpose, channel in _offered(customer, newest)
    ]


def wording_current(*, purpose: str, channel: str, language: str) -> Wording:
    """The newest wording that staff wrote in the language, or the engine's own.

    A language that the engine doesn't speak is taken for English.
    """
    try:
        language = translation.get_supported_language_variant(language_shown(language))
    except LookupError:
        language = "en"
    kept = consent_text_current(purpose=purpose, channel=channel, language=language)
    if kept is not None:
        return Wording(kept.text, kept.version, kept.language)
    with translation.override(language):
        text = _own_wording(purpose, channel)
    # Whenever these words change they are another version.
    return Wording(text, f"engine-{hashlib.sha256(text.encode()).hexdigest()[:12]}", language)


def preferences_save(
    *, customer: Customer, token: PreferenceToken, choices: Mapping[str, Choice], proof: Proof
) -> Saved:
    """Grant and withdraw what the form changed; what can't be granted is named, the rest is done.

    A grant is refused when the link is too old for it, when the wording is another one by now, or
    when staff or a provider have blocked the address. A withdrawal never is.
    """
    saved = Saved(changed=[], refused=[])
    rows = []
    with transaction.atomic():
        for option in preference_options(customer=customer, at=proof.at):
            choice = choices.get(option.key)
            if choice is None or choice.wanted == choice.seen:
                continue
            if choice.wanted and (
                option.blocked
                or not token.grants(at=proof.at)
                or choice.wording != option.wording.digest
            ):
                saved.refused.append(option.key)
                continue
            rows.append(_row(customer, option, proof, granted=choice.wanted))
            _suppressions_follow(customer, option, token, proof.at, granted=choice.wanted)
            saved.changed.append(option.key)
        _record(rows)
    return saved


def everything_withdraw(*, token: PreferenceToken, proof: Proof) -> None:
    """Withdraw all that the customer could withdraw, and stop advertising at all its addresses.

    Of a customer who has been erased only the address that the link was sent to is known.
    """
    with transaction.atomic():
        _suppress(token.channel, token.address_hash, _PAGE)
        customer = preference_customer(token)
        if customer is None:
            return
        options = preference_options(customer=customer, at=proof.at)
        for option in options:
            _suppressions_follow(customer, option, token, proof.at, granted=False)
        _record([_row(customer, option, proof, granted=False) for option in options])


def unsubscribe(*, token: UnsubscribeToken, proof: Proof) -> None:
    """Stop advertising at the address that a link stands for, and note the withdrawn consent."""
    with transaction.atomic():
        _suppress(token.channel, token.address_hash, _LINK)
        # A customer who has been erased meanwhile is refused by the ledger; the address stays
        # suppressed.
        withdrawal = ConsentRow(
            customer_id=token.customer_id,
            channel=token.channel,
            purpose=_MARKETING,
            granted=False,
            source=_LINK,
            recorded_at=proof.at,
            ip_address=proof.ip_address,
            user_agent=user_agent_kept(proof.user_agent),
        )
        consents_say(rows=[withdrawal])


def _offered(customer: Customer, newest: Collection[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for kind in channels:
        if kind().address(customer) or (_MARKETING, kind.key) in newest:
            yield _MARKETING, kind.key
    yield _PROFILING, ""
    shared = {purpose for purpose, _channel in newest if _is_sharing(purpose)}
    texts = ConsentText.objects.filter(purpose__startswith=ConsentPurpose.SHARING.value)
    shared |= set(texts.values_list("purpose", flat=True).distinct())
    yield from ((purpose, "") for purpose in sorted(shared))


def _is_sharing(purpose: str) -> bool:
    return purpose.partition(":")[0] == ConsentPurpose.SHARING.value


def _option(
    customer: Customer, purpose: str, channel: str, entry: Consent | None, at: datetime
) -> Option:
    stands = entry is not None and entry.stands(at=at)
    expired = entry is not None and entry.granted and not stands
    silenced, blocked = _silenced(customer, purpose, channel)
    granted = stands and not silenced
    if purpose == _PROFILING:
        # Silence is no refusal here, and a grant that ended is silence.
        granted = stands or entry is None or expired
    return Option(
        purpose=purpose,
        channel=channel,
        title=_title(purpose, channel),
        wording=wording_current(
            purpose=purpose, channel=channel, language=translation.get_language() or ""
        ),
        granted=granted,
        entry=entry,
        expired=expired,
        blocked=blocked,
    )


def _silenced(customer: Customer, purpose: str, channel: str) -> tuple[bool, bool]:
    """Whether the customer's address is suppressed, and whether by others than the customer."""
    address = channels.get(channel)().address(customer) if channel else ""
    if not address:
        return False, False
    entries = [
        entry
        for entry in address_suppressions(channel=channel, address=address)
        if entry.purpose in purposes_blocking(purpose)
    ]
    return bool(entries), any(entry.source not in OWN_SOURCES for entry in entries)


def _title(purpose: str, channel: str) -> str:
    if purpose == _MARKETING:
        return _("Offers and news by %(channel)s") % {"channel": _channel_words(channel)}
    return _("Personal offers") if purpose == _PROFILING else purpose_words(purpose)


def _channel_words(channel: str) -> str:
    return str(channels.get(channel).label) if channel in channels else channel


def _own_wording(purpose: str, channel: str) -> str:
    if purpose == _MARKETING:
        return _(
            "You may send me offers and news by %(channel)s. I can stop this at any time, here or "
            "by the link in each message."
        ) % {"channel": _channel_words(channel)}
    if purpose == _PROFILING:
        return _(
            "You may look at what I buy and do, so that offers suit me. I can object at any time."
        )
    partner = purpose.partition(":")[2]
    if partner:
        return _("You may pass my data on to %(partner)s. I can stop this at any time.") % {
            "partner": partner
        }
    return _("You may pass my data on to others. I can stop this at any time.")


def _row(customer: Customer, option: Option, proof: Proof, *, granted: bool) -> ConsentRow:
    return ConsentRow(
        customer_id=customer.pk,
        channel=option.channel,
        purpose=option.purpose,
        granted=granted,
        source=_PAGE,
        recorded_at=proof.at,
        text_version=option.wording.version,
        text_language=option.wording.language,
        text=_text_to_keep(option),
        ip_address=proof.ip_address,
        user_agent=user_agent_kept(proof.user_agent),
    )


def _text_to_keep(option: Option) -> str:
    # The words of staff are kept already, maybe for every channel at once.
    return option.wording.text if option.wording.version.startswith("engine-") else ""


def _record(rows: Sequence[ConsentRow]) -> None:
    rejected = consents_say(rows=rows).rejected
    if rejected:
        # Nothing may be shown as saved that isn't; the transaction ends here.
        raise PreferenceError(f"The consent ledger refused an entry of ours: {rejected[0]}")


def _suppressions_follow(
    customer: Customer, option: Option, token: PreferenceToken, at: datetime, *, granted: bool
) -> None:
    if option.purpose != _MARKETING:
        return
    for hashed in _hashes(customer, option.channel, token):
        if granted:
            own_suppressions_lift(hashed=hashed, purpose=_MARKETING, reason="granted again", at=at)
        else:
            _suppress(option.channel, hashed, _PAGE)


def _hashes(customer: Customer, channel: str, token: PreferenceToken) -> Iterable[str]:
    """The customer's address, and the one that the link was sent to, which may be an older one."""
    if channel not in channels:
        return
    carrier = channels.get(channel)()
    if address := carrier.address(customer):
        yield address_hash(carrier, address)
    if token.channel == channel:
        yield token.address_hash


def _suppress(channel: str, hashed: str, source: str) -> None:
    hash_suppress(
        channel=channel, hashed=hashed, purpose=_MARKETING, reason="unsubscribed", source=source
    )
