"""What a score takes that is worked out when it is asked for, beside reading what it goes by.

The log has ``BENCH_EVENTS`` (2,000,000 by default) events of 20,000 customers in two years, a tenth
of them orders. One customer after another is asked for by API, in this process, with all that a
request does, and ten at once. The reference is one query for a customer's events, which is the
least that anything can do that looks at them now.

Not a test: it asserts nothing about speed and is collected only when it is named.
``make bench-momentary``
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle

import numpy as np
import pandas as pd
import pytest
from django.db import connection
from rest_framework.test import APIClient

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Event
from lifecycle_engine.events.partitions import partitions_ensure
from lifecycle_engine.scoring.artefacts import artefact_save
from lifecycle_engine.scoring.models import ModelVersion, ScorerSetting
from plugins.propensity.hour import PurchaseNextHour

EVENTS = int(os.environ.get("BENCH_EVENTS", "2_000_000"))
CUSTOMERS = 20_000
END = datetime(2017, 12, 1, 17, 20, tzinfo=UTC)
DAYS = 720
TIMES = 300
URL = f"/api/v1/scorers/{PurchaseNextHour.key}/score/"

_MAKE = """
INSERT INTO events_event (id, source, message_id, customer_id, name, properties, occurred_at)
SELECT
    gen_random_uuid(), 'bench', number::text, %(first)s + number %% %(customers)s,
    CASE WHEN hashint8(number) %% 10 = 0 THEN 'Order Completed' ELSE 'Product Viewed' END,
    jsonb_build_object('product_id', (number %% 9999)::text, 'value', 3.5),
    %(end)s - (number::float8 / %(events)s) * %(days)s * interval '1 day'
FROM generate_series(1, %(events)s) AS number
"""


@pytest.mark.django_db(transaction=True)
def test_one_customer_and_ten_at_once(settings):
    settings.ENGINE_NOW = END
    people = _shop()
    _champion()
    _record, key = api_key_create(name="bench", scopes=[Scope.CUSTOMERS_READ], rate_limit=None)
    client = APIClient(headers={"Authorization": f"Bearer {key}"})
    some = cycle(np.random.default_rng(1).permutation(len(people)).tolist())

    def asked(count: int) -> None:
        names = [people[next(some)].external_id for _ in range(count)]
        answer = client.post(URL, {"customers": names}, format="json").json()
        assert len(answer["scores"]) + len(answer["refused"]) == count, answer

    def read() -> None:
        assert list(Event.objects.filter(customer=people[next(some)]).values_list())

    bare = _times(read)
    _say(f"{EVENTS:,} events of {CUSTOMERS:,} customers")
    _say(f"  a customer's events by one query  {_told(bare)}")
    for count in (1, 10):
        found = _times(lambda count=count: asked(count))
        ratio = np.median(found) / np.median(bare)
        said = f"{_told(found)}, {ratio:.0f} times the query"
        _say(f"  {count:2} by API                         {said}")


def _shop() -> list[Customer]:
    people = Customer.objects.bulk_create(
        Customer(external_id=f"customer-{number}") for number in range(CUSTOMERS)
    )
    partitions_ensure(months=[END - timedelta(days=15 * half) for half in range(DAYS // 15 + 1)])
    with connection.cursor() as cursor:
        given = {"events": EVENTS, "customers": CUSTOMERS, "days": DAYS, "end": END}
        cursor.execute(_MAKE, given | {"first": people[0].pk})
        cursor.execute("ANALYZE events_event")
    return people


def _champion() -> None:
    """A model of something: what it has learned does not matter to how long it takes."""
    scorer, rng = PurchaseNextHour(), np.random.default_rng(1)
    names = scorer.feature_names()
    frame = pd.DataFrame(rng.lognormal(2.0, 1.0, (5_000, len(names))), columns=list(names))
    cutoffs = [END - timedelta(days=number % 5) for number in frame.index]
    frame.index = pd.MultiIndex.from_arrays([cutoffs, frame.index], names=["cutoff", "customer_id"])
    signal = frame["orders_84d"].rank(pct=True) + rng.normal(0, 0.3, len(frame))
    scorer.fit(frame, (signal > 0.9).astype(float), validation=None, rng=rng)
    artefact = artefact_save(folder="models", state=scorer.state())
    ScorerSetting.objects.create(key=scorer.key, mode="live")
    ModelVersion.objects.create(
        scorer_key=scorer.key,
        number=1,
        state="champion",
        as_of=END,
        train_seconds=0,
        rows=len(frame),
        algorithm=scorer.algorithm,
        config=scorer.config.model_dump(mode="json"),
        artefact=artefact.path,
        sha256=artefact.sha256,
        fingerprint="1",
        card={"better_than_baseline": True},
    )


def _times(work: Callable[[], None]) -> list[float]:
    """Milliseconds, the first few left out."""
    taken = []
    for _ in range(TIMES + 20):
        began = time.perf_counter()
        work()
        taken.append(1_000 * (time.perf_counter() - began))
    return taken[20:]


def _told(times: list[float]) -> str:
    half, most = np.percentile(times, (50, 99))
    return f"{half:6.1f} ms, 99 of 100 within {most:6.1f} ms"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
