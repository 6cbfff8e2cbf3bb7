"""``manage.py mail_sink``: a mail server that keeps what it gets and delivers nothing."""

import asyncio
import signal
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from lifecycle_engine.messaging.sinks import email_store


class _Keeper:
    """Keeps each e-mail before the client is told that it was taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    # The name and the arguments are those that aiosmtpd calls.
    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        if not isinstance(content, bytes):
            return "554 no content"
        email_store(folder=self._folder, content=content, at=timezone.now())
        return "250 OK"


class Command(BaseCommand):
    help = "Run a local mail server that writes every e-mail to a file; for demonstrations."
    requires_system_checks: list[str] = []  # It needs neither the database nor the other apps.

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=0, help="0 takes a free port.")

    def handle(self, *_args: Any, **options: Any) -> None:
        asyncio.run(self._serve(options["host"], options["port"]))

    async def _serve(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        keeper = _Keeper(Path(settings.SINK_FOLDER))
        server = await loop.create_server(
            lambda: SMTP(keeper, enable_SMTPUTF8=True, ident="sink"), host=host, port=port
        )
        async with server:
            address, taken = server.sockets[0].getsockname()[:2]
            self.stdout.write(f"ready smtp://{address}:{taken}")
            self.stdout.flush()
            await stopped.wait()
