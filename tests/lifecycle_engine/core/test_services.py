"""Making, changing, rotating and revoking API keys, and admitting requests by them."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.core.models import ApiKey, ApiKeyState, Scope
from lifecycle_engine.core.services import (
    ApiKeyAddressError,
    ApiKeyError,
    ApiKeyUnknownError,
    api_key_admit,
    api_key_change,
    api_key_create,
    api_key_revoke,
    api_key_rotate,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
IP = "192.0.2.1"

pytestmark = pytest.mark.django_db


def made(**settings) -> tuple[ApiKey, str]:
    """A key called shop that may send events."""
    return api_key_create(**{"name": "shop", "scopes": [Scope.EVENTS_WRITE]} | settings)


def good(key: str, *, at: datetime = NOW) -> bool:
    """Whether a request with the key is admitted then."""
    try:
        api_key_admit(key, ip=IP, at=at)
    except ApiKeyUnknownError:
        return False
    return True


def test_a_key_is_admitted_and_only_its_digest_is_kept():
    record, key = made(scopes=[Scope.EVENTS_WRITE, Scope.EVENTS_WRITE])

    assert api_key_admit(key, ip=IP) == record
    assert (record.scopes, record.rate_limit) == (["events:write"], 6000)
    assert (record.allowed_networks, record.expires_at) == ([], None)
    secret = key.split("_", 2)[2]
    assert all(secret not in str(value) for value in ApiKey.objects.values().get().values())


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("another secret", lambda key: key[:-1] + ("a" if key[-1] != "a" else "b")),
        ("no secret", lambda key: key.rsplit("_", 1)[0][:13] + "_"),
        ("another prefix", lambda key: key.replace("le_", "le_0")),
        ("another kind", lambda key: "x" + key),
        ("nothing", lambda key: ""),
        ("a NUL", lambda key: "le_\0_x"),
        ("half a character", lambda key: key + "\ud800"),
    ],
)
def test_another_key_is_unknown(_case, change):
    _, key = made()

    with pytest.raises(ApiKeyUnknownError, match=r"^The API key is unknown or revoked\.$"):
        api_key_admit(change(key), ip=IP)

    assert ApiKey.objects.get().last_used_at is None


def test_a_revoked_key_is_unknown_and_stays_revoked():
    record, key = made()
    _, newer = api_key_rotate(name="shop", at=NOW)
    api_key_revoke(name="shop", at=NOW)
    api_key_revoke(name="shop", at=NOW + HOUR)

    assert not good(key)
    assert not good(newer)
    record.refresh_from_db()
    assert (record.last_used_at, record.revoked_at) == (None, NOW)
    assert (record.previous_digest, record.previous_until) == ("", None)
    assert record.state(at=NOW) == ApiKeyState.REVOKED


def test_a_key_ends_when_it_expires():
    record, key = made(expires_at=NOW)

    assert good(key, at=NOW - timedelta(microseconds=1))
    with pytest.raises(ApiKeyUnknownError, match=r"^The API key has expired\.$"):
        api_key_admit(key, ip=IP, at=NOW)
    assert record.state(at=NOW - HOUR) == ApiKeyState.ACTIVE
    assert record.state(at=NOW) == ApiKeyState.EXPIRED


def test_who_does_not_have_the_secret_does_not_learn_that_a_key_expired():
    _, key = made(expires_at=NOW)

    with pytest.raises(ApiKeyUnknownError, match="unknown or revoked"):
        api_key_admit(key + "x", ip=IP, at=NOW)


def test_use_is_noted_at_most_once_a_minute(django_assert_num_queries):
    _, key = made(rate_limit=None)
    moments = [timedelta(0), timedelta(seconds=60), timedelta(seconds=61)]
    noted = []
    for moment in moments:
        api_key_admit(key, ip=IP, at=NOW + moment)
        noted.append(ApiKey.objects.get().last_used_at)

    assert noted == [NOW, NOW, NOW + moments[2]]
    with django_assert_num_queries(1):  # Nothing to note, nothing to limit: the key alone is read.
        api_key_admit(key, ip=IP, at=NOW + moments[2])


def test_what_is_known_of_a_key_is_read_again_after_its_time(
    django_assert_num_queries, monkeypatch
):
    passed = [1000.0]
    monkeypatch.setattr("lifecycle_engine.core.services.time.monotonic", lambda: passed[0])
    _, key = made(rate_limit=None, expires_at=NOW + HOUR)

    def admitted(at: datetime = NOW, shown: str = key) -> bool:
        try:
            api_key_admit(shown, ip=IP, at=at, known_for=timedelta(seconds=1))
        except ApiKeyUnknownError:
            return False
        return True

    assert admitted()
    with django_assert_num_queries(0):
        assert admitted()
        # What is known is checked like what is read.
        assert not admitted(at=NOW + HOUR)
        assert not admitted(shown=key + "x")
    api_key_revoke(name="shop", at=NOW)
    passed[0] += 0.99
    assert admitted()
    passed[0] += 0.02
    assert not admitted()
    assert not good(key)


@pytest.mark.parametrize(
    ("networks", "ip", "admitted"),
    [
        ([], "203.0.113.9", True),
        ([], "", True),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["192.0.2.0/24", "203.0.113.9"], "203.0.113.9", True),
        (["192.0.2.0/24"], "2001:db8::1", False),
        (["192.0.2.0/24"], "", False),
    ],
)
def test_a_key_is_good_at_its_addresses_only(networks, ip, admitted):
    record, key = made(allowed_networks=networks)

    if admitted:
        assert api_key_admit(key, ip=ip) == record
        return
    with pytest.raises(ApiKeyAddressError, match=f"from {ip or 'an unknown address'}"):
        api_key_admit(key, ip=ip)
    assert ApiKey.objects.get().last_used_at is None


def test_after_a_rotation_both_secrets_are_good_until_the_grace_ends():
    record, old = made(allowed_networks=[IP], rate_limit=10, expires_at=NOW + 100 * HOUR)
    rotated, new = api_key_rotate(name="shop", grace=2 * HOUR, at=NOW)

    same = ["pk", "name", "prefix", "scopes", "rate_limit", "allowed_networks", "expires_at"]
    assert [getattr(rotated, field) for field in same] == [getattr(record, field) for field in same]
    assert (new != old, rotated.rotated_at) == (True, NOW)
    last = NOW + 2 * HOUR - timedelta(microseconds=1)
    assert (good(old, at=last), good(new, at=last)) == (True, True)
    assert rotated.state(at=last) == ApiKeyState.ROTATING
    end = NOW + 2 * HOUR
    assert (good(old, at=end), good(new, at=end)) == (False, True)
    assert rotated.state(at=end) == ApiKeyState.ACTIVE


def test_a_day_is_the_grace_and_none_ends_the_old_secret_at_once():
    _, first = made()
    _, second = api_key_rotate(name="shop", at=NOW)
    assert good(first, at=NOW + 24 * HOUR - timedelta(seconds=1))
    assert not good(first, at=NOW + 24 * HOUR)

    _, third = api_key_rotate(name="shop", at=NOW + HOUR, grace=timedelta(0))

    at = NOW + HOUR
    assert [good(key, at=at) for key in (first, second, third)] == [False, False, True]


def test_of_three_secrets_the_oldest_ends():
    _, first = made()
    _, second = api_key_rotate(name="shop", at=NOW)
    _, third = api_key_rotate(name="shop", at=NOW)

    assert [good(key) for key in (first, second, third)] == [False, True, True]


@pytest.mark.parametrize(
    ("end", "grace", "message"),
    [
        ({"revoked_at": NOW}, HOUR, "'shop' was revoked at 2026-11-22 12:00"),
        ({"expires_at": NOW}, HOUR, "'shop' expired at 2026-11-22 12:00"),
        ({}, -HOUR, "grace wants 0 hours to 90 days, got -1 day, 23:00:00"),
        ({}, timedelta(days=91), "grace wants 0 hours to 90 days, got 91 days"),
        ({"name": "other"}, HOUR, "there is no API key named 'shop'"),
    ],
)
def test_a_rotation_that_makes_no_sense_is_refused(end, grace, message):
    made()
    ApiKey.objects.update(**end)
    before = ApiKey.objects.values().get()

    with pytest.raises(ApiKeyError, match=message):
        api_key_rotate(name="shop", grace=grace, at=NOW)

    assert ApiKey.objects.values().get() == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": ""}, "name wants 1 to 90 printable characters, got ''"),
        ({"name": "n" * 91}, "name wants 1 to 90 printable characters"),
        ({"name": "a\nb"}, "name wants 1 to 90 printable characters"),
        ({"scopes": []}, "no scope is given; there is: customers:read"),
        ({"scopes": ["events:wite"]}, "unknown scope 'events:wite'; there is: customers:read"),
        ({"name": "taken"}, "name 'taken' is taken"),
        ({"rate_limit": 0}, "rate_limit wants 1 to 600000 a minute, got 0"),
        ({"rate_limit": 600_001}, "rate_limit wants 1 to 600000 a minute, got 600001"),
        ({"allowed_networks": ["10.0.0.1", "10.0.0.x"]}, "allowed_networks: “10.0.0.x” is neither"),
        ({"expires_at": datetime(2027, 1, 1)}, "expires_at wants a time zone, got 2027-01-01T00"),  # noqa: DTZ001
    ],
)
def test_a_key_that_can_not_be_made_is_refused(wrong, message):
    made(name="taken")

    with pytest.raises(ApiKeyError, match=message):
        made(**wrong)

    assert ApiKey.objects.count() == 1


def test_a_change_leaves_secret_and_use_alone():
    record, key = made()
    api_key_admit(key, ip=IP, at=NOW)

    changed = api_key_change(
        name="shop",
        scopes=["segments:read"],
        rate_limit=None,
        allowed_networks=["192.0.2.1/32"],
        partner="acme",
        expires_at=NOW + HOUR,
    )

    assert api_key_admit(key, ip=IP, at=NOW) == changed == record
    changed.refresh_from_db()
    assert (changed.scopes, changed.rate_limit) == (["segments:read"], None)
    assert (changed.allowed_networks, changed.expires_at) == (["192.0.2.1"], NOW + HOUR)
    assert changed.partner == "acme"
    assert (changed.digest, changed.last_used_at) == (record.digest, NOW)
