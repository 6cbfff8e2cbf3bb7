"""The base classes of every admin page: lists that never count, and records nobody may change."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from django.contrib.admin import ShowFacets
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import Promise
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

_Column = TypeVar("_Column", bound=Callable[..., object])


def labelled(
    *, description: str | Promise, colours: Mapping[str, str]
) -> Callable[[_Column], _Column]:
    """A column shown as a label; the method gives (value, words), ``colours`` go by the value."""
    return cast(
        "Callable[[_Column], _Column]", display(description=description, label=dict(colours))
    )


class EngineAdmin(ModelAdmin):  # type: ignore[misc]
    """An admin page that stays quick on a table of any size.

    The pager asks for the next page only and never counts; nothing loads a whole table to fill a
    filter, and no action runs over "all rows".
    """

    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    list_filter_submit = False
    compressed_fields = True
    warn_unsaved_form = True
    # Deleting goes through the record's own page, one at a time, where it is allowed at all.
    actions: Any = None


class RecordAdmin(EngineAdmin):
    """Something the engine wrote down: staff look at it, services alone write it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a record by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes a record by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes a record by hand."""
        return False


class RecordInline(TabularInline):  # type: ignore[misc]
    """Rows the engine wrote down, shown on the page of what they belong to."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds a record by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a record by hand."""
        return False
