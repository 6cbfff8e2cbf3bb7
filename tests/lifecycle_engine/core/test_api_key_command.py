"""``manage.py api_key``."""

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from lifecycle_engine.core.models import ApiKey
from lifecycle_engine.core.services import api_key_admit, api_key_create

pytestmark = pytest.mark.django_db

CREATE = ["create", "--name", "shop", "--scope", "events:write"]


def printed(capsys, *arguments: str) -> str:
    """What the command prints on standard output; it prints nothing elsewhere."""
    call_command("api_key", *arguments)
    found = capsys.readouterr()
    assert found.err == ""
    return found.out


def test_create_prints_the_key_alone(capsys):
    key = printed(capsys, *CREATE, "--scope", "customers:read").removesuffix("\n")

    record = api_key_admit(key, ip="192.0.2.1")
    assert record.scopes == ["customers:read", "events:write"]
    assert (record.rate_limit, record.allowed_networks, record.expires_at) == (6000, [], None)


def test_create_takes_limits(capsys):
    limits = ["--rate-limit", "unlimited", "--allow", "192.0.2.0/24", "--allow", "2001:db8::1"]

    printed(capsys, *CREATE, *limits, "--expires", "2030-01-31T12:00")

    record = ApiKey.objects.get()
    assert record.rate_limit is None
    assert record.allowed_networks == ["192.0.2.0/24", "2001:db8::1"]
    assert record.expires_at == datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "--name", "shop", "--scope", "x"], "unknown scope 'x'"),
        ([*CREATE, "--allow", "10.0.0.1/8"], "“10.0.0.1/8” is no network"),
        ([*CREATE, "--rate-limit", "0"], "rate_limit wants 1 to 600000 a minute, got 0"),
        ([*CREATE, "--rate-limit", "many"], "argument --rate-limit: invalid"),
        ([*CREATE, "--expires", "soon"], "wants a time such as 2027-01-31T12:00, got 'soon'"),
        ([*CREATE, "--expires", "2030-13-01"], "wants a time such as 2027-01-31T12:00"),
        (["rotate", "--name", "shop"], "there is no API key named 'shop'"),
        (
            ["rotate", "--name", "shop", "--grace-hours", "nan"],
            "wants a number of hours, got 'nan'",
        ),
        (["rotate", "--name", "shop", "--grace-hours", "1e300"], "wants a number of hours"),
        (["revoke", "--name", "shop"], "there is no API key named 'shop'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_printed(capsys, arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("api_key", *arguments)

    assert capsys.readouterr().out == ""
    assert not ApiKey.objects.exists()


def test_rotate_prints_the_new_key_alone(capsys):
    record, old = api_key_create(name="shop", scopes=["events:write"])

    new = printed(capsys, "rotate", "--name", "shop", "--grace-hours", "0.5").removesuffix("\n")

    assert api_key_admit(new, ip="") == api_key_admit(old, ip="") == record
    record.refresh_from_db()
    assert (record.previous_until - record.rotated_at).total_seconds() == 1800


def test_revoke_ends_a_key(capsys):
    api_key_create(name="shop", scopes=["events:write"])

    assert printed(capsys, "revoke", "--name", "shop") == ""

    assert ApiKey.objects.get().revoked_at <= timezone.now()


def test_list_shows_everything_but_secrets(capsys):
    a, key = api_key_create(name="a", scopes=["events:write", "segments:read"], rate_limit=None)
    b, _ = api_key_create(
        name="b", scopes=["events:write"], allowed_networks=["10.0.0.0/8"], partner="acme"
    )
    api_key_admit(key, ip="", at=datetime(2026, 11, 22, 12, tzinfo=UTC))
    ApiKey.objects.filter(name="b").update(revoked_at=timezone.now())

    lines = printed(capsys, "list").splitlines()

    assert [line.split("\t") for line in lines[1:]] == [
        [
            "a",
            f"le_{a.prefix}",
            "active",
            "events:write,segments:read",
            "unlimited",
            "anywhere",
            "-",
            "2026-11-22T12:00:00Z",
        ],
        ["b", f"le_{b.prefix}", "revoked", "events:write", "6000", "10.0.0.0/8", "acme", "never"],
    ]
    assert lines[0].startswith("NAME\tPREFIX\tSTATE\t")
