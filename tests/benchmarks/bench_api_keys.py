"""What it costs to admit a request by its API key, beside a bare ``SELECT 1``.

With a limit and without, over the limit, and with eight connections on one key beside eight on a
key each: the difference is what waiting for the key's row costs.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench``, or ``pytest tests/benchmarks/bench_api_keys.py -s``
"""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from statistics import quantiles

import pytest
from django.db import connection

from lifecycle_engine.core.models import RATE_LIMIT_HIGHEST
from lifecycle_engine.core.services import ApiKeyLimitError, api_key_admit, api_key_create

REQUESTS = 2_000
CONNECTIONS = 8
EACH = 400


def _key(name: str, rate_limit: int | None) -> str:
    return api_key_create(name=name, scopes=["events:write"], rate_limit=rate_limit)[1]


def _admit(key: str) -> None:
    with suppress(ApiKeyLimitError):
        api_key_admit(key, ip="192.0.2.1")


def _bare() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def _timed(name: str, call: Callable[[], None]) -> None:
    for _ in range(100):
        call()
    seconds = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    percentiles = quantiles(seconds, n=100)
    median, p99 = 1e6 * percentiles[49], 1e6 * percentiles[98]
    sys.stdout.write(f"{name:<34}median {median:>6,.0f} µs, p99 {p99:>7,.0f} µs\n")


def _together(name: str, keys: Sequence[str]) -> None:
    def requests(key: str) -> None:
        try:
            for _ in range(EACH):
                _admit(key)
        finally:
            connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(requests, keys))
    rate = CONNECTIONS * EACH / (time.perf_counter() - began)
    sys.stdout.write(f"{name:<34}{rate:>6,.0f} a second\n")


@pytest.mark.django_db(transaction=True)
def test_admission():
    limited = _key("limited", RATE_LIMIT_HIGHEST)
    unlimited, refused = _key("unlimited", None), _key("refused", 1)
    own = [_key(f"own-{number}", RATE_LIMIT_HIGHEST) for number in range(CONNECTIONS)]

    sys.stdout.write("\n")
    _timed("SELECT 1", _bare)
    _timed("key without a limit", lambda: _admit(unlimited))
    _timed("key with a limit", lambda: _admit(limited))
    _timed("key over its limit", lambda: _admit(refused))
    _together("8 connections, a key each", own)
    _together("8 connections, one key", [limited] * CONNECTIONS)
