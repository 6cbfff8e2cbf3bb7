"""Merging: what becomes one customer, what never does, and that an undoing loses nothing."""

import json
import threading
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.utils import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifecycle_engine.customers.identity import (
    MergeError,
    customers_merge,
    merge_undo,
    suggestion_dismiss,
    suggestions_add,
    suggestions_find,
)
from lifecycle_engine.customers.models import (
    Customer,
    Identifier,
    Merge,
    MergeSuggestion,
    SuggestionCause,
)
from lifecycle_engine.customers.rows import TEXT_TRAITS, CustomerRow
from lifecycle_engine.customers.selectors import (
    customer_by_external_id,
    customers_list,
    customers_search,
    customers_whole,
    profile_ids_of,
    root_ids,
)
from lifecycle_engine.customers.services import customers_resolve, customers_upsert
from lifecycle_engine.warehouse.session import warehouse_session
from tests.factories.customers import CustomerFactory

AT = datetime(2017, 12, 1, tzinfo=UTC)


def merge(profile, into, reason=""):
    return customers_merge(customer_id=profile.pk, into_id=into.pk, actor="anna", reason=reason)


def state():
    """All that is known, as it is stored and as it is read."""
    stored = list(Customer.objects.order_by("pk").values_list(
        "pk", "external_id", *TEXT_TRAITS, "attributes", "created_at", "merged_into"))  # fmt: skip
    whole = {
        profile_id: (customer.pk, customer.email, customer.phone, customer.attributes)
        for profile_id, customer in customers_whole(profile_ids=[row[0] for row in stored]).items()
    }
    return stored, whole, list(Identifier.objects.order_by("pk").values())


@pytest.mark.django_db
def test_a_merge_fills_gaps_and_changes_neither_profile():
    ada = CustomerFactory(email="", phone="+12025550100", attributes={"size": "M"})
    other = CustomerFactory(
        email="ada@example.com", phone="+1999", attributes={"size": "L", "a": 1}
    )

    merge(other, ada)

    whole = customers_whole(profile_ids=[ada.pk, other.pk])
    assert whole[ada.pk] is whole[other.pk]
    assert (whole[ada.pk].email, whole[ada.pk].phone) == ("ada@example.com", "+12025550100")
    assert whole[ada.pk].attributes == {"size": "M", "a": 1}
    assert Customer.objects.get(pk=ada.pk).email == ""
    assert customer_by_external_id(external_id=other.external_id).pk == ada.pk
    assert [customer.pk for customer in customers_list()] == [ada.pk]
    assert [customer.pk for customer in customers_search(term="ADA@example.com")] == [ada.pk]
    assert profile_ids_of(customer_ids=[ada.pk]) == [ada.pk, other.pk]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("profile", "into", "message"),
    [("ada", "ada", "one customer"), ("ada", "eve", "one customer"), ("ada", "gone", "no customer"),
     ("erased", "ada", "no customer"), ("ada", "visitor", "no customer number")],
)  # fmt: skip
def test_what_cannot_be_one_is_refused_and_nothing_changes(profile, into, message):
    ada, eve = CustomerFactory(), CustomerFactory()
    merge(eve, ada)
    people = {
        "ada": ada.pk,
        "eve": eve.pk,
        "gone": 999_999_999,
        "visitor": CustomerFactory(external_id=None, email="").pk,
        "erased": CustomerFactory(external_id=None, email="", erased_at=AT).pk,
    }
    before = state()

    with pytest.raises(MergeError, match=message):
        customers_merge(customer_id=people[profile], into_id=people[into], actor="anna")

    assert state() == before
    assert Merge.objects.count() == 1


@pytest.mark.django_db
def test_an_undoing_is_done_once_and_says_who():
    done = merge(CustomerFactory(), CustomerFactory())

    merge_undo(merge_id=done.pk, actor="bert", at=AT)

    done.refresh_from_db()
    assert (done.undone_at, done.undone_by) == (AT, "bert")
    with pytest.raises(MergeError, match="undone before"):
        merge_undo(merge_id=done.pk, actor="bert", at=AT)
    with pytest.raises(MergeError, match="no merge 0"):
        merge_undo(merge_id=0, actor="bert", at=AT)


PEOPLE = 5
MERGES = st.lists(
    st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1)), min_size=1, max_size=6
)


@given(pairs=MERGES, order=st.randoms(use_true_random=False), news=st.integers(0, PEOPLE - 1))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.django_db
def test_merge_then_undo_is_the_identity(pairs, order, news):
    """Whatever is merged with whatever, and undone in any order, also with news in between."""
    with transaction.atomic():
        rows = [
            CustomerRow(
                external_id=f"person-{n}",
                email=f"{n}@example.com" if n % 2 else "",
                attributes={"n": n, f"only{n}": True},
            )
            for n in range(PEOPLE)
        ]
        customers_upsert(rows=rows)
        people = list(Customer.objects.order_by("external_id"))
        before = state()
        done = []
        for profile, into in pairs:
            try:
                done.append(merge(people[profile], people[into]))
            except MergeError:
                assert len(set(root_ids(profile_ids=[people[profile].pk, people[into].pk])
                               .values())) == 1  # fmt: skip
            roots_are_no_parts()
            last = state()
            if done:
                again = done.pop()
                merge_undo(merge_id=again.pk, actor="", at=AT)
                done.append(merge(again.profile, again.into))
                assert state() == last
        row = CustomerRow(external_id=people[news].external_id, attributes={"news": "yes"})
        customers_upsert(rows=[row])
        order.shuffle(done)
        for one in done:
            merge_undo(merge_id=one.pk, actor="", at=AT)
            roots_are_no_parts()

        Customer.objects.filter(pk=people[news].pk).update(attributes=people[news].attributes)
        assert state() == before
        transaction.set_rollback(True)


def roots_are_no_parts():
    """The mapping is what the live merges say, and no root is a part of something itself."""
    above = dict(Merge.objects.filter(undone_at=None).values_list("profile", "into"))
    for pk, root in Customer.objects.values_list("pk", "merged_into"):
        top = pk
        while top in above:
            top = above[top]
        assert root == (None if top == pk else top)
    assert not Customer.objects.filter(merged_into__merged_into__isnull=False).exists()


@pytest.mark.django_db
def test_the_database_refuses_a_profile_that_is_merged_twice():
    ada, eve, ida = (CustomerFactory() for _ in range(3))
    merge(ada, eve)

    with pytest.raises(IntegrityError, match="merge_live_once"), transaction.atomic():
        Merge.objects.create(profile=ada, into=ida)
    with pytest.raises(IntegrityError, match="itself"), transaction.atomic():
        Customer.objects.filter(pk=ida.pk).update(merged_into=F("pk"))


@pytest.mark.django_db(transaction=True)
def test_two_who_are_merged_into_each_other_at_once_become_one():
    ada, eve = CustomerFactory(), CustomerFactory()
    outcomes = []
    barrier = threading.Barrier(2)

    def run(profile, into):
        barrier.wait()
        try:
            merge(profile, into)
            outcomes.append("merged")
        except MergeError as error:
            outcomes.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in ((ada, eve), (eve, ada))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    refused, done = sorted(outcomes)
    assert (done, "one customer already" in refused) == ("merged", True)
    roots_are_no_parts()


@pytest.mark.django_db
def test_a_visitor_who_signs_in_becomes_part_of_the_customer():
    visitor = customers_resolve(names=[(None, "browser")]).by_anonymous_id["browser"]
    ada = customers_resolve(names=[("ada", None)]).by_user_id["ada"]

    found = customers_resolve(names=[("ada", "browser")])

    assert [(one.profile_id, one.into_id) for one in found.merges] == [(visitor, ada)]
    assert found.customer_id("ada", "browser") == ada
    assert found.customer_id(None, "browser") == visitor
    assert root_ids(profile_ids=[visitor]) == {visitor: ada}
    assert customers_resolve(names=[("ada", "browser")]).merges == []
    assert Merge.objects.get().cause == "signed_in"


@pytest.mark.django_db
def test_customers_who_share_a_browser_are_not_merged_but_suggested():
    customers_resolve(names=[(None, "tablet")])
    customers_resolve(names=[("ada", "tablet")])

    found = customers_resolve(names=[("eve", "tablet"), ("ida", "till"), ("eve", "till")])

    assert found.merges == []
    roots = root_ids(profile_ids=Customer.objects.values_list("pk", flat=True))
    numbers = dict(Customer.objects.exclude(external_id=None).values_list("pk", "external_id"))
    assert sorted(numbers[root] for root in set(roots.values())) == ["ada", "eve", "ida"]
    suggested = MergeSuggestion.objects.values_list("first", "second")
    assert {frozenset((numbers[one], numbers[other])) for one, other in suggested} == {
        frozenset(("ada", "eve")),
        frozenset(("eve", "ida")),
    }


@pytest.mark.django_db
def test_of_two_numbers_in_one_request_the_second_is_suggested_beside_the_first():
    customers_resolve(names=[(None, "tablet"), ("ada", None), ("eve", None)])

    found = customers_resolve(names=[("ada", "tablet"), ("eve", "tablet")])

    assert len(found.merges) == 1
    suggestion = MergeSuggestion.objects.get()
    assert {suggestion.first.external_id, suggestion.second.external_id} == {"ada", "eve"}


@pytest.mark.django_db
def test_a_customer_whom_staff_merged_stays_where_staff_put_it():
    visitor = customers_resolve(names=[(None, "browser")]).by_anonymous_id["browser"]
    ada, eve = CustomerFactory(), CustomerFactory()
    customers_merge(customer_id=visitor, into_id=ada.pk, actor="anna")

    found = customers_resolve(names=[(eve.external_id, "browser")])

    assert found.merges == []
    assert root_ids(profile_ids=[visitor]) == {visitor: ada.pk}
    assert MergeSuggestion.objects.get().cause == SuggestionCause.ANONYMOUS_ID


@pytest.mark.django_db
def test_those_who_share_an_address_are_suggested_once_unless_too_many_do():
    ada = CustomerFactory(email="a@example.com", phone="1")
    eve = CustomerFactory(email="A@example.com", phone="2")
    for _ in range(6):
        CustomerFactory(email="till@example.com", phone="")

    assert (suggestions_find(), suggestions_find()) == (1, 0)

    found = MergeSuggestion.objects.get()
    assert (found.first_id, found.second_id, found.cause) == (ada.pk, eve.pk, "email")
    assert suggestion_dismiss(suggestion_id=found.pk, actor="anna", at=AT)
    assert not suggestion_dismiss(suggestion_id=found.pk, actor="bert", at=AT)
    assert suggestions_find() == 0
    found.refresh_from_db()
    assert found.dismissed_by == "anna"


@pytest.mark.django_db
def test_a_pair_that_is_seen_all_the_time_is_written_now_and_then():
    ada, eve = CustomerFactory(), CustomerFactory()
    pairs = [(eve.pk, ada.pk), (ada.pk, eve.pk)]

    written = [suggestions_add(pairs=pairs, cause=SuggestionCause.ALIAS) for _ in range(3)]

    assert written == [1, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_the_warehouse_reads_whole_customers():
    ada = CustomerFactory(email="", attributes={"size": "M"}, country="")
    for email, attributes in (("", {"a": 1}), ("b@example.com", {"a": 2, "b": None, "size": "L"})):
        merge(CustomerFactory(email=email, attributes=attributes, country="DE"), ada)
    CustomerFactory()

    with warehouse_session(as_of=AT) as tables:
        rows = tables.execute(tables.customers).to_pylist()

    whole = customers_whole(profile_ids=[row["id"] for row in rows])
    names = ("id", "external_id", "email_hash", "phone_hash", "first_name", "country", "created_at")
    assert len(rows) == 2
    for row in rows:
        assert {name: row[name] for name in names} == {
            name: getattr(whole[row["id"]], name) for name in names
        }
    assert {row["id"]: json.loads(row["attributes"]) for row in rows} == {
        pk: customer.attributes for pk, customer in whole.items()
    }
