"""How fast the first page of a customer's timeline is, in a large log.

The server makes ``TIMELINE_EVENTS`` (2,000,000 by default) events of two years, 100,000 of them one
customer's. The reference is a look at one event by its key, which any page needs at the least.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench-timeline``; with ``TIMELINE_EVENTS=20000000`` it takes some minutes and 8 GB of disk.
"""

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from django.db import connection
from django.urls import reverse

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Event
from lifecycle_engine.events.partitions import partitions_ensure
from lifecycle_engine.events.timeline import Place, timeline

EVENTS = int(os.environ.get("TIMELINE_EVENTS", "2_000_000"))
OF_ONE = 100_000
CUSTOMERS = 100_000
END = datetime(2017, 12, 1, tzinfo=UTC)
DAYS = 720
PAGE = 26
TIMES = 30

_MAKE = """
INSERT INTO events_event (id, source, message_id, customer_id, name, properties, occurred_at)
SELECT
    gen_random_uuid(), 'bench', number::text,
    CASE WHEN number %% %(every)s = 0 THEN %(one)s ELSE %(one)s + 1 + number %% %(customers)s END,
    CASE number %% 10 WHEN 0 THEN 'Order Completed' ELSE 'Product Viewed' END,
    jsonb_build_object('product_id', (number %% 9999)::text, 'value', 3.5),
    %(end)s - (number::float8 / %(events)s) * %(days)s * interval '1 day'
FROM generate_series(1, %(events)s) AS number
"""


def _milliseconds(work, times=TIMES):
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


@pytest.mark.django_db(transaction=True)
def test_timeline_speed(admin_client, settings):
    settings.ENGINE_NOW = END
    one = Customer.objects.create(external_id="one")
    partitions_ensure(months=[END - timedelta(days=15 * half) for half in range(DAYS // 15 + 1)])
    with connection.cursor() as cursor:
        params = {"events": EVENTS, "every": max(1, EVENTS // OF_ONE), "one": one.pk,
                  "customers": CUSTOMERS, "end": END, "days": DAYS}  # fmt: skip
        began = time.perf_counter()
        cursor.execute(_MAKE, params)
        made = time.perf_counter() - began
        cursor.execute("VACUUM ANALYZE events_event")
    events = timeline(customer_ids=[one.pk], before=Place(END), limit=PAGE)
    assert len(events) == PAGE
    middle = Place(END - timedelta(days=DAYS // 2))
    url = reverse("admin:customers_customer_change", args=[one.pk])
    admin_client.get(url)
    reference = median(_milliseconds(lambda: Event.objects.filter(pk=events[0].id).first()))
    figures = {
        "first page of the timeline": lambda: timeline(
            customer_ids=[one.pk], before=Place(END), limit=PAGE
        ),
        "a page in the middle": lambda: timeline(customer_ids=[one.pk], before=middle, limit=PAGE),
        "first page of orders": lambda: timeline(
            customer_ids=[one.pk], before=Place(END), limit=PAGE, names=["Order Completed"]
        ),
        "first page of an event that never happened": lambda: timeline(
            customer_ids=[one.pk], before=Place(END), limit=PAGE, names=["Never"]
        ),
        "the customer's whole page": lambda: admin_client.get(url),
    }
    sys.stdout.write(
        f"\n{EVENTS:,} events, {OF_ONE:,} of them one customer's, made in {made:.0f} s; "
        f"one event by its key: {reference:.2f} ms\n"
    )
    for name, work in figures.items():
        taken = _milliseconds(work)
        sys.stdout.write(
            f"{name}: median {median(taken):.1f} ms, slowest {max(taken):.1f} ms,"
            f" {median(taken) / reference:.1f} times the reference\n"
        )
