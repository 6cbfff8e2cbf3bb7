"""Saving segments and keeping their membership up."""

import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.segments import due, selectors, services, touched
from lifecycle_engine.segments.models import Membership, MembershipChange, Segment
from lifecycle_engine.segments.rules import RuleError
from lifecycle_engine.segments.tables import STAGES
from lifecycle_engine.warehouse import registry
from lifecycle_engine.warehouse.registry import LiveTable
from tests.factories.segments import NOW, MembershipFactory, SegmentFactory, country_rule, rule

_LATER = NOW + timedelta(days=1)


def _customers(*countries):
    rows = [Customer(external_id=f"c{i}", country=country) for i, country in enumerate(countries)]
    return [customer.pk for customer in Customer.objects.bulk_create(rows)]


def _changes(segment):
    rows = MembershipChange.objects.filter(segment=segment).order_by("at", "customer_id")
    return list(rows.values_list("customer_id", "kind", "at", "cause"))


def _news(customer_ids, *, at):
    """Have segments asked about customers as if they had news."""
    touched.customers_touch(customer_ids=customer_ids, at=at)
    return touched.touched_settle(at=at)


def _member_ids(segment):
    return selectors.segment_member_ids(segment_id=segment.pk).tolist()


def _member_of(key):
    return {"condition": "segment.member", "segment": key}


@pytest.fixture
def queued(monkeypatch):
    """What was queued, instead of a broker."""
    calls = []
    monkeypatch.setattr(due, "enqueue", lambda name, **arguments: calls.append((name, arguments)))
    return calls


@pytest.mark.django_db
def test_save_creates_and_queues_the_first_computation(queued):
    segment = services.segment_save(key="de", name="Germans", rule=country_rule("DE"), by="eva")

    assert (segment.version, segment.created_by, segment.updated_by) == (1, "eva", "eva")
    assert (segment.size, segment.as_of) == (None, None)
    assert segment.refresh_cause == "definition"
    assert segment.upkeep == "waiting"
    assert queued == [("segments.refresh_due", {})]


@pytest.mark.django_db
def test_save_makes_a_version_only_when_the_rule_changes(queued):
    services.segment_save(key="de", name="Germans", rule=country_rule("DE"), by="eva")
    renamed = services.segment_save(key="de", name="Deutsche", rule=country_rule("DE"), by="max")
    changed = services.segment_save(key="de", name="Deutsche", rule=country_rule("AT"), by="max")

    assert (renamed.version, renamed.name, renamed.created_by, renamed.updated_by) == (
        1,
        "Deutsche",
        "eva",
        "max",
    )
    assert (changed.version, changed.rule) == (2, country_rule("AT"))
    assert changed.updated_at >= changed.created_at
    assert len(queued) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("document", "path"),
    [
        (
            rule({"condition": "attribute", "field": "no", "operator": "missing"}),
            "rule.all[0].field",
        ),
        (rule(_member_of("nowhere")), "rule.all[0].segment"),
        (rule(_member_of("archived")), "rule.all[0].segment"),
        (rule(_member_of("de")), "rule.all[0].segment"),
        (rule({"none": [_member_of("b")]}), "rule.all[0].none[0].segment"),
    ],
)
def test_save_refuses_a_wrong_rule_and_changes_nothing(queued, document, path):
    before = SegmentFactory(key="de")
    SegmentFactory(key="archived", state="archived")
    SegmentFactory(key="a", rule=rule(_member_of("de")))
    SegmentFactory(key="b", rule=rule(_member_of("a"), country_rule("FR")["rule"]))

    with pytest.raises(RuleError) as refused:
        services.segment_save(key="de", name="New", rule=document)

    assert refused.value.path == path
    after = Segment.objects.get(pk=before.pk)
    assert (after.name, after.rule, after.version) == (before.name, before.rule, 1)
    assert queued == []


@pytest.mark.django_db
def test_a_cycle_is_named(queued):
    SegmentFactory(key="de")
    SegmentFactory(key="a", rule=rule(_member_of("de")))

    with pytest.raises(RuleError, match="makes a cycle: de → a → de"):
        services.segment_save(key="de", name="Loop", rule=rule(_member_of("a")))


@pytest.mark.django_db
def test_save_refuses_a_bad_key(queued):
    with pytest.raises(ValidationError, match="key"):
        services.segment_save(key="not a key", name="X", rule=country_rule("DE"))

    assert not Segment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_refresh_records_who_joined_and_who_left(queued):
    german, french, moved = _customers("DE", "FR", "FR")
    segment = SegmentFactory(error="old trouble")
    MembershipFactory(segment=segment, customer_id=moved)

    first = services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")
    Customer.objects.filter(pk=french).update(country="DE")
    second = services.segment_refresh(segment_id=segment.pk, at=_LATER, cause="definition")
    third = services.segment_refresh(segment_id=segment.pk, at=_LATER, cause="definition")

    assert (first.size, first.joined, first.left) == (1, 1, 1)
    assert (second.size, second.joined, second.left) == (2, 1, 0)
    assert (third.size, third.joined, third.left) == (2, 0, 0)
    assert _member_ids(segment) == [german, french]
    assert _changes(segment) == [
        (german, "joined", NOW, "schedule"),
        (moved, "left", NOW, "schedule"),
        (french, "joined", _LATER, "definition"),
    ]
    segment.refresh_from_db()
    assert (segment.size, segment.as_of, segment.error) == (2, _LATER, "")
    assert segment.refresh_seconds > 0


@pytest.mark.django_db(transaction=True)
def test_an_empty_rule_empties_the_segment(queued):
    (german,) = _customers("DE")
    segment = SegmentFactory(rule=rule(group="none"))
    MembershipFactory(segment=segment, customer_id=german)

    result = services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")

    assert (result.size, result.left) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_recorded_and_touches_neither_membership_nor_others(queued):
    class Broken(Condition):
        key = "dummy.broken"
        label = "Broken"

        def expression(self, tables, customers):
            return customers.no_such_column

    german, french = _customers("DE", "FR")
    gone = SegmentFactory(key="gone", rule=rule({"condition": "unplugged.thing"}))
    broken = SegmentFactory(key="broken", rule=rule({"condition": "dummy.broken"}))
    orphan = SegmentFactory(key="orphan", rule=rule(_member_of("broken")))
    fine = SegmentFactory(key="fine")
    for segment in (gone, broken, orphan):
        MembershipFactory(segment=segment, customer_id=french)

    with conditions.temporarily(Broken):
        report = services.segments_refresh_all(at=NOW)

    assert sorted(report.failed) == ["broken", "gone", "orphan"]
    assert [result.segment_id for result in report.refreshed] == [fine.pk]
    assert _member_ids(fine) == [german]
    errors = dict(Segment.objects.values_list("key", "error"))
    assert "is its plugin missing or switched off" in errors["gone"]
    assert errors["broken"].startswith("rule.all[0]: ")
    assert "no_such_column" in errors["broken"]
    assert errors["orphan"] == "segment 'broken' is not live or has no membership yet"
    assert errors["fine"] == ""
    for segment in (gone, broken, orphan):
        assert _member_ids(segment) == [french]
        assert _changes(segment) == []
        segment.refresh_from_db()
        assert segment.as_of is None


@pytest.mark.django_db(transaction=True)
def test_what_one_segment_meets_in_a_plugin_or_the_warehouse_stops_no_other(
    queued, settings, monkeypatch
):
    class NoSuchStarError(Exception):
        """A plugin's own, derived from nothing of the SDK's."""

    class Stars(Condition):
        key = "stars.ask"
        label = "Stars"

        def expression(self, tables, customers):
            raise NoSuchStarError("no star 42")

    german, french = _customers("DE", "FR")
    # The log of the Delta table "events" is damaged, and PostgreSQL refuses to give the stages.
    log = Path(urlsplit(settings.WAREHOUSE_URL).path) / "events" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text("damaged")
    unreadable = LiveTable("stages", STAGES, "SELECT * FROM no_such_table")
    monkeypatch.setitem(registry._tables, "stages", unreadable)
    broken = {
        "plugin": {"condition": "stars.ask"},
        "delta": {"condition": "event.count", "name": "Seen", "at_least": 1},
        "adbc": {"condition": "stage.is", "one_of": ["loyal"]},
    }
    with conditions.temporarily(Stars):
        for key, condition in broken.items():
            segment = SegmentFactory(key=key, rule=rule(condition), as_of=NOW, size=1)
            MembershipFactory(segment=segment, customer_id=french)
        fine = SegmentFactory(key="fine")
        whole = services.segments_refresh_all(at=NOW)
        Segment.objects.update(error="", as_of=NOW, members_version=1)
        partly = _news([german], at=NOW)

    assert sorted(whole.failed) == ["adbc", "delta", "plugin"]
    assert [result.segment_id for result in whole.refreshed] == [fine.pk]
    assert "Table 'events' can't be read: " in whole.failed["delta"]
    # Some customers are asked about without the columnar copy.
    assert sorted(partly.failed) == ["adbc", "plugin"]
    for report in (whole, partly):
        assert "rule.all[0]: NoSuchStarError: no star 42" in report.failed["plugin"]
        assert "Table 'stages' can't be read: " in report.failed["adbc"]
    assert _member_ids(fine) == [german]
    for key in ("plugin", "delta", "adbc"):
        assert (Segment.objects.get(key=key).error != "") == (key != "delta")
        assert _member_ids(Segment.objects.get(key=key)) == [french]


@pytest.mark.django_db(transaction=True)
def test_segments_that_others_read_come_first(queued):
    german, _french = _customers("DE", "FR")
    outer = SegmentFactory(key="a-outer", rule=rule(_member_of("z-inner")))
    inner = SegmentFactory(key="z-inner")

    report = services.segments_refresh_all(at=NOW)

    assert report.failed == {}
    assert [result.segment_id for result in report.refreshed] == [inner.pk, outer.pk]
    assert _member_ids(outer) == [german]


@pytest.mark.django_db(transaction=True)
def test_a_change_queues_the_segments_that_read_it(queued):
    _customers("DE")
    inner = SegmentFactory(key="inner")
    outer = SegmentFactory(key="outer", rule=rule(_member_of("inner")))

    services.segment_refresh(segment_id=inner.pk, at=NOW, cause="schedule")
    services.segment_refresh(segment_id=inner.pk, at=NOW, cause="schedule")

    outer.refresh_from_db()
    assert (outer.refresh_cause, outer.upkeep) == (f"segment:{inner.pk}", "waiting")
    assert queued == [("segments.refresh_due", {})]


@pytest.mark.django_db(transaction=True)
def test_touched_customers_alone_are_looked_at(queued):
    german, french, dutch = _customers("DE", "FR", "NL")
    inner = SegmentFactory(key="inner")
    outer = SegmentFactory(key="outer", rule=rule(_member_of("inner"), group="none"))
    never = SegmentFactory(key="never")
    services.segment_refresh(segment_id=inner.pk, at=NOW, cause="schedule")
    services.segment_refresh(segment_id=outer.pk, at=NOW, cause="schedule")
    Customer.objects.filter(pk=german).update(country="FR")
    Customer.objects.filter(pk__in=[french, dutch]).update(country="DE")

    report = _news([german, french], at=_LATER)

    assert report.failed == {}
    assert [(r.segment_id, r.size, r.joined, r.left) for r in report.refreshed] == [
        (inner.pk, 1, 1, 1),
        (outer.pk, 2, 1, 1),
    ]
    # The third customer would belong, but nobody said so yet.
    assert _member_ids(inner) == [french]
    assert _member_ids(outer) == [german, dutch]
    assert _member_ids(never) == []
    assert _changes(inner)[-2:] == [
        (german, "left", _LATER, "event"),
        (french, "joined", _LATER, "event"),
    ]
    inner.refresh_from_db()
    assert (inner.size, inner.as_of) == (1, NOW)


@pytest.mark.django_db(transaction=True)
def test_a_definition_that_changes_while_its_lock_is_waited_for_is_the_one_that_counts(
    queued, monkeypatch
):
    german, french = _customers("DE", "FR")
    changed = SegmentFactory(key="changed", as_of=NOW, size=0)
    archived = SegmentFactory(key="archived", as_of=NOW, size=0)
    held = touched.segments_held

    def held_after_a_change(segment_ids):
        Segment.objects.filter(pk=changed.pk).update(
            rule=country_rule("FR"), version=2, members_version=2
        )
        Segment.objects.filter(pk=archived.pk).update(state="archived")
        return held(segment_ids)

    monkeypatch.setattr(touched, "segments_held", held_after_a_change)
    _news([german, french], at=_LATER)

    assert _member_ids(changed) == [french]
    assert _member_ids(archived) == []


@pytest.mark.django_db(transaction=True)
def test_a_failed_segment_waits_for_its_whole_computation(queued):
    (german,) = _customers("DE")
    segment = SegmentFactory(as_of=NOW, size=0, error="engine away")

    partial = _news([german], at=_LATER)
    whole = services.segments_refresh_all(at=_LATER)

    assert (partial.refreshed, partial.failed) == ([], {})
    assert [result.joined for result in whole.refreshed] == [1]
    segment.refresh_from_db()
    assert segment.error == ""


@pytest.mark.django_db(transaction=True)
def test_two_refreshes_at_once_record_everything_once(queued):
    german, second, _french = _customers("DE", "DE", "FR")
    segment = SegmentFactory()
    results, start = [], threading.Barrier(3)

    def run():
        try:
            start.wait()
            results.append(
                services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(result.joined for result in results) == [0, 0, 2]
    assert _member_ids(segment) == [german, second]
    assert len(_changes(segment)) == 2
    assert Membership.objects.count() == 2
