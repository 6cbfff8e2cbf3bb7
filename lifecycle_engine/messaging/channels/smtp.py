"""E-mail over SMTP."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parseaddr
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from lifecycle_engine.messaging.mime import address_check, email_build
from lifecycle_engine.sdk.channels import (
    Addressee,
    Channel,
    Receipt,
    Rendered,
    UncertainError,
    channels,
)
from lifecycle_engine.sdk.errors import PermanentError, TransientError

_TIMEOUT_SECONDS = 30


@channels.register
class EmailChannel(Channel):
    """E-mail over the SMTP server that EMAIL_URL names, one connection per batch.

    The steps of SMTP are taken one by one, since they differ in what a failure means: before the
    text is handed over nothing has been sent; a connection that breaks between the text and the
    server's answer leaves the outcome open.
    """

    key = "email"
    label = _("E-mail")
    sent_event: ClassVar[str] = "Email Sent"
    rich: ClassVar[bool] = True

    def __init__(self) -> None:
        self._backend = _backend(settings.EMAIL_URL)

    def address(self, customer: Addressee) -> str:
        """The customer's e-mail address."""
        return customer.email

    @contextmanager
    def session(self) -> Iterator[None]:
        """One connection for the batch."""
        self._connect()
        try:
            yield
        finally:
            self._disconnect()

    def send(self, rendered: Rendered, *, idempotency_key: str) -> Receipt:
        """Hand the message to the server; its id becomes the Message-ID."""
        sender = settings.DEFAULT_FROM_EMAIL
        message = email_build(
            sender=sender, rendered=rendered, message_id=idempotency_key, date=timezone.now()
        )
        server = self._connect()
        envelope_sender = address_check("From", parseaddr(sender)[1])
        self._propose(server, envelope_sender, rendered.to)
        self._hand_over(server, message.as_bytes())
        return Receipt(provider_id=str(message["Message-ID"]))

    def _connect(self) -> smtplib.SMTP:
        if not settings.EMAIL_URL:
            raise TransientError("EMAIL_URL is not set: there is no server to send e-mail by")
        if not settings.POSTAL_ADDRESS:
            raise TransientError("POSTAL_ADDRESS is not set: e-mail must name the sender's address")
        try:
            self._backend.open()
        except OSError as error:
            raise TransientError(f"SMTP server {self._backend.host}: {error}") from error
        server = self._backend.connection
        assert isinstance(server, smtplib.SMTP)  # noqa: S101 - open() raises or connects.
        return server

    def _disconnect(self) -> None:
        # Everything has been recorded by now; a server that has gone away is no failure.
        with suppress(OSError):
            self._backend.close()
        self._backend.connection = None

    def _propose(self, server: smtplib.SMTP, sender: str, recipient: str) -> None:
        try:
            server.ehlo_or_helo_if_needed()
            _answer_check(*server.mail(sender))
            _answer_check(*server.rcpt(recipient))
        except OSError as error:
            self._disconnect()
            raise TransientError(f"Before the text was sent: {error}") from error
        except (TransientError, PermanentError):
            self._reset(server)
            raise

    def _hand_over(self, server: smtplib.SMTP, text: bytes) -> None:
        try:
            answer = server.data(text)
        except smtplib.SMTPDataError as error:
            # The server answered DATA itself with a refusal; no text was sent.
            self._reset(server)
            _answer_check(error.smtp_code, error.smtp_error)
        except OSError as error:
            self._disconnect()
            raise UncertainError(f"The server's answer did not come: {error}") from error
        else:
            _answer_check(*answer)

    def _reset(self, server: smtplib.SMTP) -> None:
        try:
            server.rset()
        except OSError:
            self._disconnect()


def _answer_check(code: int, text: bytes | str) -> None:
    if 200 <= code < 300:
        return
    told = f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
    raise PermanentError(told) if code >= 500 else TransientError(told)


def _backend(url: str) -> EmailBackend:
    parts = urlsplit(url)
    return EmailBackend(
        host=parts.hostname or "localhost",
        port=parts.port or (465 if parts.scheme == "smtps" else 25),
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        use_tls="tls" in parse_qs(parts.query),
        use_ssl=parts.scheme == "smtps",
        timeout=_TIMEOUT_SECONDS,
    )
