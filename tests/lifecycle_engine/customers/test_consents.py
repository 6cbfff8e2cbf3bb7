"""The consent ledger: entries added once and never changed, and the newest counts."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifecycle_engine.customers.consent_texts import consent_text_add, consent_text_current
from lifecycle_engine.customers.consents import (
    ConsentRow,
    consents_granted,
    consents_newest,
    consents_record,
    profiling_objectors,
)
from lifecycle_engine.customers.models import Consent, ConsentText
from tests.factories.customers import ConsentFactory, CustomerFactory

pytestmark = pytest.mark.django_db
AT = datetime(2017, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WORDS = "You may write to me."


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
        (1, "purpose", "wants marketing, profiling, sharing or sharing:<partner>, got 'fun'"),
        (2, "customer_id", f"names nobody: {customer.pk + 1}"),
    ]
    assert set(Consent.objects.values_list("channel", "granted")) == {
        ("email", True),
        ("sms", False),
    }


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"channel": "pigeon"}, "channel", "wants one of email, sms, or nothing, got 'pigeon'"),
        (
            {"purpose": "sharing:Acme Inc"},
            "purpose",
            "wants marketing, profiling, sharing or sharing:<partner>, got 'sharing:Acme Inc'",
        ),
        ({"granted": "yes"}, "granted", "wants true or false, got 'yes'"),
        ({"recorded_at": AT.replace(tzinfo=None)}, "recorded_at", "wants a time with a zone"),
        ({"expires_at": AT}, "expires_at", "is not after recorded_at: 2017-06-01T00:00:00+00:00"),
        (
            {"expires_at": AT + DAY, "granted": False},
            "expires_at",
            "has no meaning: only a grant ends by itself",
        ),
        ({"ip_address": "1.2.3"}, "ip_address", "is not an IP address: '1.2.3'"),
        ({"user_agent": "a" * 401}, "user_agent", "has 401 characters, the limit is 400"),
        ({"text": WORDS}, "text_version", "is missing: a text needs its version and its language"),
        ({"source": "a\0"}, "source", "holds a NUL character"),
    ],
)
def test_a_wrong_entry_is_refused_at_its_field_and_changes_nothing(changes, field, message):
    customer = CustomerFactory()

    result = consents_record(rows=[consent(customer.pk, **changes)])

    (rejection,) = result.rejected
    assert rejection.field == field
    assert rejection.message.startswith(message)
    assert result.recorded == 0
    assert not Consent.objects.exists()
    assert not ConsentText.objects.exists()


def test_the_proof_is_kept_with_the_entry():
    customer = CustomerFactory()
    proof = {
        "text_version": "2017-05",
        "text_language": "zh_Hans",
        "text": WORDS,
        "ip_address": "2001:db8::1",
        "user_agent": "Mozilla/5.0",
        "expires_at": AT + DAY,
    }

    consents_record(rows=[consent(customer.pk, **proof)])

    entry = Consent.objects.select_related("wording").get()
    assert (entry.ip_address, entry.user_agent) == ("2001:db8::1", "Mozilla/5.0")
    assert (entry.recorded_at, entry.expires_at) == (AT, AT + DAY)
    assert entry.written_at > AT
    assert (entry.text_version, entry.wording.language) == ("2017-05", "zh-hans")
    assert entry.wording.text == WORDS
    parts = ("marketing", "email", "2017-05", "zh-hans", WORDS)
    assert entry.wording_id == hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def test_a_wording_is_found_by_its_version_and_another_under_that_version_is_refused():
    # given a wording for every channel, and one for e-mail
    one, two, three = CustomerFactory.create_batch(3)
    said = {"text_version": "1", "text_language": "en"}
    every = consent_text_add(
        purpose="marketing", channel="", version="1", language="en", text="All."
    )
    consents_record(rows=[consent(one.pk, text=WORDS, **said)])

    # when
    result = consents_record(
        rows=[
            consent(two.pk, text="You must write to me.", **said),
            consent(two.pk, **said),
            consent(three.pk, channel="sms", **said),
            consent(three.pk, text_version="0", text_language="en"),
        ]
    )

    # then
    assert [(r.index, r.field, r.message) for r in result.rejected] == [
        (0, "text", "is not the text that version '1' stands for in 'en'")
    ]
    entries = Consent.objects.exclude(customer=one).order_by("pk")
    assert [entry.wording and entry.wording.text for entry in entries] == [WORDS, None, every.text]
    assert ConsentText.objects.count() == 2


def test_an_entry_that_names_nobody_leaves_no_wording_behind():
    row = consent(1, text=WORDS, text_version="1", text_language="en")

    assert len(consents_record(rows=[row]).rejected) == 1

    assert not ConsentText.objects.exists()


def test_nothing_is_recorded_of_who_was_erased():
    erased = CustomerFactory(external_id=None, email="", erased_at=AT)

    (rejection,) = consents_record(rows=[consent(erased.pk, ip_address="192.0.2.7")]).rejected

    assert (rejection.field, rejection.message) == ("customer_id", f"names nobody: {erased.pk}")
    assert not Consent.objects.exists()


def test_the_database_refuses_every_change_of_an_entry():
    entry = ConsentFactory()
    before = Consent.objects.values().get()

    for change in ({"granted": False}, {"source": ""}, {"recorded_at": AT}, {"ip_address": "::1"}):
        with pytest.raises(IntegrityError, match="consent ledger"), transaction.atomic():
            Consent.objects.filter(pk=entry.pk).update(**change)

    assert Consent.objects.values().get() == before


def test_the_database_keeps_a_wording_that_somebody_agreed_to():
    customer = CustomerFactory()
    row = consent(customer.pk, text=WORDS, text_version="1", text_language="en")
    consents_record(rows=[row])
    text = ConsentText.objects.get()

    with pytest.raises(IntegrityError, match="consent_text_digest"), transaction.atomic():
        ConsentText.objects.update(text="You must.")
    # given somebody who changes the digest as well; Django's foreign keys wait for the commit
    forged = (
        "UPDATE customers_consenttext SET text = 'x', digest = encode(sha256(convert_to("
        "concat_ws(chr(31), purpose, channel, version, language, 'x'), 'UTF8')), 'hex');"
        "SET CONSTRAINTS ALL IMMEDIATE"
    )
    with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
        connection.cursor().execute(forged)
    with pytest.raises(ProtectedError):
        text.delete()

    assert ConsentText.objects.get().text == WORDS


def test_the_newest_wording_of_the_channel_is_the_current_one():
    def add(channel, version, language="en"):
        return consent_text_add(
            purpose="marketing", channel=channel, version=version, language=language, text=version
        )

    add("", "a")
    add("", "b")
    add("", "c", language="zh-hans")
    add("sms", "d")
    add("", "e")

    def current(channel, language="en"):
        found = consent_text_current(purpose="marketing", channel=channel, language=language)
        return found and found.version

    assert current("email") == "e"
    assert current("sms") == "d"
    assert current("sms", "zh-hans") == "c"
    assert current("sms", "de") is None


def test_the_newest_consent_counts():
    # given one who granted and took it back, one who did the reverse, and one who said nothing
    back, forth, silent = CustomerFactory.create_batch(3)
    later = AT + DAY
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


@pytest.mark.parametrize("first", [True, False])
def test_a_yes_and_a_no_of_the_same_moment_are_both_kept_and_the_no_counts(first):
    customer = CustomerFactory()
    for granted in (first, not first, first):
        consents_record(rows=[consent(customer.pk, granted=granted)])
        consents_record(
            rows=[consent(customer.pk, channel="", purpose="profiling", granted=granted)]
        )

    assert Consent.objects.count() == 4
    assert not consents_granted(
        customer_ids=[customer.pk], channel="email", purpose="marketing", at=AT
    )
    assert profiling_objectors(at=AT) == {customer.pk}
    assert {entry.granted for entry in consents_newest(customer_id=customer.pk, at=AT)} == {False}


def test_what_any_profile_of_a_merged_customer_said_counts():
    # given two profiles that were merged into one, which agreed first
    one = CustomerFactory()
    first, second = CustomerFactory.create_batch(2, merged_into=one)
    ConsentFactory(customer=one, recorded_at=AT)
    ConsentFactory(customer=first, granted=False, recorded_at=AT + DAY)
    ConsentFactory(customer=second, recorded_at=AT + 2 * DAY)
    ConsentFactory(customer=second, channel="", purpose="profiling", granted=False, recorded_at=AT)
    everybody = {one.pk, first.pk, second.pk}

    def granted(at):
        return consents_granted(customer_ids=everybody, channel="email", purpose="marketing", at=at)

    assert granted(AT) == everybody
    assert granted(AT + DAY) == set()
    assert granted(AT + 2 * DAY) == everybody
    assert profiling_objectors(at=AT) == everybody
    (marketing, profiling) = consents_newest(customer_id=one.pk, at=AT + 2 * DAY)
    assert (marketing.customer_id, profiling.customer_id) == (second.pk, second.pk)


def test_sharing_with_one_partner_is_not_sharing_with_another():
    customer = CustomerFactory()
    consents_record(rows=[consent(customer.pk, channel="", purpose="sharing:acme")])

    def granted(purpose):
        return consents_granted(customer_ids=[customer.pk], channel="", purpose=purpose, at=AT)

    assert granted("sharing:acme") == {customer.pk}
    assert granted("sharing:other") == set()
    assert granted("sharing") == set()


def test_who_objects_to_profiling_is_known_at_each_time():
    customer, other = CustomerFactory.create_batch(2)
    later = AT + DAY
    for granted, at in ((False, AT), (True, later)):
        ConsentFactory(
            customer=customer, channel="", purpose="profiling", granted=granted, recorded_at=at
        )
    ConsentFactory(customer=other, granted=False, recorded_at=AT)

    assert profiling_objectors(at=AT - timedelta(seconds=1)) == set()
    assert profiling_objectors(at=AT) == {customer.pk}
    assert profiling_objectors(at=later) == set()
    assert profiling_objectors(at=None) == set()


def test_an_objection_stands_again_once_the_grant_after_it_has_expired():
    customer = CustomerFactory()
    said = {"channel": "", "purpose": "profiling"}
    consents_record(
        rows=[
            consent(customer.pk, granted=False, **said),
            consent(customer.pk, recorded_at=AT + DAY, expires_at=AT + 3 * DAY, **said),
        ]
    )

    assert profiling_objectors(at=AT + 2 * DAY) == set()
    assert profiling_objectors(at=AT + 3 * DAY) == {customer.pk}
    assert profiling_objectors(at=None) == {customer.pk}


ENTRIES = st.lists(
    st.tuples(
        st.integers(0, 4),  # the day on which it was said
        st.booleans(),  # what
        st.sampled_from([None, 1, 2, 3]),  # for how many days, if it is a yes
        st.sampled_from(["email", "sms"]),
    ),
    max_size=6,
    unique_by=lambda entry: (entry[0], entry[1], entry[3]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=ENTRIES, day=st.integers(-1, 8))
def test_the_newest_entry_counts_while_it_has_not_expired(entries, day):
    at = AT + day * DAY
    with transaction.atomic():
        customer = CustomerFactory()
        consents_record(
            rows=[
                consent(
                    customer.pk,
                    channel=channel,
                    granted=granted,
                    recorded_at=AT + said * DAY,
                    expires_at=AT + (said + days) * DAY if granted and days else None,
                )
                for said, granted, days, channel in entries
            ]
        )
        for channel in ("email", "sms"):
            told = [e for e in entries if e[3] == channel and e[0] <= day]
            newest = max(told, key=lambda entry: (entry[0], not entry[1]), default=None)
            expected = bool(
                newest and newest[1] and (newest[2] is None or newest[0] + newest[2] > day)
            )
            found = consents_granted(
                customer_ids=[customer.pk], channel=channel, purpose="marketing", at=at
            )
            assert (customer.pk in found) is expected
            shown = consents_newest(customer_id=customer.pk, at=at)
            assert any(e.channel == channel and e.stands(at=at) for e in shown) is expected
        transaction.set_rollback(True)


def test_staff_add_a_wording_and_change_none(admin_client):
    add = reverse("admin:customers_consenttext_add")
    form = {"purpose": "marketing", "channel": "", "version": "1", "language": "zh_Hans"}

    assert admin_client.post(add, form | {"text": ""}).status_code == 200
    assert admin_client.post(add, form | {"text": WORDS, "purpose": "fun"}).status_code == 200
    assert admin_client.post(add, form | {"text": WORDS, "channel": "pigeon"}).status_code == 200
    assert not ConsentText.objects.exists()
    assert admin_client.post(add, form | {"text": WORDS}).status_code == 302
    assert admin_client.post(add, form | {"text": "Other words."}).status_code == 200

    text = ConsentText.objects.get()
    change = reverse("admin:customers_consenttext_change", args=[text.pk])
    assert (text.text, text.language) == (WORDS, "zh-hans")
    assert admin_client.post(change, form | {"text": "Changed."}).status_code == 403
    ConsentFactory(wording=text)
    assert admin_client.post(f"{change[:-7]}delete/", {"post": "yes"}).status_code == 403
    assert ConsentText.objects.get().text == WORDS
