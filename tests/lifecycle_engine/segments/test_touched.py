"""From the log to membership, whatever the columnar copy has."""

from datetime import timedelta

import pytest

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Reader
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments import refreshing, selectors, services, touched
from lifecycle_engine.segments.models import Segment, TouchedCustomer
from lifecycle_engine.warehouse import mirror
from tests.factories.segments import NOW, SegmentFactory, ago, country_rule, rule
from tests.locks import held_elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

_VIEWED = rule({"condition": "event.count", "name": "Product Viewed", "at_least": 1})


def _view(user, number=0, days=2.0):
    item = {
        "type": "track",
        "event": "Product Viewed",
        "userId": user,
        "messageId": f"{user}-{number}",
        "timestamp": ago(days).isoformat(),
        "properties": {},
    }
    result = events_ingest(source="shop", items=[item], received_at=NOW)
    assert result.accepted == 1
    return Customer.objects.get(external_id=user).pk


def _computed(**columns):
    segment = SegmentFactory(**columns)
    services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")
    return segment


def _computing(segment):
    """Another session computes the segment."""
    return held_elsewhere(f"segment:{segment.pk}")


def _waiting():
    return TouchedCustomer.objects.filter(asked_at=None).count()


def _member_ids(segment):
    return selectors.segment_member_ids(segment_id=segment.pk).tolist()


def test_an_event_is_in_membership_though_the_mirror_never_ran():
    segment = _computed(rule=_VIEWED)
    ada = _view("ada")

    assert touched.touched_collect(at=NOW) == 1
    report = touched.touched_settle(at=NOW)

    assert not Reader.objects.filter(name=mirror.READER).exists()
    assert [result.joined for result in report.refreshed] == [1]
    assert (_member_ids(segment), _waiting()) == ([ada], 0)
    assert touched.touched_settle(at=NOW) is None


def test_nobody_is_collected_for_no_segment_and_a_later_one_misses_nobody():
    ada = _view("ada")

    assert touched.touched_collect(at=NOW) == 1
    assert _waiting() == 0
    segment = SegmentFactory(rule=_VIEWED)
    mirror.mirror_run()
    services.segment_refresh(segment_id=segment.pk, at=NOW, cause="definition")

    assert _member_ids(segment) == [ada]


def test_a_whole_refresh_keeps_what_the_columnar_copy_lacks():
    segment = _computed(rule=_VIEWED)
    ada = _view("ada")
    mirror.mirror_run()
    bob = _view("bob")
    touched.touched_collect(at=NOW)
    touched.touched_settle(at=NOW)

    result = services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")

    assert (result.size, result.joined, result.left) == (2, 0, 0)
    assert _member_ids(segment) == [ada, bob]


def test_a_whole_refresh_waits_for_a_copy_that_lacks_too_much(monkeypatch):
    monkeypatch.setattr(refreshing, "NEWS_AT_MOST", 1)
    segment = _computed(rule=_VIEWED)
    ada = _view("ada")
    touched.touched_collect(at=NOW)
    touched.touched_settle(at=NOW)
    _view("bob")

    with pytest.raises(refreshing.CopyBehindError):
        services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")

    segment.refresh_from_db()
    assert (segment.upkeep, segment.error) == ("waiting", "")
    assert segment.waits_for == "the columnar copy of the log is too far behind"
    assert _member_ids(segment) == [ada]
    mirror.mirror_run()
    services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")
    segment.refresh_from_db()
    assert (segment.upkeep, segment.waits_for, segment.size) == ("current", "", 2)


def test_what_lies_ahead_is_taken_in_once_it_has_happened():
    segment = _computed(rule=_VIEWED)
    ada = _view("ada", days=-0.5)

    touched.touched_collect(at=NOW)
    touched.touched_settle(at=NOW)
    assert (_member_ids(segment), _waiting()) == ([], 1)

    touched.touched_settle(at=NOW + timedelta(days=0.6))
    assert (_member_ids(segment), _waiting()) == ([ada], 0)


def test_a_clock_that_is_behind_undoes_nothing():
    segment = _computed(rule=_VIEWED)
    ada = _view("ada", days=-0.01)
    touched.touched_collect(at=NOW)
    touched.touched_settle(at=NOW + timedelta(minutes=30))
    assert _member_ids(segment) == [ada]

    touched.customers_touch(customer_ids=[ada], at=NOW)
    touched.touched_settle(at=NOW)
    services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")

    assert _member_ids(segment) == [ada]
    segment.refresh_from_db()
    assert segment.as_of == NOW + timedelta(minutes=30)


def test_a_segment_that_is_being_computed_is_asked_afterwards():
    busy, free = _computed(key="busy", rule=_VIEWED), _computed(key="free", rule=_VIEWED)
    reader = _computed(rule=rule({"condition": "segment.member", "segment": "busy"}))
    ada = _view("ada")
    touched.touched_collect(at=NOW)

    with _computing(busy):
        touched.touched_settle(at=NOW)
        assert (_member_ids(busy), _member_ids(free), _member_ids(reader)) == ([], [ada], [])
        assert list(TouchedCustomer.objects.filter(asked_at=None).values_list("segment_id")) == [
            (busy.pk,)
        ]
        # There is nothing that could be done now.
        assert touched.touched_settle(at=NOW) is None

    touched.touched_settle(at=NOW)
    assert (_member_ids(busy), _member_ids(reader)) == ([ada], [ada])
    assert _waiting() == 0


def test_a_new_rule_is_not_asked_before_its_members_are_complete():
    segment = _computed(rule=_VIEWED)
    bob = Customer.objects.create(external_id="bob", country="DE")
    Segment.objects.filter(pk=segment.pk).update(rule=country_rule("DE"), version=2)
    ada = _view("ada")
    Customer.objects.filter(pk=ada).update(country="DE")
    touched.touched_collect(at=NOW)

    touched.touched_settle(at=NOW)
    assert _member_ids(segment) == []

    services.segment_refresh(segment_id=segment.pk, at=NOW, cause="definition")
    assert _member_ids(segment) == sorted([ada, bob.pk])


def test_a_crash_before_the_cursor_moves_collects_nobody(monkeypatch):
    _computed(rule=_VIEWED)
    _view("ada")
    execute = touched.sql_execute

    def crash(*arguments):
        execute(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(touched, "sql_execute", crash)
    with pytest.raises(KeyboardInterrupt):
        touched.touched_collect(at=NOW)

    assert _waiting() == 0
    assert Reader.objects.get(name="segments").read_total == 0


def test_a_crash_while_settling_repeats_it(monkeypatch):
    segment = _computed(rule=_VIEWED)
    ada = _view("ada")
    touched.touched_collect(at=NOW)
    refresh = touched.held_ask

    def crash(*arguments):
        refresh(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(touched, "held_ask", crash)
    with pytest.raises(KeyboardInterrupt):
        touched.touched_settle(at=NOW)
    monkeypatch.undo()
    report = touched.touched_settle(at=NOW)

    assert [(result.joined, result.size) for result in report.refreshed] == [(0, 1)]
    assert _member_ids(segment) == [ada]
    assert segment.changes.count() == 1
    assert _waiting() == 0


def test_customers_may_be_touched_by_what_is_not_in_the_log():
    segment = _computed()
    customer = Customer.objects.create(external_id="c", country="DE")

    touched.customers_touch(customer_ids=[customer.pk], at=NOW)
    touched.touched_settle(at=NOW + timedelta(hours=1))

    assert _member_ids(segment) == [customer.pk]
