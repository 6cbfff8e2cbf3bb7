"""From the log to membership, in step with the columnar copy."""

from datetime import timedelta

import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Reader
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments import selectors, services, touched
from lifecycle_engine.segments.models import TouchedCustomer
from lifecycle_engine.warehouse.mirror import mirror_run
from tests.factories.segments import NOW, SegmentFactory, ago, rule

pytestmark = pytest.mark.django_db(transaction=True)

_VIEWED = rule({"condition": "event.count", "name": "Product Viewed", "at_least": 1})


def _view(user, number=0):
    item = {
        "type": "track",
        "event": "Product Viewed",
        "userId": user,
        "messageId": f"{user}-{number}",
        "timestamp": ago(2).isoformat(),
        "properties": {},
    }
    result = events_ingest(source="shop", items=[item], received_at=NOW)
    assert result.accepted == 1
    return Customer.objects.get(external_id=user).pk


def _computed(**columns):
    segment = SegmentFactory(**columns)
    services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")
    return segment


def _member_ids(segment):
    return selectors.segment_member_ids(segment_id=segment.pk).tolist()


def test_collected_customers_wait_for_the_columnar_copy():
    segment = _computed(rule=_VIEWED)
    ada = _view("ada")

    assert touched.touched_collect() == 1
    assert touched.touched_settle(at=NOW) is None
    assert (_member_ids(segment), TouchedCustomer.objects.count()) == ([], 1)

    mirror_run()
    report = touched.touched_settle(at=NOW)

    assert [result.joined for result in report.refreshed] == [1]
    assert (_member_ids(segment), TouchedCustomer.objects.count()) == ([ada], 0)
    assert touched.touched_settle(at=NOW) is None


def test_news_that_the_copy_lacks_stays_collected():
    segment = _computed(rule=_VIEWED)
    ada = _view("ada")
    mirror_run()
    touched.touched_collect()
    bob = _view("bob")
    touched.touched_collect()

    touched.touched_settle(at=NOW)

    assert _member_ids(segment) == [ada]
    assert list(TouchedCustomer.objects.values_list("customer_id", flat=True)) == [bob]


def test_a_crash_before_the_cursor_moves_collects_nobody(monkeypatch):
    _view("ada")
    create = TouchedCustomer.objects.bulk_create

    def crash(*arguments, **options):
        create(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(TouchedCustomer.objects, "bulk_create", crash)
    with pytest.raises(KeyboardInterrupt):
        touched.touched_collect()

    assert not TouchedCustomer.objects.exists()
    assert Reader.objects.get(name="segments").read_total == 0


def test_a_crash_while_settling_repeats_it(monkeypatch):
    segment = _computed(rule=_VIEWED)
    ada = _view("ada")
    mirror_run()
    touched.touched_collect()
    refresh = touched.segments_refresh_touched

    def crash(**arguments):
        refresh(**arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(touched, "segments_refresh_touched", crash)
    with pytest.raises(KeyboardInterrupt):
        touched.touched_settle(at=NOW)
    monkeypatch.undo()
    report = touched.touched_settle(at=NOW)

    assert [(result.joined, result.size) for result in report.refreshed] == [(0, 1)]
    assert _member_ids(segment) == [ada]
    assert segment.changes.count() == 1
    assert not TouchedCustomer.objects.exists()


def test_customers_touched_by_something_else_do_not_wait():
    segment = _computed()
    customer = Customer.objects.create(external_id="c", country="DE")

    touched.customers_touch(customer_ids=[customer.pk])
    touched.touched_settle(at=NOW + timedelta(hours=1))

    assert _member_ids(segment) == [customer.pk]
