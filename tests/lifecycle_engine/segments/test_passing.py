"""Joining and leaving because time passes; and any story against a rebuild from nothing."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments import passing, selectors, services, touched
from lifecycle_engine.segments.models import MembershipChange, TouchedCustomer
from lifecycle_engine.segments.rules import rule_parse, rule_select
from lifecycle_engine.warehouse.mirror import mirror_run
from lifecycle_engine.warehouse.session import warehouse_session
from tests.factories.events import identify, track
from tests.factories.segments import NOW, SegmentFactory, country_rule, rule

pytestmark = pytest.mark.django_db(transaction=True)

_LATELY = {"condition": "event.count", "name": "Product Viewed", "at_least": 1, "days": 2}


def view(user, message, *, at, event="Product Viewed"):
    item = track(message, event=event, userId=user, timestamp=at.isoformat())
    ingest(item | {"properties": {"total": 10, "products": [{"sku": "tea"}]}}, at=at)


def ingest(item, *, at):
    assert events_ingest(source="shop", items=[item], received_at=at).rejected == []


def computed(**columns):
    segment = SegmentFactory(**columns)
    services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")
    return segment


def take_in(at):
    while touched.touched_collect(at=at):
        pass
    while touched.touched_settle(at=at) is not None:
        pass


def members(segment):
    return selectors.segment_member_ids(segment_id=segment.pk).tolist()


def after(**time):
    return NOW + timedelta(**time)


@pytest.mark.parametrize("mirrored", [True, False])
def test_whose_event_leaves_the_window_leaves_the_segment(mirrored):
    segment = computed(key="lately", rule=rule(_LATELY))
    reader = computed(rule=rule({"condition": "segment.member", "segment": "lately"}, group="none"))
    view("ada", "m1", at=NOW - timedelta(days=1))
    take_in(NOW)
    if mirrored:
        mirror_run()
    (ada,) = members(segment)

    assert passing.time_pass(at=after(hours=23)).failed == {}
    assert (members(segment), members(reader)) == ([ada], [])
    report = passing.time_pass(at=after(hours=25))

    assert (members(segment), members(reader)) == ([], [ada])
    assert sum(result.left for result in report.refreshed) == 1
    segment.refresh_from_db()
    assert (segment.as_of, segment.size) == (after(hours=25), 0)
    left = MembershipChange.objects.get(segment=segment, kind="left")
    assert (left.cause, left.at) == ("time", after(hours=25))
    assert passing.time_pass(at=after(hours=25)) is None


def test_only_those_are_asked_for_whom_time_has_passed(monkeypatch):
    computed(rule=rule(_LATELY))
    view("ada", "m1", at=NOW - timedelta(days=1))
    view("bob", "m2", at=NOW - timedelta(days=40))
    take_in(NOW)
    mirror_run()
    passing.time_pass(at=after(hours=1))
    asked = []
    real = passing.held_ask
    monkeypatch.setattr(
        passing,
        "held_ask",
        lambda held, ids, *rest: asked.append(list(ids)) or real(held, ids, *rest),
    )

    passing.time_pass(at=after(hours=2))
    passing.time_pass(at=after(hours=30))

    assert asked == [[], [Customer.objects.get(external_id="ada").pk]]


def test_too_many_make_a_whole_refresh_that_comes_a_while_later(monkeypatch):
    monkeypatch.setattr(passing, "CUSTOMERS_AT_MOST", 1)
    segment = computed(rule=rule(_LATELY))
    for user in ("ada", "bob"):
        view(user, user, at=NOW - timedelta(days=1))
    take_in(NOW)
    mirror_run()
    TouchedCustomer.objects.all().delete()

    passing.time_pass(at=after(hours=25))

    segment.refresh_from_db()
    assert (segment.upkeep, segment.refresh_cause, segment.as_of) == ("waiting", "time", NOW)
    assert len(members(segment)) == 2


def test_nothing_is_kept_of_who_was_asked_when_time_stands_still():
    computed(rule=rule(_LATELY))
    view("ada", "m1", at=NOW - timedelta(days=1))
    take_in(NOW)
    assert TouchedCustomer.objects.count() == 1

    assert passing.time_pass(at=NOW) is None

    assert not TouchedCustomer.objects.exists()


LEAVES = [
    _LATELY,
    {"condition": "event.absent", "name": "Order Completed", "days": 1},
    {"condition": "event.count", "name": "Product Viewed", "at_most": 1, "days": 3},
    {"condition": "order.total", "at_least": 15, "days": 2},
    {"condition": "order.recency", "at_least_days": 1, "at_most_days": 2},
    country_rule("DE")["rule"]["all"][0],
    {"condition": "segment.member", "segment": "inner"},
]
USERS = ("ada", "bob", "eve")
happenings = st.one_of(
    st.tuples(
        st.just("event"),
        st.sampled_from(USERS),
        st.sampled_from(["Order Completed", "Product Viewed"]),
        st.integers(-10, 70),
    ),
    st.tuples(st.just("identify"), st.sampled_from(USERS), st.sampled_from(["DE", "FR"])),
    st.tuples(st.just("hours"), st.integers(1, 40)),
    st.sampled_from([("mirror",), ("touched",), ("time",), ("collect",), ("whole",)]),
)
groups = st.tuples(
    st.sampled_from(["all", "any", "none"]),
    st.lists(st.sampled_from(LEAVES), min_size=1, max_size=3),
)


def play(happening, message, run, at):
    """One thing that happens; returns the time after it."""
    kind, *how = happening
    if kind == "event":
        view(f"{how[0]}-{run}", message, event=how[1], at=at - timedelta(hours=how[2]))
    elif kind == "identify":
        item = identify(message, country=how[1]) | {"userId": f"{how[0]}-{run}"}
        ingest(item | {"timestamp": at.isoformat()}, at=at)
    elif kind == "hours":
        at += timedelta(hours=how[0])
    else:
        PASSES[kind](at)
    return at


PASSES = {
    "mirror": lambda at: mirror_run(),
    "touched": take_in,
    "collect": lambda at: touched.touched_collect(at=at),
    "time": lambda at: passing.time_pass(at=at),
    "whole": lambda at: services.segments_refresh_all(at=at),
}


@hypothesis_settings(
    max_examples=4,
    # To make a failure smaller takes minutes here, and the story can be read as it is.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rules=st.lists(groups, min_size=1, max_size=3), story=st.lists(happenings, max_size=10))
def test_any_story_ends_as_a_rebuild_from_nothing_would(rules, story, tmp_path, settings):
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE events_event, events_eventreceipt, events_reader CASCADE")
        cursor.execute("TRUNCATE segments_segment, segments_touchedcustomer CASCADE")
    run = uuid4().hex[:8]
    settings.WAREHOUSE_URL = f"duckdb://{tmp_path}/{run}?threads=1"
    segments = [computed(key="inner", rule=rule(_LATELY))]
    segments += [
        computed(key=f"s{number}", rule=rule(*leaves, group=group))
        for number, (group, leaves) in enumerate(rules)
    ]
    at = NOW
    for number, happening in enumerate(story):
        at = play(happening, f"{run}-{number}", run, at)

    at += timedelta(minutes=1)
    take_in(at)
    passing.time_pass(at=at)

    mirror_run()
    for segment in segments:
        segment.refresh_from_db()
        assert (segment.error, segment.as_of) == ("", at)
        with warehouse_session(as_of=at) as tables:
            found = rule_select(rule_parse(segment.rule), tables)["customer_id"].to_pylist()
        assert members(segment) == sorted(found), segment.rule
        assert segment.size == len(found)
