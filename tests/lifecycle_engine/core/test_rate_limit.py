"""The limit of an API key holds across connections, and says when it ends."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from lifecycle_engine.core.models import ApiKey
from lifecycle_engine.core.services import (
    ApiKeyLimitError,
    ApiKeyUnknownError,
    api_key_admit,
    api_key_create,
)


def key_with(rate_limit: int | None) -> str:
    """A new key with the limit."""
    _, key = api_key_create(name="shop", scopes=["events:write"], rate_limit=rate_limit)
    return key


def admitted(key: str) -> bool:
    """Whether a request with the key is admitted now."""
    try:
        api_key_admit(key, ip="")
    except ApiKeyLimitError:
        return False
    return True


def time_passes(seconds: float) -> None:
    """Let the buckets believe that it is later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_apikeybucket SET full_at = full_at - %s", [timedelta(seconds=seconds)]
        )


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [1, 7, 30])
def test_a_minute_s_worth_may_come_at_once_and_no_more(limit):
    key = key_with(limit)

    assert [admitted(key) for _ in range(limit + 2)] == [True] * limit + [False] * 2


@pytest.mark.django_db
def test_requests_come_back_one_by_one():
    key = key_with(6)
    while admitted(key):
        pass

    with pytest.raises(ApiKeyLimitError) as refusal:
        api_key_admit(key, ip="")

    # A request every ten seconds; all six after a minute.
    assert (refusal.value.retry_after, refusal.value.reset_after) == (10, 60)
    assert str(refusal.value) == (
        "The API key has used up its 6 requests a minute; try again in 10 s."
    )
    time_passes(9)
    assert not admitted(key)
    time_passes(1)
    assert [admitted(key), admitted(key)] == [True, False]
    time_passes(1000)
    assert [admitted(key) for _ in range(7)] == [True] * 6 + [False]


@pytest.mark.django_db
def test_a_fast_limit_still_says_whole_seconds():
    key = key_with(600)
    while admitted(key):
        pass

    with pytest.raises(ApiKeyLimitError) as refusal:
        api_key_admit(key, ip="")

    assert (refusal.value.retry_after, refusal.value.reset_after) == (1, 60)


@pytest.mark.django_db
def test_refused_requests_cost_nothing():
    key = key_with(6)
    while admitted(key):
        pass
    for _ in range(20):
        assert not admitted(key)

    time_passes(10)
    assert admitted(key)


@pytest.mark.django_db
def test_without_a_limit_nothing_is_counted():
    key = key_with(None)

    assert all(admitted(key) for _ in range(100))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM core_apikeybucket WHERE full_at > now()")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_a_raised_limit_holds_at_once():
    key = key_with(2)
    while admitted(key):
        pass

    ApiKey.objects.update(rate_limit=30)

    # The bucket is as empty as before; it fills faster now.
    assert not admitted(key)
    time_passes(6)
    assert [admitted(key) for _ in range(4)] == [True] * 3 + [False]


@pytest.mark.django_db
def test_a_wrong_secret_uses_nothing_up():
    key = key_with(1)

    with pytest.raises(ApiKeyUnknownError):
        api_key_admit(key + "x", ip="")

    assert admitted(key)


@pytest.mark.django_db
def test_keys_have_limits_of_their_own():
    key = key_with(1)
    _, other = api_key_create(name="other", scopes=["events:write"], rate_limit=1)

    assert [admitted(key), admitted(key), admitted(other)] == [True, False, True]


@pytest.mark.django_db(transaction=True)
def test_eight_connections_together_get_no_more_than_the_limit():
    limit, each = 120, 40
    key = key_with(limit)
    ready = threading.Barrier(8)

    def requests() -> int:
        try:
            connection.ensure_connection()
            ready.wait()
            return sum(admitted(key) for _ in range(each))
        finally:
            connection.close()

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        counts = [future.result() for future in [pool.submit(requests) for _ in range(8)]]
    seconds = time.monotonic() - began

    # All that were there at the beginning, and at most those that came back meanwhile: 320 wanted.
    assert limit <= sum(counts) <= limit + int(seconds * limit / 60)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("commits", [True, False])
def test_who_comes_second_waits_and_sees_what_the_first_took(commits):
    key = key_with(1)
    seen: list[bool] = []

    def second() -> None:
        try:
            seen.append(admitted(key))
        finally:
            connection.close()

    waiting = threading.Thread(target=second)
    with transaction.atomic():
        assert admitted(key)
        waiting.start()
        waiting.join(0.3)
        assert seen == []
        if not commits:
            transaction.set_rollback(True)
    waiting.join(10)

    assert seen == [not commits]
