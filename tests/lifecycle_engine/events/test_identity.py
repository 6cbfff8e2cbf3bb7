"""What the log and its readers make of profiles that are merged and taken apart."""

import pytest

from lifecycle_engine.customers.models import Customer, Identifier, Merge, MergeSuggestion
from lifecycle_engine.customers.selectors import root_ids
from lifecycle_engine.events.identity import customers_merge, merge_undo
from lifecycle_engine.events.models import Event
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.segments import selectors, services, touched
from lifecycle_engine.warehouse.mirror import mirror_run
from lifecycle_engine.warehouse.session import warehouse_session
from tests.factories.events import identify, track
from tests.factories.segments import NOW, SegmentFactory, ago, rule

pytestmark = pytest.mark.django_db(transaction=True)


def ingest(*items):
    result = events_ingest(source="shop", items=items, received_at=NOW)
    assert result.rejected == []


def order(message_id, **who):
    return track(
        message_id,
        event="Order Completed",
        timestamp=ago(3).isoformat(),
        properties={"order_id": message_id, "total": 10, "currency": "EUR",
                    "products": [{"sku": "tea", "quantity": 1, "price": 10}]},
        **who,
    )  # fmt: skip


def customer_of(kind, value):
    return Identifier.objects.get(kind=kind, value=value).customer_id


def rows_of(name):
    with warehouse_session(as_of=NOW) as tables:
        window = tables.window(ago(9), NOW)
        counted = [
            tables.execute(found[name].group_by("customer_id").agg(rows=found[name].count()))
            for found in (tables, window)
        ]
    of_all, of_window = (
        {row["customer_id"]: row["rows"] for row in table.to_pylist()} for table in counted
    )
    assert of_window == of_all
    return of_all


def test_what_a_visitor_did_is_the_customers_once_it_signs_in():
    # given
    ingest(order("m1", userId=None, anonymousId="browser"), order("m2", userId="ada"))
    visitor, ada = customer_of("anonymous_id", "browser"), customer_of("user_id", "ada")
    mirror_run()
    assert rows_of("orders") == {visitor: 1, ada: 1}

    # when
    ingest(identify("m3") | {"userId": "ada", "anonymousId": "browser"})
    ingest(order("m4", userId=None, anonymousId="browser"))
    mirror_run()

    # then
    assert rows_of("orders") == rows_of("order_lines") == {ada: 3}
    assert dict(Event.objects.filter(name="Order Completed").values_list("message_id", "customer"))[
        "m4"
    ] == visitor  # fmt: skip
    merged = Event.objects.filter(name="Customers Merged")
    assert set(merged.values_list("customer", flat=True)) == {visitor, ada}

    # and when it was a mistake
    merge_undo(merge_id=Merge.objects.get().pk, actor="anna", at=NOW)

    # then
    assert rows_of("orders") == {visitor: 2, ada: 1}


def test_the_same_request_again_merges_nothing_again():
    ingest(track("m1", userId=None, anonymousId="browser"), track("m2", userId="ada"))

    for message_id in ("m3", "m4"):
        ingest(identify(message_id) | {"userId": "ada", "anonymousId": "browser"})

    assert Merge.objects.count() == 1
    assert Event.objects.filter(name="Customers Merged").count() == 2


def test_an_alias_merges_a_visitor_and_only_suggests_two_customers():
    ingest(track("m1", userId=None, anonymousId="browser"))
    alias = {"type": "alias", "userId": "ada", "timestamp": ago(1).isoformat()}

    ingest({**alias, "messageId": "m3", "previousId": "browser"})

    visitor, ada = customer_of("anonymous_id", "browser"), customer_of("user_id", "ada")
    assert root_ids(profile_ids=[visitor]) == {visitor: ada}

    ingest(track("m4", userId="eve"), {**alias, "messageId": "m5", "previousId": "eve"})

    eve = customer_of("user_id", "eve")
    assert root_ids(profile_ids=[eve]) == {eve: eve}
    found = MergeSuggestion.objects.get()
    assert ({found.first_id, found.second_id}, found.cause) == ({ada, eve}, "alias")


def test_segments_follow_a_merge_and_its_undoing():
    # given
    segment = SegmentFactory(
        rule=rule({"condition": "event.count", "name": "Order Completed", "at_least": 2})
    )
    ingest(order("m1", userId="ada"), order("m2", userId="eve"))
    ada, eve = customer_of("user_id", "ada"), customer_of("user_id", "eve")
    settle(segment, whole=True)
    assert members(segment) == []

    # when
    merge = customers_merge(customer_id=eve, into_id=ada, actor="anna", reason="", at=NOW)
    settle(segment)

    # then
    assert members(segment) == [ada]

    # and
    merge_undo(merge_id=merge.pk, actor="anna", at=NOW)
    settle(segment)
    assert members(segment) == []


def test_a_merged_profile_leaves_the_segment_that_its_customer_stays_in():
    segment = SegmentFactory(
        rule=rule({"condition": "event.count", "name": "Order Completed", "at_least": 1})
    )
    ingest(order("m1", userId="ada"), order("m2", userId="eve"))
    ada, eve = customer_of("user_id", "ada"), customer_of("user_id", "eve")
    settle(segment, whole=True)
    assert members(segment) == [ada, eve]

    customers_merge(customer_id=eve, into_id=ada, actor="anna", reason="", at=NOW)
    settle(segment)

    assert members(segment) == [ada]
    assert Customer.objects.get(pk=eve).merged_into_id == ada


def settle(segment, *, whole=False):
    mirror_run()
    if whole:
        services.segment_refresh(segment_id=segment.pk, at=NOW, cause="schedule")
    while touched.touched_collect(at=NOW):
        pass
    touched.touched_settle(at=NOW)


def members(segment):
    return sorted(selectors.segment_member_ids(segment_id=segment.pk).tolist())
