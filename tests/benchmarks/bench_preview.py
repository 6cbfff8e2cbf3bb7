"""How soon a change of an unsaved rule shows its size.

Not a test: it asserts nothing about speed and is collected only when it is named.
``pytest tests/benchmarks/bench_preview.py -s``. The size is that of ``BENCH_CUSTOMERS`` (50,000)
and ``BENCH_EVENTS`` (20 for each customer), measured ``BENCH_ROUNDS`` times (9), each time another
rule.
"""

import os
import sys
import time
from statistics import median
from typing import Any

import pytest

from lifecycle_engine.segments import preview_sessions
from lifecycle_engine.segments.preview import rule_preview
from tests.benchmarks.history import AS_OF, history

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "50000"))
EVENTS = int(os.environ.get("BENCH_EVENTS", str(20 * CUSTOMERS)))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))


def document(days: int) -> dict[str, Any]:
    """Three leaves over happenings, in windows of about 90 days."""
    viewed = {"condition": "event.count", "name": "Product Viewed", "at_least": 2, "days": days}
    bought = {"condition": "order.total", "at_least": 20, "days": days}
    back = {"condition": "event.absent", "name": "Order Refunded", "days": days}
    return {"version": 1, "rule": {"all": [viewed, bought, back]}}


@pytest.mark.django_db
def test_a_changed_rule(monkeypatch, settings):
    made = history(customers=CUSTOMERS, events=EVENTS)
    people = made.customers()
    monkeypatch.setattr(
        preview_sessions,
        "warehouse_session",
        lambda as_of: made.tables(customers=people, as_of=as_of),
    )
    preview_sessions.preview_sessions.close()
    taken, sizes = [], []
    for days in range(90 - ROUNDS, 91):
        started = time.perf_counter()
        sizes.append(rule_preview(document=document(days), at=AS_OF).size)
        taken.append(time.perf_counter() - started)
    preview_sessions.preview_sessions.close()
    first, *changed = taken
    sys.stdout.write(
        f"\n{CUSTOMERS:,} customers, {EVENTS:,} events, {sizes[-1]:,} selected:"
        f" first {first:.2f} s, then median {median(changed):.3f} s,"
        f" slowest {max(changed):.3f} s\n"
    )
