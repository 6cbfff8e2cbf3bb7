"""The words that staff read: finding every one that is marked, ours and the admin theme's.

Extraction is done in Python, so that a fresh machine needs no GNU gettext: Django's own template
lexer turns templates into Python-like text, and Python's parser finds the calls.
"""

import ast
import gettext
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import django
import unfold
from django.utils.functional import Promise
from django.utils.translation.template import templatize

from lifecycle_engine.console.segment_builder.fields import FieldSpec, condition_fields
from lifecycle_engine.sdk.conditions import conditions

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("lifecycle_engine", "campaigns", "plugins", "templates")
LANGUAGE = "zh_Hans"
CATALOGUE = ROOT / "lifecycle_engine/config/locale" / LANGUAGE / "LC_MESSAGES/django.po"
_CALL = re.compile(r"(?<!\w)(?:n?p?gettext|_)\(")
_SINGULAR = {"gettext", "gettext_lazy", "_", "gettext_noop", "translate"}
_CONTEXT = {"pgettext", "pgettext_lazy"}
_PLURAL = {"ngettext", "ngettext_lazy"}


@dataclass(frozen=True, order=True)
class Word:
    """A marked string."""

    text: str
    plural: str = ""
    context: str = ""


def words_wanted() -> set[Word]:
    """Every string that staff read and Django doesn't bring translated.

    Those that the project or the theme marks, and the titles of the conditions' fields.
    """
    marked = {word for package in PACKAGES for word in _words_below(ROOT / package)}
    marked |= set(_words_below(Path(unfold.__file__).parent))
    marked |= set(_words_of_conditions())
    known = gettext.translation("django", str(_django_locale()), [LANGUAGE])
    admin = gettext.translation("django", str(_admin_locale()), [LANGUAGE])
    has = known._catalog.keys() | admin._catalog.keys()  # type: ignore[attr-defined] # noqa: SLF001
    return {word for word in marked if _catalogue_key(word) not in has}


def _catalogue_key(word: Word) -> object:
    text = f"{word.context}\x04{word.text}" if word.context else word.text
    return (text, 0) if word.plural else text


def _words_below(folder: Path) -> Iterator[Word]:
    for path in sorted(folder.rglob("*.py")):
        yield from _words_in(path.read_text())
    for path in sorted(folder.rglob("*.html")):
        yield from _words_in_template(path)


def _words_of_conditions() -> Iterator[Word]:
    for condition in conditions:
        # Those of plugins are the plugins' to translate.
        if conditions.owner(condition.key).startswith("lifecycle_engine."):
            yield from _words_of_fields(condition_fields(condition.key))


def _words_of_fields(fields: Iterable[FieldSpec]) -> Iterator[Word]:
    for field in fields:
        words = [words for _value, words in field.choices if not isinstance(words, Promise)]
        kinds = [kind for kind in field.parts if kind]
        yield from (Word(text) for text in (field.label, field.help, *words, *kinds) if text)
        for parts in field.parts.values():
            yield from _words_of_fields(parts)


def _words_in(source: str) -> Iterator[Word]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            word = _word(node)
            if word is not None and word.text:
                yield word


def _word(call: ast.Call) -> Word | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    constants = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    texts = [constant for constant in constants if isinstance(constant, str)]
    if name in _SINGULAR and len(call.args) == 1 and texts:
        return Word(texts[0])
    if name in _CONTEXT and len(texts) > 1:
        return Word(texts[1], context=texts[0])
    if name in _PLURAL and len(texts) > 1:
        return Word(texts[0], plural=texts[1])
    return None


def _words_in_template(path: Path) -> Iterator[Word]:
    # Django turns everything but the marked strings into X; what is left are calls, one by one.
    for call in _calls(templatize(path.read_text(), origin=str(path))):
        yield from _words_in(call)


def _calls(text: str) -> Iterator[str]:
    for found in _CALL.finditer(text):
        call = _call_at(text, found.start())
        if call:
            yield call


def _call_at(text: str, at: int) -> str:
    """The shortest piece of text from ``at`` on that is a whole call."""
    end = text.find(")", at)
    while end >= 0 and end - at < 4000:
        piece = text[at : end + 1]
        try:
            ast.parse(piece)
        except SyntaxError:
            end = text.find(")", end + 1)
            continue
        return piece
    return ""


def _django_locale() -> Path:
    return Path(django.__file__).parent / "conf" / "locale"


def _admin_locale() -> Path:
    return Path(django.__file__).parent / "contrib" / "admin" / "locale"
