"""The local sinks: files with what would have been delivered, for demonstrations and tests."""

import heapq
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from django.conf import settings

_BLOCK = 64 * 1024
_LIMIT = 200
_EMAIL_KEY = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{32}\.eml")


@dataclass(frozen=True)
class SinkMessage:
    """A message that a sink received. ``key`` names it and is the place to read on from."""

    key: str
    channel: str
    received_at: datetime
    to: str
    message_id: str
    subject: str
    text: str
    html: str
    parts: int


def email_store(*, folder: Path, content: bytes, at: datetime) -> Path:
    """Keep a received e-mail as a file of its own; the file appears complete or not at all.

    Args:
        folder: the sinks' folder.
        content: the e-mail as received.
        at: when; it stands in the file's name, so that names sort by time.
    """
    inbox = folder / "email"
    inbox.mkdir(parents=True, exist_ok=True)
    name = f"{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid4().hex}.eml"
    partial = inbox / f".{name}.partial"
    partial.write_bytes(content)
    return partial.rename(inbox / name)


def sms_append(*, folder: Path, entry: Mapping[str, Any]) -> None:
    """Append one line in one write, so that lines of several workers never mix."""
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
    sink = os.open(folder / "sms.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(sink, line)
    finally:
        os.close(sink)


def sink_messages(*, channel: str, limit: int, before: str = "") -> list[SinkMessage]:
    """What a sink received, newest first.

    Args:
        channel: "email" or "sms".
        limit: how many at most; never more than 200.
        before: the key of a message; only those before it are read.

    Raises:
        ValueError: the channel has no sink, or the key is none of its keys.
    """
    folder = Path(settings.SINK_FOLDER)
    limit = max(0, min(limit, _LIMIT))
    if channel == "email":
        return [_email_read(path) for path in _emails_before(folder / "email", limit, before)]
    if channel == "sms":
        return list(_sms_before(folder / "sms.jsonl", limit, before))
    raise ValueError(f"channel {channel!r} has no sink; there is: email, sms")


def sink_email(*, key: str) -> SinkMessage | None:
    """The e-mail with that key, or None when the sink has none such."""
    path = Path(settings.SINK_FOLDER) / "email" / key
    # The form of the keys has no place for a path to elsewhere.
    return _email_read(path) if _EMAIL_KEY.fullmatch(key) and path.is_file() else None


def _emails_before(inbox: Path, limit: int, before: str) -> list[Path]:
    if not inbox.is_dir():
        return []
    with os.scandir(inbox) as entries:
        names = (entry.name for entry in entries if entry.name.endswith(".eml"))
        earlier = (name for name in names if not before or name < before)
        return [inbox / name for name in heapq.nlargest(limit, earlier)]


def _email_read(path: Path) -> SinkMessage:
    message = message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what the policy makes.
    stamp = path.name.partition("-")[0]
    return SinkMessage(
        key=path.name,
        channel="email",
        received_at=datetime.strptime(stamp, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC),
        to=str(message["To"] or ""),
        message_id=str(message["Message-ID"] or ""),
        subject=str(message["Subject"] or ""),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        parts=1,
    )


def _body(message: EmailMessage, subtype: str) -> str:
    part = message.get_body(preferencelist=(subtype,))
    return str(part.get_content()) if part is not None else ""


def _sms_before(path: Path, limit: int, before: str) -> Iterator[SinkMessage]:
    if not path.exists() or not limit:
        return
    if before and not before.isdecimal():
        raise ValueError(f"before={before!r} is no place in the SMS sink")
    with path.open("rb") as sink:
        end = min(int(before), path.stat().st_size) if before else path.stat().st_size
        for _count, (start, line) in zip(range(limit), _lines_back(sink, end), strict=False):
            entry = json.loads(line)
            yield SinkMessage(
                key=str(start),
                channel="sms",
                received_at=datetime.fromisoformat(entry["received_at"]),
                to=entry["to"],
                message_id=entry["message_id"],
                subject="",
                text=entry["text"],
                html="",
                parts=entry["parts"],
            )


def _lines_back(sink: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines before ``end`` with their places, the last one first, one block in memory."""
    buffer, place = b"", end  # The buffer holds what stands from the place on, unread lines only.
    while place or buffer:
        line_break = buffer.rfind(b"\n", 0, -1)
        if line_break < 0 and place:
            size = min(_BLOCK, place)
            place -= size
            sink.seek(place)
            buffer = sink.read(size) + buffer
            continue
        start = line_break + 1
        if buffer.endswith(b"\n"):  # Else the line is still being written.
            yield place + start, buffer[start:]
        buffer = buffer[:start]
