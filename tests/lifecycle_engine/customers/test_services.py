"""Writing customers in bulk."""

from datetime import UTC, datetime

import pytest

from lifecycle_engine.customers.models import Customer, Identifier
from lifecycle_engine.customers.rows import CustomerRow
from lifecycle_engine.customers.services import customers_upsert
from tests.factories.customers import CustomerFactory

pytestmark = pytest.mark.django_db
AT = datetime(2017, 6, 1, tzinfo=UTC)


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
