from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifecycle_engine.messaging.mime import email_build
from lifecycle_engine.sdk.channels import Rendered
from lifecycle_engine.sdk.errors import PermanentError

AT = datetime(2017, 12, 1, 8, 30, tzinfo=UTC)
ID = "0190a1b2-0000-7000-8000-000000000001"
URL = "https://shop.example/unsubscribe/" + "x" * 200 + "/"

characters = st.characters(exclude_categories=["Cs"])
printable = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])


def build(**changes):
    given_parts = {
        "to": "ada@example.com",
        "subject": "Hello",
        "text": "Hi",
        "html": "<p>Hi</p>",
        "unsubscribe_url": URL,
    } | changes
    sender = given_parts.pop("sender", "Shop <hello@shop.example>")
    rendered = Rendered(**given_parts)
    return email_build(sender=sender, rendered=rendered, message_id=ID, date=AT)


def test_the_headers():
    message = message_from_bytes(build().as_bytes(), policy=default)

    assert dict(message.items()) == {
        "From": "Shop <hello@shop.example>",
        "To": "ada@example.com",
        "Subject": "Hello",
        "Date": "Fri, 01 Dec 2017 08:30:00 +0000",
        "Message-ID": f"<{ID}@shop.example>",
        "List-Unsubscribe": f"<{URL}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "MIME-Version": "1.0",
        "Content-Type": message["Content-Type"],
    }
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]


@pytest.mark.parametrize("mark", ["\r", "\n", "\r\n", "\0", "\x0b", "\u2028", "\x85"])
@pytest.mark.parametrize("field", ["subject", "to", "sender"])
def test_a_line_break_in_a_header_is_refused(field, mark):
    value = {"subject": "Hi", "to": "ada@example.com", "sender": "Shop <hello@shop.example>"}[field]

    with pytest.raises(PermanentError):
        build(**{field: f"{value[:2]}{mark}Bcc: all@example.com{value[2:]}"})


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ada",
        "ada@",
        "a@b@c",
        "ada@example.com, bob@example.com",
        "ädä@example.com",
        "<ada@example.com>",
        "a" * 300 + "@example.com",
    ],
)
def test_what_is_no_address_is_refused(to):
    with pytest.raises(PermanentError):
        build(to=to)


@settings(max_examples=150)
@given(
    subject=st.text(printable, max_size=300),
    text=st.text(characters, max_size=3000),
    html=st.text(characters, min_size=1, max_size=3000),
)
@example(subject="=?utf-8?q?a=0D=0ABcc:_x?=", text="x" * 3000, html="好" * 2000)
@example(subject="x" * 300, text=".\r\n.\n\r.\r", html="a\n.\nb\r\n.\r\nc")
@example(subject="好" * 200, text="€" * 999, html="a" * 999)
def test_any_text_arrives_as_it_was_in_lines_that_fit(subject, text, html):
    wire = build(subject=subject.strip(), text=text, html=html).as_bytes()

    assert wire.isascii()
    assert max(len(line) for line in wire.split(b"\r\n")) <= 998
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert b"\n" not in wire.replace(b"\r\n", b"")
    message = message_from_bytes(wire, policy=default)
    assert " ".join(message["Subject"].split()) == " ".join(
        subject.strip().replace("=?", "= ?").split()
    )
    plain, rich = message.iter_parts()
    assert lines(plain.get_content()) == lines(text)
    assert lines(rich.get_content()) == lines(html)


def lines(text):
    """The text's lines: which mark ends them, and whether one ends the last, is up to the wire."""
    whole = text.replace("\r\n", "\n").replace("\r", "\n")
    return (whole if whole.endswith("\n") else whole + "\n").split("\n")
