"""The Simplified Chinese catalogue: complete, faithful to its placeholders, and compiled."""

import re

import polib
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import translation

from lifecycle_engine.console import catalogue
from lifecycle_engine.console.catalogue import CATALOGUE, Word, words_wanted

_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}")


def test_every_string_of_ours_and_of_the_theme_is_translated():
    call_command("catalogue", check=True)


def test_a_string_without_a_translation_is_named(monkeypatch):
    wanted = {*words_wanted(), Word("A new sentence.")}
    monkeypatch.setattr(
        "lifecycle_engine.console.management.commands.catalogue.words_wanted", lambda: wanted
    )

    with pytest.raises(CommandError, match=r"A new sentence\."):
        call_command("catalogue", check=True)


def test_translations_keep_the_placeholders():
    for entry in polib.pofile(str(CATALOGUE)):
        texts = [entry.msgstr, *entry.msgstr_plural.values()]
        placeholders = set(_PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
        for text in filter(None, texts):
            assert set(_PLACEHOLDER.findall(text)) == placeholders, entry.msgid


def test_the_compiled_catalogue_is_that_of_the_source():
    source = polib.pofile(str(CATALOGUE))
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))

    assert {e.msgid: e.msgstr for e in compiled} == {e.msgid: e.msgstr for e in source}


def test_marked_strings_are_found_in_code_and_templates(tmp_path):
    (tmp_path / "code.py").write_text('_("One")\nngettext("%(n)d two", "%(n)d twos", n)\n')
    (tmp_path / "page.html").write_text(
        "{% load i18n %}{% translate 'Three' %}<p>{% blocktranslate %}Four {{ x }}"
        "{% endblocktranslate %}</p>{{ y|default:_('Five') }}"
    )

    assert set(catalogue._words_below(tmp_path)) == {
        Word("One"),
        Word("%(n)d two", plural="%(n)d twos"),
        Word("Three"),
        Word("Four %(x)s"),
        Word("Five"),
    }


@pytest.mark.django_db
def test_the_admin_speaks_chinese(admin_client):
    with translation.override("zh-hans"):
        response = admin_client.get(reverse("admin:index"), headers={"accept-language": "zh-hans"})

    assert "每周订单" in response.text
    assert "搜索应用和模型" in response.text
