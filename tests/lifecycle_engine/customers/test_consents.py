"""The consent ledger: entries added once, and the newest counts."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle_engine.customers.consents import (
    ConsentRow,
    consents_granted,
    consents_record,
    profiling_objectors,
)
from lifecycle_engine.customers.models import Consent
from tests.factories.customers import ConsentFactory, CustomerFactory

pytestmark = pytest.mark.django_db
AT = datetime(2017, 6, 1, tzinfo=UTC)


def consent(customer_id, **changes):
    row = {"channel": "email", "purpose": "marketing", "granted": True, "source": "form"}
    return ConsentRow(**{"customer_id": customer_id, "recorded_at": AT} | row | changes)


def test_nothing_is_recorded_for_nothing():
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
