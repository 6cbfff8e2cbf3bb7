"""Paging by key."""

from rest_framework.pagination import CursorPagination


class KeysetPagination(CursorPagination):
    """Pages by key, never by offset, and never counts."""

    ordering = "pk"
    page_size_query_param = "limit"
    max_page_size = 1000
