"""SMS into a local file, for demonstrations and tests."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.messaging import sinks
from lifecycle_engine.messaging.sms import sms_count
from lifecycle_engine.sdk.channels import Addressee, Channel, Receipt, Rendered, channels
from lifecycle_engine.sdk.errors import PermanentError

_NUMBER = re.compile(r"\+?[0-9]{5,15}")
_PUNCTUATION = re.compile(r"[\s().\-/]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_SIGNATURE_BRACKETS = re.compile(r"[【】]")


@channels.register
class SmsSinkChannel(Channel):
    """Appends every SMS as one line to a file instead of sending it."""

    key = "sms"
    label = _("SMS")
    sent_event: ClassVar[str] = "SMS Sent"

    def address(self, customer: Addressee) -> str:
        """The customer's telephone number."""
        return customer.phone

    def normalise(self, address: str) -> str:
        """The digits, and the plus sign of an international number."""
        return _PUNCTUATION.sub("", address)

    def context_check(self, context: Mapping[str, Any]) -> None:
        """Refuse brackets that mark a sender's signature: data must not name another sender."""
        for path, value in _texts("", context):
            if _SIGNATURE_BRACKETS.search(value):
                raise PermanentError(f"{path}: {value[:100]!r} has brackets of a signature")

    def send(self, rendered: Rendered, *, idempotency_key: str) -> Receipt:
        """Append the SMS to the sink."""
        number = self.normalise(rendered.to)
        if not _NUMBER.fullmatch(number):
            raise PermanentError(f"{rendered.to[:100]!r} is not a telephone number")
        text = _CONTROL.sub("", rendered.text.replace("\r\n", "\n")).strip()
        count = sms_count(text)
        sinks.sms_append(
            folder=settings.SINK_FOLDER,
            entry={
                "message_id": idempotency_key,
                "to": number,
                "text": text,
                "encoding": count.encoding,
                "units": count.units,
                "parts": count.parts,
                "received_at": timezone.now().isoformat(),
            },
        )
        return Receipt(provider_id=f"sink:{idempotency_key}", parts=count.parts)


def _texts(path: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, Mapping):
        return [t for key, item in value.items() for t in _texts(f"{path}.{key}".lstrip("."), item)]
    if isinstance(value, list):
        return [t for index, item in enumerate(value) for t in _texts(f"{path}[{index}]", item)]
    return []
