"""The page of what the sinks received."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from lifecycle_engine.messaging.sinks import email_store, sms_append

_MAIL = (
    b"From: shop@example.com\r\nTo: vera@example.com\r\nSubject: Come back\r\n"
    b"Message-ID: <1@example.com>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<style>p { color: red }</style><p>Hello</p><script>alert(1)</script>\r\n"
)
_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _sink(settings, tmp_path):
    settings.SINK_FOLDER = tmp_path


def test_an_email_stands_in_a_frame_with_an_empty_sandbox(admin_client, tmp_path):
    path = email_store(folder=tmp_path, content=_MAIL, at=_AT)

    page = admin_client.get(reverse("delivered")).content.decode()

    frame = reverse("delivered-email", args=[path.name])
    assert f'sandbox src="{frame}"' in page
    assert "Come back" in page
    assert "<script>alert(1)</script>" not in page


def test_the_email_itself_comes_under_a_policy_that_runs_nothing(admin_client, tmp_path):
    path = email_store(folder=tmp_path, content=_MAIL, at=_AT)

    answer = admin_client.get(reverse("delivered-email", args=[path.name]))

    policy = answer.headers["Content-Security-Policy"]
    assert "<p>Hello</p>" in answer.content.decode()
    assert "default-src 'none'" in policy
    assert policy.endswith("; sandbox")
    assert "script-src" not in policy


@pytest.mark.parametrize("key", ["..%2Fsecret_key", "20260102T030405.000000Z-0.eml", "x.eml"])
def test_what_is_no_email_of_the_sink_is_not_found(admin_client, key):
    assert admin_client.get(f"/admin/delivered/email/{key}/").status_code == 404


def test_who_is_not_staff_sees_no_email(client, tmp_path):
    path = email_store(folder=tmp_path, content=_MAIL, at=_AT)

    answer = client.get(reverse("delivered-email", args=[path.name]))

    assert answer.status_code == 302
    assert reverse("admin:login") in answer.headers["Location"]


def test_an_sms_is_text(admin_client, tmp_path):
    entry = {
        "received_at": _AT.isoformat(),
        "to": "+12015550100",
        "message_id": "1",
        "text": "<b>5 off</b>",
        "parts": 1,
    }
    sms_append(folder=tmp_path, entry=entry)

    page = admin_client.get(reverse("delivered"), {"channel": "sms"}).content.decode()

    assert "&lt;b&gt;5 off&lt;/b&gt;" in page
    assert "<iframe" not in page
