"""The wordings that customers agree to: kept whole, and found again by version and language."""

import hashlib

from lifecycle_engine.customers.models import ConsentText


class ConsentTextError(Exception):
    """A wording is not known, or its version stands for another one."""


def wording_digest(purpose: str, channel: str, version: str, language: str, text: str) -> str:
    """The digest by which the ledger points to a wording; the database computes the same."""
    parts = "\x1f".join((purpose, channel, version, language, text))
    return hashlib.sha256(parts.encode()).hexdigest()


def language_shown(language: str) -> str:
    """A language code as it is kept: ``zh_Hans`` and ``zh-hans`` are one."""
    return language.strip().replace("_", "-").lower()


def consent_text_add(
    *, purpose: str, channel: str, version: str, language: str, text: str
) -> ConsentText:
    """Keep a wording. It is never changed: another wording has another version.

    Raises:
        django.core.exceptions.ValidationError: a field is wrong, or the version is taken; nothing
            is saved.
    """
    found = ConsentText(
        purpose=purpose,
        channel=channel,
        version=version,
        language=language_shown(language),
        text=text,
    )
    found.digest = wording_digest(purpose, channel, version, found.language, text)
    found.full_clean()
    found.save()
    return found


def consent_text_keep(
    *, purpose: str, channel: str, version: str, language: str, text: str
) -> ConsentText:
    """The wording of that version, which is kept if it is new.

    Without a text it has to be known; one for every channel will do then.

    Raises:
        ConsentTextError: it is not known, or the version stands for another text.
    """
    language = language_shown(language)
    of_version = ConsentText.objects.filter(purpose=purpose, version=version, language=language)
    if not text:
        found = of_version.filter(channel__in={channel, ""}).order_by("-channel").first()
        if found is None:
            raise ConsentTextError(f"there is no version {version!r} in {language!r}")
        return found
    digest = wording_digest(purpose, channel, version, language, text)
    fresh = ConsentText(
        purpose=purpose,
        channel=channel,
        version=version,
        language=language,
        text=text,
        digest=digest,
    )
    ConsentText.objects.bulk_create([fresh], ignore_conflicts=True)
    kept = of_version.get(channel=channel)
    if kept.digest != digest:
        raise ConsentTextError(f"is not the text that version {version!r} stands for")
    return kept


def consent_text_current(*, purpose: str, channel: str, language: str) -> ConsentText | None:
    """The newest wording for the purpose and channel in the language, or None.

    A wording for the channel goes before one for every channel.
    """
    texts = ConsentText.objects.filter(
        purpose=purpose, channel__in={channel, ""}, language=language_shown(language)
    )
    return texts.order_by("-channel", "-pk").first()
