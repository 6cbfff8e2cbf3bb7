"""API keys in the admin: made, changed, rotated and revoked, and shown exactly once."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from lifecycle_engine.core.models import ApiKey
from lifecycle_engine.core.services import (
    ApiKeyUnknownError,
    api_key_admit,
    api_key_create,
    api_key_revoke,
    api_key_rotate,
)

pytestmark = pytest.mark.django_db

ADD = reverse("admin:core_apikey_add")
LIST = reverse("admin:core_apikey_changelist")
FORM = {"name": "shop", "scopes": ["events:write"], "rate_limit": "60", "allowed_networks": ""}


@pytest.fixture
def admin_user(db):
    """A superuser without a password: hashing one would take most of each test's time."""
    return User.objects.create(username="admin", is_staff=True, is_superuser=True)


@pytest.fixture
def key():
    """A key and its record."""
    record, key = api_key_create(name="shop", scopes=["events:write"])
    return key, record


def page_of(name: str, record: ApiKey) -> str:
    """The address of a page of the key."""
    return reverse(f"admin:core_apikey_{name}", args=[record.pk])


def shown(response) -> str:
    """The key on the page."""
    assert response.status_code == 200
    [key] = re.findall(r'<code class="le-key"[^>]*>(le_[\w-]+)</code>', response.text)
    return key


def good(key: str) -> bool:
    """Whether the key is admitted now."""
    try:
        api_key_admit(key, ip="")
    except ApiKeyUnknownError:
        return False
    return True


def assert_nowhere_else(client, key: str) -> None:
    """The key is in no page, session, cookie or log."""
    record = ApiKey.objects.get()
    urls = [LIST, page_of("change", record), page_of("history", record), reverse("admin:index")]
    for url in urls:
        assert key not in client.get(url).text, url
    assert all(key not in str(session.get_decoded()) for session in Session.objects.all())
    assert all(key not in morsel.OutputString() for morsel in client.cookies.values())
    assert all(key not in f"{e.change_message}{e.object_repr}" for e in LogEntry.objects.all())


@pytest.mark.parametrize("button", ["_save", "_continue", "_addanother"])
def test_a_new_key_is_shown_once_and_nowhere_kept(admin_client, caplog, button):
    caplog.set_level("DEBUG")

    response = admin_client.post(ADD, {**FORM, button: "1"})

    key = shown(response)
    assert api_key_admit(key, ip="").name == "shop"
    assert "no-store" in response.headers["Cache-Control"]
    assert "messages" not in response.cookies
    assert_nowhere_else(admin_client, key)
    assert key not in caplog.text
    # The browser's reload sends the form again: no second key, and the first isn't shown.
    again = admin_client.post(ADD, {**FORM, button: "1"})
    assert again.context["adminform"].form.errors["name"]
    assert key not in again.text
    assert ApiKey.objects.count() == 1


def test_the_form_s_limits_are_the_key_s(admin_client):
    form = {"allowed_networks": "192.0.2.7\r\n 2001:DB8::/32,192.0.2.7/32 ", "rate_limit": ""}
    form |= {"expires_at_0": "2030-01-31", "expires_at_1": "12:00:00"}

    shown(admin_client.post(ADD, FORM | form))

    record = ApiKey.objects.get()
    assert record.allowed_networks == ["192.0.2.7", "2001:db8::/32"]
    assert (record.rate_limit, record.scopes) == (None, ["events:write"])
    assert record.expires_at == datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "a\x7fb", "Use at most 90 printable characters."),
        ("name", "n" * 91, "Use at most 90 printable characters."),
        ("scopes", ["everything"], "everything"),
        ("rate_limit", "0", "greater than or equal to 1"),
        ("rate_limit", "600001", "less than or equal to 600000"),
        ("allowed_networks", "192.0.2.1\n10.0.0.1/8", "“10.0.0.1/8” is no network"),
        ("expires_at_0", "soon", "valid date"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(admin_client, field, value, message):
    response = admin_client.post(ADD, {**FORM, "expires_at_1": "12:00", field: value})

    errors = response.context["adminform"].form.errors
    assert message in str(errors[field.removesuffix("_0")])
    assert not ApiKey.objects.exists()


def test_a_change_leaves_name_and_secret_alone(admin_client, key):
    key, record = key
    url = page_of("change", record)
    form = {**FORM, "name": "other", "scopes": ["segments:read"], "allowed_networks": "10.0.0.0/8"}

    response = admin_client.post(url, form)

    assert response.status_code == 302
    assert api_key_admit(key, ip="10.1.2.3") == record
    record.refresh_from_db()
    assert (record.name, record.scopes, record.rate_limit) == ("shop", ["segments:read"], 60)
    assert "10.0.0.0/8</textarea>" in admin_client.get(url).text


def test_rotation_asks_first_and_shows_the_new_key_once(admin_client, key):
    old, record = key
    url = page_of("rotate", record)

    asked = admin_client.get(url)
    assert ApiKey.objects.get().digest == record.digest
    assert 'name="grace_hours" value="24"' in asked.text

    response = admin_client.post(url, {"grace_hours": "48", "rotated_at": ""})

    new = shown(response)
    assert new != old
    assert (good(old), good(new)) == (True, True)
    assert "no-store" in response.headers["Cache-Control"]
    assert_nowhere_else(admin_client, new)
    record.refresh_from_db()
    assert record.previous_until - record.rotated_at == timedelta(hours=48)
    assert LogEntry.objects.get().change_message == "Rotated."


def test_a_rotation_sent_twice_rotates_once(admin_client, key):
    old, record = key
    form = {"grace_hours": "24", "rotated_at": ""}
    new = shown(admin_client.post(page_of("rotate", record), form))

    response = admin_client.post(page_of("rotate", record), form, follow=True)

    assert "The key was rotated in the meantime." in map(str, response.context["messages"])
    assert (good(old), good(new)) == (True, True)
    # Who looks again and means it rotates again; the oldest secret ends.
    again = page_of("rotate", record)
    form = {"grace_hours": "0", "rotated_at": ApiKey.objects.get().rotated_at.isoformat()}
    newest = shown(admin_client.post(again, form))
    assert [good(key) for key in (old, new, newest)] == [False, False, True]


@pytest.mark.parametrize("hours", ["", "-1", "2161", "x"])
def test_a_grace_out_of_range_is_refused(admin_client, key, hours):
    _, record = key

    response = admin_client.post(page_of("rotate", record), {"grace_hours": hours})

    assert response.context["form"].errors["grace_hours"]
    assert ApiKey.objects.get().digest == record.digest


def test_revoking_asks_first(admin_client, key):
    old, record = key
    url = page_of("revoke", record)

    assert "It was never used." in admin_client.get(url).text
    assert good(old)

    response = admin_client.post(url, follow=True)

    assert not good(old)
    assert "shop is revoked." in map(str, response.context["messages"])
    assert LogEntry.objects.get().change_message == "Revoked."


@pytest.mark.parametrize(
    ("_case", "end", "buttons"),
    [
        ("good", {}, {"rotate", "revoke"}),
        ("expired", {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"revoke"}),
        ("revoked", {"revoked_at": datetime(2026, 1, 1, tzinfo=UTC)}, set()),
    ],
)
def test_a_key_that_ended_offers_no_way_back(admin_client, key, _case, end, buttons):
    _, record = key
    ApiKey.objects.update(**end)

    text = admin_client.get(page_of("change", record)).text

    assert (">Active<" in text) == (not end)
    assert {b for b in ("rotate", "revoke") if f'href="{page_of(b, record)}"' in text} == buttons
    before = ApiKey.objects.get().digest
    if "rotate" not in buttons:
        admin_client.post(page_of("rotate", record), {"grace_hours": "1"})
    assert ApiKey.objects.get().digest == before


def test_the_list_shows_what_a_key_begins_with_and_its_state(admin_client, key):
    _, record = key
    api_key_rotate(name="shop", at=timezone.now())

    text = admin_client.get(LIST).text
    assert f"le_{record.prefix}_…" in text
    assert "Two secrets" in text

    api_key_revoke(name="shop", at=timezone.now())
    assert "Revoked" in admin_client.get(LIST).text


@pytest.mark.parametrize("action", ["rotate", "revoke"])
@pytest.mark.parametrize(("permission", "status"), [("view_apikey", 403), ("change_apikey", 200)])
def test_who_may_only_look_can_not_act(client, key, action, permission, status):
    old, record = key
    staff = User.objects.create(username="staff", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename=permission))
    client.force_login(staff)

    assert client.get(page_of(action, record)).status_code == status
    if status == 403:
        assert client.post(page_of(action, record), {"grace_hours": "0"}).status_code == 403
    assert good(old)


def test_strangers_are_sent_to_the_login(client, key):
    old, record = key

    for action in ("rotate", "revoke"):
        response = client.post(page_of(action, record), {"grace_hours": "0"})
        assert response.status_code == 302
        assert response.url.startswith(reverse("admin:login"))
    assert good(old)
    assert client.get(f"/admin/core/apikey/{record.pk + 1}/rotate/").status_code == 302


def test_there_is_no_page_for_a_key_that_is_not_there(admin_client):
    assert admin_client.get("/admin/core/apikey/0/rotate/").status_code == 404
    assert admin_client.post("/admin/core/apikey/x/revoke/").status_code == 404
