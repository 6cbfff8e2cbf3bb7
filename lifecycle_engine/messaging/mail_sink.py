"""A mail server that keeps what it gets and delivers nothing.

``python -m lifecycle_engine.messaging.mail_sink --folder F --port N``. No management command: it
needs nothing of the engine, so it starts at once and stays small.
"""

import argparse
import asyncio
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

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
        email_store(folder=self._folder, content=content, at=datetime.now(UTC))
        return "250 OK"


async def _serve(folder: Path, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    keeper = _Keeper(folder)
    server = await loop.create_server(
        lambda: SMTP(keeper, enable_SMTPUTF8=True, ident="sink"), host=host, port=port
    )
    async with server:
        address, taken = server.sockets[0].getsockname()[:2]
        sys.stdout.write(f"ready smtp://{address}:{taken}\n")
        sys.stdout.flush()
        await stopped.wait()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Keep every e-mail as a file, deliver none.")
    parser.add_argument("--folder", type=Path, required=True, help="where the e-mails go")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    given = parser.parse_args()
    asyncio.run(_serve(given.folder, given.host, given.port))


if __name__ == "__main__":
    main()
