"""The Segment HTTP tracking API: what the SDKs that shops already have call.

No view but a middleware, since this is the hot path, and what other requests go through after it is
for people with browsers. It answers as Segment's server does where its clients depend on it: 200
once everything good is committed, whatever was wrong with single events of a batch; an error that
they must not try again is a 4xx with ``code`` and ``message``; one that they should is a 429 or 503
with ``Retry-After`` in whole seconds. (Segment, *HTTP Tracking API source*; what each client makes
of an answer was measured, see ``docs/reference/tracking.md``.)
"""

import base64
import binascii
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from lifecycle_engine.core.addresses import client_address
from lifecycle_engine.core.models import ApiKey, Scope
from lifecycle_engine.core.services import (
    ApiKeyAddressError,
    ApiKeyError,
    ApiKeyLimitError,
    api_key_admit,
)
from lifecycle_engine.events.items import Sending
from lifecycle_engine.events.rows import IngestResult
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.events.waiting import WaitingRoom, WaitingRoomFullError

#: A body may have this many bytes, inflated. Segment's limit is 500 KB; RudderStack's clients send
#: up to 4 MB, and would try a refused batch again for ever.
BODY_LIMIT = 4 * 1024 * 1024
#: Events of a batch beyond this are rejected, as Segment does.
BATCH_LIMIT = 2_500

#: The calls, by the last part of their path; the short ones are those of browsers.
KINDS = {
    "identify": "identify", "i": "identify",
    "track": "track", "t": "track",
    "page": "page", "p": "page",
    "screen": "screen", "s": "screen",
    "group": "group", "g": "group",
    "alias": "alias", "a": "alias",
    "batch": "batch", "b": "batch",
}  # fmt: skip

_CALLS = {f"/v1/{call}": call for call in KINDS}

_RETRY_SECONDS = 5
#: What waits is written within a second; clients that take turns find room by then.
_OVERLOAD_HEADERS = {"Retry-After": "1", "X-RateLimit-Reset": "1"}
#: A revoked key is refused after this at the latest. Reading it again for each request takes longer
#: than all else that is done for the request alone.
_KEY_KNOWN_FOR = timedelta(seconds=1)
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, content-encoding, x-retry-count",
    "Access-Control-Max-Age": "86400",
}


class TrackingError(Exception):
    """A request that is refused as a whole.

    Attributes:
        status: the HTTP status.
        code: which error it is, for programs.
        headers: sent with the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


class _Body(msgspec.Struct, rename="camel", gc=False):
    """What is read of a body; a single call's own members are read with the event."""

    write_key: Any = None
    sent_at: Any = None
    context: Any = None
    batch: list[msgspec.Raw] | None = None


_body = msgspec.json.Decoder(_Body).decode
#: The requests of this process that are being read or written.
_waiting = WaitingRoom()


class TrackingMiddleware:
    """Answers the calls of the tracking API, and passes everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, if it is a call."""
        call = _CALLS.get(request.path_info)
        return self.get_response(request) if call is None else track(request, call)


def track(request: HttpRequest, call: str) -> HttpResponse:
    """Take one event, or a batch."""
    if request.method == "OPTIONS":
        return _answer(200, {"success": True})
    try:
        if request.method != "POST":
            raise TrackingError(405, "method_not_allowed", f"{request.method} is not POST")
        with _waiting.entered(limit=settings.INGEST_WAITING_LIMIT):
            return _taken(request, KINDS[call])
    except WaitingRoomFullError as error:
        return _refused(TrackingError(429, "overloaded", str(error), _OVERLOAD_HEADERS))
    except TrackingError as error:
        return _refused(error)
    except (OperationalError, InterfaceError):
        headers = {"Retry-After": str(_RETRY_SECONDS)}
        return _refused(TrackingError(503, "unavailable", "The database is away.", headers))


def project_settings(request: HttpRequest, write_key: str) -> HttpResponse:
    """What ``analytics.load(write_key)`` of a browser asks for first: where to send to."""
    api_host = f"{request.get_host()}/v1"
    return _answer(
        200, {"integrations": {"Segment.io": {"apiKey": write_key, "apiHost": api_host}}}
    )


def _taken(request: HttpRequest, kind: str) -> HttpResponse:
    document = _inflated(request)
    body = _opened(document)
    key = _admitted(request, body)
    batch = body.batch if kind == "batch" else [msgspec.Raw(document)]
    if batch is None:
        raise TrackingError(400, "invalid", "batch is missing")
    result = events_ingest(
        source=f"api:{key.name}",
        items=batch[:BATCH_LIMIT],
        received_at=timezone.now(),
        sending=Sending(
            sent_at=body.sent_at,
            campaign=_campaign(body.context),
            kind=None if kind == "batch" else kind,
            makes_ids=True,
        ),
    )
    if kind != "batch" and result.rejected:
        raise TrackingError(400, "invalid", result.rejected[0].message)
    return _answer(200, _told(result, beyond=len(batch[BATCH_LIMIT:])))


def _told(result: IngestResult, *, beyond: int) -> dict[str, Any]:
    rejected = [
        {"index": r.index, "messageId": r.message_id, "field": r.field, "message": r.message}
        for r in result.rejected
    ]
    if beyond:
        message = f"batch has {beyond} events more than the limit of {BATCH_LIMIT}"
        rejected.append(
            {"index": BATCH_LIMIT, "messageId": "", "field": "batch", "message": message}
        )
    return {
        "success": True,
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "rejected": rejected,
    }


def _inflated(request: HttpRequest) -> bytes:
    """The body, read no further than the limit, whatever a compressed one would grow to."""
    sent = request.read(BODY_LIMIT + 1)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "gzip":
        inflater = zlib.decompressobj(wbits=31)
        try:
            sent = inflater.decompress(sent, BODY_LIMIT + 1)
        except zlib.error as error:
            raise TrackingError(400, "invalid", f"The body is not gzip: {error}") from None
        if not inflater.eof and len(sent) <= BODY_LIMIT:
            raise TrackingError(400, "invalid", "The body is not gzip: it ends too early")
    elif encoding != "identity":
        raise TrackingError(400, "invalid", f"Content-Encoding {encoding[:40]!r} is not gzip")
    if len(sent) > BODY_LIMIT:
        raise TrackingError(400, "too_large", f"The body has more than {BODY_LIMIT} bytes")
    return sent


def _opened(document: bytes) -> _Body:
    try:
        return _body(document)
    except msgspec.ValidationError as error:
        raise TrackingError(400, "invalid", f"The body wants an object: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrackingError(400, "invalid", f"The body is not JSON: {error}") from None


def _admitted(request: HttpRequest, body: _Body) -> ApiKey:
    header = _key_of_header(request.headers.get("Authorization", ""))
    written = body.write_key if isinstance(body.write_key, str) else ""
    if header and written and header != written:
        raise TrackingError(401, "unauthorized", "writeKey is not the key of Authorization")
    try:
        key = api_key_admit(header or written, ip=client_address(request), known_for=_KEY_KNOWN_FOR)
    except ApiKeyAddressError as error:
        raise TrackingError(403, "forbidden", str(error)) from None
    except ApiKeyLimitError as error:
        headers = {
            "Retry-After": str(error.retry_after),
            "X-RateLimit-Reset": str(error.reset_after),
        }
        raise TrackingError(429, "too_many", str(error), headers) from None
    except ApiKeyError as error:
        raise TrackingError(401, "unauthorized", str(error)) from None
    if Scope.EVENTS_WRITE not in key.scopes:
        raise TrackingError(403, "forbidden", f"The key lacks the scope {Scope.EVENTS_WRITE}")
    return key


def _key_of_header(header: str) -> str:
    """The key of ``Basic base64(key:)``, where some clients leave the colon out, or a bearer."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode("ascii").partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        raise TrackingError(401, "unauthorized", "Authorization is not Basic base64") from None


def _campaign(context: object) -> object:
    campaign = context.get("campaign") if isinstance(context, dict) else None
    return campaign.get("name") if isinstance(campaign, dict) else None


def _refused(error: TrackingError) -> HttpResponse:
    body = {"success": False, "code": error.code, "message": str(error)}
    return _answer(error.status, body, error.headers)


def _answer(status: int, body: object, headers: dict[str, str] | None = None) -> HttpResponse:
    content = msgspec.json.encode(body)
    return HttpResponse(
        content,
        status=status,
        content_type="application/json",
        headers=_CORS | {"Content-Length": str(len(content))} | (headers or {}),
    )
