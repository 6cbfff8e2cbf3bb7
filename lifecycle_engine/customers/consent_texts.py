"""The wordings that customers agree to: kept whole, and found again by version and language."""

import hashlib

from lifecycle_engine.customers.models import ConsentText


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


def consent_text_current(*, purpose: str, channel: str, language: str) -> ConsentText | None:
    """The newest wording for the purpose and channel in the language, or None.

    A wording for the channel goes before one for every channel.
    """
    texts = ConsentText.objects.filter(
        purpose=purpose, channel__in={channel, ""}, language=language_shown(language)
    )
    return texts.order_by("-channel", "-pk").first()
