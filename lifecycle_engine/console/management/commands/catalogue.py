"""``manage.py catalogue``: bring the Simplified Chinese catalogue up to date, and compile it."""

from argparse import ArgumentParser
from typing import Any

import polib
from django.core.management.base import BaseCommand, CommandError

from lifecycle_engine.console.catalogue import CATALOGUE, Word, words_wanted

_METADATA = {
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Language": "zh_Hans",
    "MIME-Version": "1.0",
    "Plural-Forms": "nplurals=1; plural=0;",
}


class Command(BaseCommand):
    """Adds strings that are new, drops those that are gone, keeps every translation."""

    help = "Bring the Simplified Chinese catalogue up to date and compile it; needs no gettext."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Change nothing; fail when a string is missing."
        )

    def handle(self, *, check: bool, **options: Any) -> None:
        before = polib.pofile(str(CATALOGUE)) if CATALOGUE.exists() else polib.POFile()
        known = {_word(entry): entry for entry in before}
        catalogue = polib.POFile(wrapwidth=98)
        catalogue.metadata = _METADATA
        for word in sorted(words_wanted()):
            catalogue.append(known.get(word) or _entry(word))
        missing = [entry.msgid for entry in catalogue if not entry.translated()]
        if check:
            if missing:
                raise CommandError(f"No translation of: {missing}")
            return
        CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
        catalogue.save(str(CATALOGUE))
        catalogue.save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
        self.stdout.write(f"{len(catalogue)} strings, {len(missing)} without a translation")
        for text in missing:
            self.stdout.write(f"  {text!r}")


def _word(entry: polib.POEntry) -> Word:
    return Word(entry.msgid, plural=entry.msgid_plural, context=entry.msgctxt or "")


def _entry(word: Word) -> polib.POEntry:
    return polib.POEntry(
        msgid=word.text,
        msgid_plural=word.plural,
        msgctxt=word.context or None,
        msgstr_plural={0: ""} if word.plural else {},
    )
