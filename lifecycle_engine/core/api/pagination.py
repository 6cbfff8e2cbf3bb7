"""Paging by key."""

from typing import Any

from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class KeysetPagination(CursorPagination):
    """Pages by key, never by offset, and never counts."""

    ordering = "pk"
    page_size_query_param = "limit"
    max_page_size = 1000

    def decode_cursor(self, request: Request) -> Any:
        """The cursor of the request, or None on the first page.

        Raises:
            NotFound: somebody made the cursor up; REST framework would ask the database for it.
        """
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not _is_key(str(cursor.position)):
            raise exceptions.NotFound(self.invalid_cursor_message)
        return cursor


def _is_key(position: str) -> bool:
    return position.isascii() and position.isdigit() and len(position) < 20
