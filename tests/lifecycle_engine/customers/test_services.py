"""Writing customers and consents in bulk."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.customers.models import Consent, Customer, Identifier
from lifecycle_engine.customers.rows import ConsentRow, CustomerRow
from lifecycle_engine.customers.selectors import consents_granted, profiling_objectors
from lifecycle_engine.customers.services import consents_record, customers_upsert
from tests.factories.customers import ConsentFactory, CustomerFactory

pytestmark = pytest.mark.django_db
AT = datetime(2017, 6, 1, tzinfo=UTC)


def consent(customer_id, **changes):
    row = {"channel": "email", "purpose": "marketing", "granted": True, "source": "form"}
    return ConsentRow(**{"customer_id": customer_id, "recorded_at": AT} | row | changes)


def test_customers_are_made_and_changed():
    # given one who is known
    known = CustomerFactory(external_id="a", phone="+15550100", attributes={"size": "M", "age": 30})

    # when
    result = customers_upsert(
        rows=[
            CustomerRow(external_id="a", email="new@example.com", attributes={"size": "L"}),
            CustomerRow(external_id="b", first_name="Bo", created_at=AT, attributes={"x": None}),
            CustomerRow(external_id="a", last_name="Last", attributes={"age": None}),
        ]
    )

    # then
    assert (result.created, result.updated, result.rejected) == (1, 1, [])
    known.refresh_from_db()
    assert (known.email, known.phone, known.last_name) == ("new@example.com", "+15550100", "Last")
    assert known.attributes == {"size": "L"}
    made = Customer.objects.get(external_id="b")
    assert (made.first_name, made.created_at, made.attributes) == ("Bo", AT, {})
    assert set(Identifier.objects.values_list("kind", "value", "customer_id")) == {
        ("user_id", "a", known.pk),
        ("user_id", "b", made.pk),
    }


def test_customers_that_come_again_are_not_doubled():
    rows = [CustomerRow(external_id=str(number), country="de") for number in range(50)]
    customers_upsert(rows=rows)

    result = customers_upsert(rows=rows)

    assert (result.created, result.updated) == (0, 50)
    assert Customer.objects.count() == 50
    assert Identifier.objects.count() == 50


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        (CustomerRow(external_id=""), "external_id", "is missing"),
        (CustomerRow(external_id="x\0"), "external_id", "holds a NUL character: 'x\\x00'"),
        (CustomerRow(external_id="x", email="x@"), "email", "is not an e-mail address: 'x@'"),
        (CustomerRow(external_id="x", country="1A"), "country", "wants two letters, got '1A'"),
        (
            CustomerRow(external_id="x", country="DEU"),
            "country",
            "has 3 characters, the limit is 2: 'DEU'",
        ),
        (
            CustomerRow(external_id="x", attributes={"a": ["\0"]}),
            "attributes.a[0]",
            "holds a NUL character",
        ),
    ],
)
def test_a_wrong_customer_is_named_and_the_others_are_written(row, field, message):
    result = customers_upsert(rows=[row, CustomerRow(external_id="good")])

    (rejection,) = result.rejected
    assert (rejection.index, rejection.key) == (0, row.external_id)
    assert (rejection.field, rejection.message) == (field, message)
    assert list(Customer.objects.values_list("external_id", flat=True)) == ["good"]


def test_nothing_is_written_for_nothing():
    result = customers_upsert(rows=[])

    assert (result.created, result.updated, result.rejected) == (0, 0, [])
    assert consents_record(rows=[]).recorded == 0


def test_consents_are_added_once_and_wrong_ones_are_named():
    customer = CustomerFactory()
    rows = [
        consent(customer.pk),
        consent(customer.pk, purpose="fun"),
        consent(customer.pk + 1),
        consent(customer.pk, channel="sms", granted=False),
    ]

    first = consents_record(rows=rows)
    again = consents_record(rows=rows)

    assert (first.recorded, again.recorded) == (2, 0)
    assert [(r.index, r.field, r.message) for r in first.rejected] == [
        (1, "purpose", "wants one of marketing, profiling, got 'fun'"),
        (2, "customer_id", f"names nobody: {customer.pk + 1}"),
    ]
    assert set(Consent.objects.values_list("channel", "granted")) == {
        ("email", True),
        ("sms", False),
    }


def test_the_newest_consent_counts():
    # given one who granted and took it back, one who did the reverse, and one who said nothing
    back, forth, silent = CustomerFactory.create_batch(3)
    later = AT + timedelta(days=1)
    ConsentFactory(customer=back, granted=True, recorded_at=AT)
    ConsentFactory(customer=back, granted=False, recorded_at=later)
    ConsentFactory(customer=forth, granted=False, recorded_at=AT)
    ConsentFactory(customer=forth, granted=True, recorded_at=later)
    ConsentFactory(customer=silent, channel="sms", recorded_at=AT)

    def granted(at, channel="email"):
        ids = [back.pk, forth.pk, silent.pk]
        return consents_granted(customer_ids=ids, channel=channel, purpose="marketing", at=at)

    assert granted(AT - timedelta(seconds=1)) == set()
    assert granted(AT) == {back.pk}
    assert granted(later) == {forth.pk}
    assert granted(later, channel="sms") == {silent.pk}


def test_who_objects_to_profiling_is_known_at_each_time():
    customer, other = CustomerFactory.create_batch(2)
    later = AT + timedelta(days=1)
    for granted, at in ((False, AT), (True, later)):
        ConsentFactory(
            customer=customer, channel="", purpose="profiling", granted=granted, recorded_at=at
        )
    ConsentFactory(customer=other, granted=False, recorded_at=AT)

    assert profiling_objectors(at=AT - timedelta(seconds=1)) == set()
    assert profiling_objectors(at=AT) == {customer.pk}
    assert profiling_objectors(at=later) == set()
