"""JSON documents that PostgreSQL can store."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.core.documents import DocumentError, document_encode


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        ("\0", "", "holds a NUL character"),
        ({"": "\0"}, "", "holds a NUL character"),
        ({"a": [{"b": "\0"}]}, "a[0].b", "holds a NUL character"),
        ({"\0": 1}, "\\0", "holds a NUL character"),
        ("\ud800", "", "is not JSON text: surrogates not allowed"),
        ({1, 1j}, "", "is not JSON text: Encoding objects of type complex is unsupported"),
    ],
)  # fmt: skip
def test_what_can_not_be_stored_is_named(document, path, message):
    with pytest.raises(DocumentError) as caught:
        document_encode(document)

    assert (caught.value.path, caught.value.message) == (path, message)


def test_a_backslash_that_stands_for_itself_is_none():
    assert json.loads(document_encode({"a": "\\u0000"})) == {"a": "\\u0000"}


@given(text=st.text())
def test_a_text_is_refused_exactly_when_it_holds_a_nul(text):
    try:
        document_encode([text])
    except DocumentError:
        assert "\0" in text
    else:
        assert "\0" not in text
