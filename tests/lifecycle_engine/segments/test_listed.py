"""Lists and merges: who is on a list is the whole customer, and an undoing restores everything."""

from datetime import timedelta

import numpy as np
import pytest

from lifecycle_engine.customers.models import Customer, Merge
from lifecycle_engine.events.identity import customers_merge, merge_undo
from lifecycle_engine.segments import services, touched
from lifecycle_engine.segments.lists import list_change
from lifecycle_engine.segments.models import (
    ListedProfile,
    Membership,
    MembershipChange,
    Segment,
    TouchedCustomer,
)
from tests.factories.segments import NOW, SegmentFactory, rule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vip():
    return SegmentFactory(key="vip", kind="static", rule={}, as_of=NOW, size=0)


@pytest.fixture
def people():
    return [Customer.objects.create(external_id=name) for name in ("ada", "bob", "cy", "dee")]


def _say(segment, *numbers, member=True, at=NOW):
    list_change(segment=segment, customers=numbers, member=member, at=at, cause="api")


def _merge(profile, into):
    return customers_merge(
        customer_id=profile.pk, into_id=into.pk, actor="eve", reason="", at=NOW
    ).pk


def _undo(merge_id):
    merge_undo(merge_id=merge_id, actor="eve", at=NOW)


def _follow():
    while touched.touched_collect(at=NOW):
        pass


def _members(segment):
    rows = Membership.objects.filter(segment=segment).order_by("customer_id")
    assert Segment.objects.get(pk=segment.pk).size == rows.count()
    return list(rows.values_list("customer_id", "joined_at"))


def _by_definition(segment):
    """What the members should be, in plain Python."""
    roots = dict(Customer.objects.values_list("pk", "merged_into_id"))
    since = {}
    for pk, at in ListedProfile.objects.filter(segment=segment).values_list(
        "customer_id", "listed_at"
    ):
        root = roots[pk] or pk
        since[root] = min(at, since.get(root, at))
    return sorted(since.items())


def test_of_a_merged_profile_the_customer_is_on_the_list_and_undone_the_profile_again(vip, people):
    ada, bob, *_ = people
    _say(vip, "ada")
    before = _members(vip)

    merge_id = _merge(ada, bob)
    _follow()

    assert _members(vip) == [(bob.pk, NOW)]
    changes = MembershipChange.objects.filter(cause="merge").values_list("customer_id", "kind")
    assert sorted(changes) == [(ada.pk, "left"), (bob.pk, "joined")]

    _undo(merge_id)
    _follow()

    assert _members(vip) == before == [(ada.pk, NOW)]


def test_of_two_who_are_on_the_list_one_member_is_left_since_the_first_of_them(vip, people):
    ada, bob, *_ = people
    _say(vip, "bob", at=NOW - timedelta(days=3))
    _say(vip, "ada")
    before = _members(vip)

    merge_id = _merge(ada, bob)
    _follow()
    assert _members(vip) == [(bob.pk, NOW - timedelta(days=3))]

    _undo(merge_id)
    _follow()
    assert _members(vip) == before


def test_who_is_taken_off_is_so_whichever_profile_was_listed(vip, people):
    ada, bob, *_ = people
    _say(vip, "ada")
    _merge(ada, bob)

    _say(vip, "bob", member=False)

    assert (_members(vip), ListedProfile.objects.count()) == ([], 0)


def test_a_segment_that_reads_the_list_follows_the_merge(vip, people):
    ada, bob, *_ = people
    _say(vip, "ada")
    reader = SegmentFactory(rule=rule({"condition": "segment.member", "segment": "vip"}))
    services.segment_refresh(segment_id=reader.pk, at=NOW, cause="schedule")
    _merge(ada, bob)

    _follow()
    while touched.touched_settle(at=NOW + timedelta(minutes=1)) is not None:
        pass

    assert [customer_id for customer_id, _ in _members(reader)] == [bob.pk]


def test_without_segments_by_rule_nobody_is_collected(vip, people):
    ada, bob, *_ = people
    _say(vip, "ada")
    TouchedCustomer.objects.all().delete()
    _merge(ada, bob)

    _follow()

    assert [customer_id for customer_id, _ in _members(vip)] == [bob.pk]
    assert not TouchedCustomer.objects.exists()


def test_whatever_is_merged_and_undone_membership_is_what_the_list_and_the_roots_say(vip, people):
    """Random merges, undoings and changes; at the end all merges are undone."""
    rng = np.random.default_rng(4)
    for step in range(25):
        at = NOW + timedelta(hours=step)
        one, into = rng.choice(len(people), 2, replace=False)
        open_merges = list(Merge.objects.filter(undone_at=None).values_list("pk", flat=True))
        match rng.integers(3):
            case 0:
                _say(vip, people[one].external_id, at=at)
            case 1 if (
                Customer.objects.filter(
                    pk__in=(people[one].pk, people[into].pk), merged_into=None
                ).count()
                == 2
            ):
                _merge(people[one], people[into])
            case 2 if open_merges:
                _undo(int(rng.choice(open_merges)))
        _follow()
        assert _members(vip) == _by_definition(vip)

    for merge_id in Merge.objects.filter(undone_at=None).values_list("pk", flat=True):
        _undo(merge_id)
    _follow()

    listed = ListedProfile.objects.filter(segment=vip).order_by("customer_id")
    assert _members(vip) == list(listed.values_list("customer_id", "listed_at")) != []
