"""Filling in message templates: a small, closed part of Liquid over plain data.

Templates come from staff and data from anywhere, so nothing here can reach the engine: values are
looked up in dictionaries only, tags and filters are a short list, output and work are bounded.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _
from liquid import BoundTemplate, Environment, StrictDefaultUndefined
from liquid.exceptions import LiquidError

OUTPUT_BYTES = 512 * 1024
SOURCE_CHARACTERS = 200_000

#: No include, render or extends: a template has no other file to name.
_TAGS = frozenset(
    {"content", "output", "illegal", "#", "comment", "if", "unless", "case", "for", "break"}
    | {"continue", "assign", "capture"}
)

#: No filter that multiplies text (replace, join, split), reads the clock (date) or undoes the
#: escaping of HTML (safe).
_FILTERS = frozenset(
    {"append", "prepend", "capitalize", "downcase", "upcase", "strip", "truncate", "truncatewords"}
    | {"default", "escape", "newline_to_br", "url_encode", "size", "first", "last"}
    | {"plus", "minus", "times", "divided_by", "modulo", "round", "floor", "ceil"}
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class TemplateError(Exception):
    """A template can't be read, or can't be filled in with this data."""


class _RestrictedEnvironment(Environment):
    loop_iteration_limit = 10_000
    local_namespace_limit = OUTPUT_BYTES
    output_stream_limit = OUTPUT_BYTES
    context_depth_limit = 20
    block_nesting_limit = 20

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS}
        self.filters = {name: made for name, made in self.filters.items() if name in _FILTERS}


# An undefined name is an error unless the template gives a default: an e-mail that greets "Dear ,"
# is worse than one that staff have to mend first.
_PLAIN = _RestrictedEnvironment(undefined=StrictDefaultUndefined)
_HTML = _RestrictedEnvironment(undefined=StrictDefaultUndefined, autoescape=True)


@lru_cache(maxsize=256)
def _parsed(source: str, html: bool) -> BoundTemplate:
    if len(source) > SOURCE_CHARACTERS:
        raise TemplateError(
            _("The template has %(length)d characters; %(limit)d are allowed.")
            % {"length": len(source), "limit": SOURCE_CHARACTERS}
        )
    try:
        return (_HTML if html else _PLAIN).from_string(source)
    except LiquidError as error:
        raise TemplateError(_told(error)) from error


def template_render(source: str, context: Mapping[str, Any], *, html: bool = False) -> str:
    """Fill a template in.

    Args:
        source: the template.
        context: plain data: dictionaries and lists of text, numbers, booleans and null.
        html: escape every value for HTML.

    Raises:
        TemplateError: the template is wrong, a name is not in the data and has no default, or a
            limit was passed; the message says which and where.
    """
    template = _parsed(source, html)
    try:
        return template.render(context)
    except LiquidError as error:
        raise TemplateError(_told(error)) from error
    except (ArithmeticError, ValueError, TypeError) as error:
        # Filters do sums with whatever the data holds.
        raise TemplateError(f"{type(error).__name__}: {error}") from error


def template_names(source: str, *, html: bool = False) -> set[str]:
    """The names that a template takes from its data, such as ``customer.first_name``.

    Raises:
        TemplateError: the template can't be read.
    """
    return set(_parsed(source, html).global_variable_paths())


def line_check(name: str, value: str) -> str:
    """A value that may stand in a header: one line, without control characters.

    Raises:
        TemplateError: it may not. A line break would let data add headers of its own.
    """
    if _CONTROL.search(value):
        raise TemplateError(
            _("%(name)s must be one line without control characters: %(value)r")
            % {"name": name, "value": value}
        )
    return value


def _told(error: LiquidError) -> str:
    place = error.context()
    if place is None:
        return str(error.message)
    return _("Line %(line)d: %(error)s") % {"line": place[0], "error": error.message}
