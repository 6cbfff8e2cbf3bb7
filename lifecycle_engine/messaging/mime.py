"""E-mails as they go over the wire: headers that can't be injected into, lines that fit."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from lifecycle_engine.messaging.rendering import TemplateError, line_check
from lifecycle_engine.sdk.channels import Rendered
from lifecycle_engine.sdk.errors import PermanentError

_ADDRESS_CHARACTERS = 254


def email_build(
    *, sender: str, rendered: Rendered, message_id: str, date: datetime
) -> EmailMessage:
    """Build the e-mail.

    Args:
        sender: the From address, with or without a name.
        rendered: the message.
        message_id: the outbox row's id; with the sender's domain it becomes the Message-ID.
        date: when it is sent.

    Raises:
        PermanentError: an address or the subject can't stand in a header; nothing was sent.
    """
    message = EmailMessage(policy=SMTP)
    try:
        name, sender_address = parseaddr(line_check("From", sender))
        address_check("From", sender_address)
        message["From"] = Address(name, addr_spec=sender_address)
        # Nothing that somebody typed stands beside the address: the name has no use here, and its
        # encoding is where mail libraries have had their bugs.
        message["To"] = Address(addr_spec=address_check("To", rendered.to))
        message["Subject"] = _subject(line_check("Subject", rendered.subject))
    except TemplateError as error:
        raise PermanentError(str(error)) from error
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{message_id}@{sender_address.rpartition('@')[2]}>"
    if rendered.unsubscribe_url:
        # RFC 8058: one link, and the word that it may be followed by a POST alone.
        message["List-Unsubscribe"] = f"<{rendered.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(rendered.text, cte=_transfer_encoding(rendered.text))
    if rendered.html:
        html_encoding = _transfer_encoding(rendered.html)
        message.add_alternative(rendered.html, subtype="html", cte=html_encoding)
    return message


def address_check(header: str, address: str) -> str:
    """An address that may be written to: plain ASCII, one mailbox, not too long.

    Raises:
        PermanentError: it may not; the message names it.
    """
    try:
        # The length first: checking a very long address takes very long.
        if len(address) > _ADDRESS_CHARACTERS or not address.isascii():
            raise ValidationError(address)
        validate_email(address)
    except ValidationError as error:
        raise PermanentError(f"{header}: {address[:300]!r} is not an e-mail address") from error
    return address


def _subject(subject: str) -> str:
    # Data that looks like an encoded word would be decoded by the receiver, line breaks included.
    return subject.replace("=?", "= ?")


def _transfer_encoding(text: str) -> str:
    # Never 8bit: not every server takes it, and then it would refuse the message.
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    return "base64" if beyond * 6 > len(text) else "quoted-printable"
