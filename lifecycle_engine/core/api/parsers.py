"""Reading request bodies: bounded in size and depth, whatever a client sends."""

from collections.abc import Mapping
from typing import IO, Any

import msgspec
from rest_framework import exceptions, status
from rest_framework.parsers import BaseParser

#: A request body may have this many bytes unless its view has a ``body_limit`` of its own.
BODY_LIMIT = 500 * 1024


class BodyTooLarge(exceptions.APIException):
    """The request body has more bytes than the view takes."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class BoundedJSONParser(BaseParser):
    """JSON in UTF-8. REST framework's own parser reads any size, and fails on deep nesting."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,  # noqa: ARG002 - the base names it
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body as plain Python data.

        Raises:
            BodyTooLarge: it has more bytes than the limit.
            ParseError: it is not JSON.
        """
        limit = getattr((parser_context or {}).get("view"), "body_limit", BODY_LIMIT)
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(f"The request body has more than {limit} bytes.")
        try:
            return self.decode(body)
        except msgspec.DecodeError as error:
            raise exceptions.ParseError(f"The request body is not JSON: {error}") from None
        except RecursionError:
            raise exceptions.ParseError("The request body is nested too deeply.") from None

    def decode(self, body: bytes) -> Any:
        """What the body says; a view may leave parts of it as they were sent."""
        return msgspec.json.decode(body)
