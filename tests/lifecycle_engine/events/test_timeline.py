"""A customer's events, page by page."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from lifecycle_engine.core.sql import sql_text
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.events.timeline import Place, place_read, timeline
from tests.factories.events import track

pytestmark = pytest.mark.django_db

NOW = datetime(2017, 12, 1, tzinfo=UTC)
END = Place(NOW)


def stored(*moments, user="u1", event="E", prefix=""):
    """An event at each moment, called by its number; returns whose they are."""
    items = [
        track(f"{user}-{prefix}{number}", userId=user, event=f"{event} {number}",
              timestamp=at.isoformat())
        for number, at in enumerate(moments)
    ]  # fmt: skip
    events_ingest(source="shop", items=items, received_at=NOW)
    return Customer.objects.get(external_id=user).pk


def names(events):
    return [event.name for event in events]


def test_pages_follow_one_another_over_months_and_equal_moments():
    moments = [NOW - timedelta(days=11 * (number // 3)) for number in range(20)]
    customer_id = stored(*moments)

    pages, before = [], END
    while page := timeline(customer_ids=[customer_id], before=before, limit=4):
        pages.append(page)
        before = Place(page[-1].occurred_at, page[-1].id)

    events = [event for page in pages for event in page]
    assert [len(page) for page in pages] == [4, 4, 4, 4, 4]
    assert sorted(names(events)) == sorted(f"E {number}" for number in range(20))
    places = [(event.occurred_at, event.id) for event in events]
    assert places == sorted(places, reverse=True)
    assert events[0].properties == {"product_id": "sku-1"}


def test_several_profiles_are_one_history_and_others_are_left_out():
    first = stored(NOW - timedelta(days=1), NOW - timedelta(days=40), user="a", event="A")
    second = stored(NOW - timedelta(days=2), NOW - timedelta(days=60), user="b", event="B")
    stored(NOW - timedelta(days=3), user="c", event="C")

    found = timeline(customer_ids=[second, first], before=END, limit=3)

    assert names(found) == ["A 0", "B 0", "A 1"]
    assert timeline(customer_ids=[], before=END, limit=3) == []


def test_only_what_is_wanted_is_found():
    customer_id = stored(*(NOW - timedelta(days=day) for day in range(0, 100, 10)))

    def found(**wanted):
        return names(timeline(customer_ids=[customer_id], **{"before": END, "limit": 9} | wanted))

    assert found(names=["E 7", "E 2"]) == ["E 2", "E 7"]
    assert found(names=[]) == []
    assert found(start=NOW - timedelta(days=20)) == ["E 0", "E 1", "E 2"]
    assert found(before=Place(NOW - timedelta(days=70))) == ["E 7", "E 8", "E 9"]
    assert found(before=Place(NOW - timedelta(days=70), UUID(int=0))) == ["E 8", "E 9"]


def test_months_that_a_page_does_not_need_are_not_read():
    customer_id = stored(*(NOW - timedelta(hours=6 * number) for number in range(300)))
    params = {"customer_ids": [customer_id], "at": NOW, "id": END.event_id, "limit": 26,
              "start": None, "names": None}  # fmt: skip

    with connection.cursor() as cursor:
        # As it would be with more rows than a test has.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("EXPLAIN (ANALYZE, COSTS OFF) " + sql_text("events", "timeline"), params)
        plan = [line for (line,) in cursor.fetchall()]

    scans = [line for line in plan if "Scan" in line and "events_event_" in line]
    september, november = ([s for s in scans if f"2017_{month}" in s] for month in ("09", "11"))
    assert all("never executed" in line for line in september)
    assert not any("never executed" in line for line in november)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2017-12-01T00:00:00~x", f"2017-12-01T00:00:00~{UUID(int=1)}"]
)
def test_what_is_no_place_is_none(text):
    assert place_read(text) is None


def test_a_place_is_read_as_it_was_written():
    place = Place(NOW, UUID(int=7))

    assert place_read(str(place)) == place
