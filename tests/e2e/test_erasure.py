"""An erased customer leaves no trace: every table and every file of the copy is searched."""

import json
from datetime import timedelta
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from campaigns.models import Decision, Enrolment
from campaigns.services import campaign_fire, enrolments_advance
from lifecycle_engine.core.models import JobRun
from lifecycle_engine.customers.erasure import ErasureError, customer_erase
from lifecycle_engine.customers.models import Consent, Customer, Identifier
from lifecycle_engine.customers.privacy_models import Access, Erasure
from lifecycle_engine.customers.rows import Traits
from lifecycle_engine.customers.services import customers_resolve, traits_apply
from lifecycle_engine.events.imports.services import import_upload
from lifecycle_engine.events.models import (
    Event,
    Import,
    ImportRejection,
    ImportState,
    QuarantinedEvent,
    Reader,
)
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.messaging.models import Message
from lifecycle_engine.messaging.selectors import suppressed
from lifecycle_engine.messaging.suppressions import suppression_add
from lifecycle_engine.rewards.models import Coupon
from lifecycle_engine.segments.models import Membership, Segment
from lifecycle_engine.warehouse.erasure import copy_erase, copy_erase_due
from lifecycle_engine.warehouse.mirror import mirror_run
from lifecycle_engine.warehouse.schemas import LOG_TABLES
from tests.factories.campaigns import NOW, campaign_make, consent
from tests.factories.scoring import ScoreFactory

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PHONE, NUMBER, BROWSER = (
    "ada.lovelace@difference.example", "+12025550177", "shop-77141", "browser-5f1e",
)  # fmt: skip
NAMES = (EMAIL, PHONE, NUMBER, BROWSER, "Lovelace")


@pytest.fixture
def ada(settings):
    """A customer of whom every part of the engine has something."""
    settings.POSTAL_ADDRESS = "1 Test Street"
    who = {"timestamp": NOW.isoformat()}
    told = {"email": EMAIL, "note": f"call {PHONE} or {EMAIL}"}
    order = {"order_id": NUMBER, "total": 5, "products": [{"sku": "tea"}], "gift": EMAIL}
    result = events_ingest(
        source="shop",
        received_at=NOW,
        items=[
            {"type": "track", "event": "Seen", "messageId": "m0", "anonymousId": BROWSER,
             "properties": told, **who},
            {"type": "identify", "messageId": f"m1-{EMAIL}", "userId": NUMBER,
             "anonymousId": BROWSER, **who,
             "traits": {"email": EMAIL, "phone": PHONE, "lastName": "Lovelace", "alias": EMAIL}},
            {"type": "track", "event": "Order Completed", "messageId": "m2", "userId": NUMBER,
             "properties": order, **who},
            {"type": "track", "event": "", "messageId": "m3", "userId": NUMBER, "properties": told},
            {"type": "track", "event": "", "messageId": "m4", "properties": {"mail": EMAIL}},
        ],
    )  # fmt: skip
    assert (result.accepted, len(result.rejected)) == (3, 2)
    events_ingest(
        source="shop",
        received_at=NOW,
        items=[{"type": "track", "event": "Seen", "messageId": "e1", "userId": "eve", **who}],
    )
    return Customer.objects.get(external_id=NUMBER)


@pytest.fixture
def known_everywhere(ada):
    campaign = campaign_make(size=3)
    audience = Segment.objects.get()
    Membership.objects.create(segment=audience, customer=ada, joined_at=NOW)
    consent(ada, "email", "sms")
    Consent.objects.create(
        customer=ada, channel="email", purpose="marketing", granted=True, source=f"form {EMAIL}",
        user_agent=EMAIL, recorded_at=NOW - timedelta(days=1),
    )  # fmt: skip
    campaign_fire(campaign_id=campaign.pk, fire_at=NOW, at=NOW)
    enrolments_advance(limit=100, at=NOW)
    enrolments_advance(limit=100, at=NOW)
    Message.objects.filter(customer=ada).update(context={"customer": {"email": EMAIL}})
    Enrolment.objects.filter(customer=ada).update(context={"to": EMAIL}, error=f"550 {EMAIL}")
    Decision.objects.filter(customer=ada).update(reason=f"sent to {PHONE}")
    ScoreFactory(customer=ada)
    reader = Reader.objects.create(name="broken", error=f"ValueError: {EMAIL}")
    event = Event.objects.get(message_id="m2")
    QuarantinedEvent.objects.create(
        reader=reader, event_id=event.pk, txid=event.txid, occurred_at=event.occurred_at,
        error=f"KeyError: {EMAIL}",
    )  # fmt: skip
    QuarantinedEvent.objects.create(
        reader=reader, event_id=Event.objects.get(message_id="e1").pk, txid=event.txid,
        occurred_at=event.occurred_at, error=f"batch with {EMAIL}",
    )  # fmt: skip
    JobRun.objects.create(name="x", error=f"Address {EMAIL} refused")
    rows = f"external_id,email\n{NUMBER},{EMAIL}\n".encode()
    imported = import_upload(
        kind="customers", source="shop", file=ContentFile(rows, name="list.csv"), mapping={},
        dry_run=True, by="anna",
    )  # fmt: skip
    imported.state = ImportState.SUCCEEDED
    imported.save()
    ImportRejection.objects.create(
        imported=imported, row=1, field="country", message="?", values=f'["{NUMBER}", "{EMAIL}"]'
    )
    suppression_add(channel="email", address=EMAIL, reason="complained")
    mirror_run()
    return ada


def tables_with(text):
    """The tables in which a row holds the text, wherever in it."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            quoted = connection.ops.quote_name(table)
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {quoted} AS t WHERE strpos(lower(t::text), %s) > 0)",
                [text.lower()],
            )
            if cursor.fetchone()[0]:
                found.add(table)
    return found


def files_with(text, folder):
    """The files below the folder that hold the text, Parquet read as what it holds."""
    found = set()
    for path in (path for path in folder.rglob("*") if path.is_file()):
        if path.suffix == ".parquet":
            held = str(pq.ParquetFile(path).read().to_pylist())
            if text.lower() in str(pq.read_metadata(path).to_dict()).lower():
                found.add(path)
        else:
            held = path.read_bytes().decode(errors="replace")
        if text.lower() in held.lower():
            found.add(path)
    return found


def test_no_trace_of_an_erased_customer_is_left(known_everywhere, tmp_path):
    # given: the search finds what is there, else it would prove nothing
    ada = known_everywhere
    log = Path(tmp_path) / "erasures.jsonl"
    assert tables_with(EMAIL) >= {
        "campaigns_enrolment", "core_jobrun", "customers_consent", "customers_customer",
        "events_event", "events_eventreceipt", "events_importrejection",
        "events_quarantinedevent", "events_reader", "events_rejectedevent", "messaging_message",
    }  # fmt: skip
    assert tables_with(BROWSER) >= {"customers_identifier"}
    assert tables_with(NUMBER) >= {"customers_customer", "customers_identifier"}
    assert {path.suffix for path in files_with(EMAIL, tmp_path / "warehouse")} == {".parquet"}
    assert len(files_with(NUMBER, tmp_path / "warehouse")) >= 2
    upload = Path(default_storage.path(Import.objects.get().stored))
    assert EMAIL in upload.read_text()
    messages = Message.objects.count()
    others = Event.objects.exclude(customer__in=[ada.pk]).filter(message_id="e1").count()

    # when
    customer_erase(customer_id=ada.pk, actor="anna", reason="asked for it", at=timezone.now())

    # then
    assert {name: found for name in NAMES if (found := tables_with(name))} == {}
    assert copy_erase(kept_hours=0, clocks_differ=timedelta(0)) == 2
    assert {name: found for name in NAMES if (found := files_with(name, tmp_path))} == {}
    assert not upload.exists()
    assert Erasure.objects.get().state == "done"
    assert Access.objects.get().customer_id == ada.pk
    assert log.read_text().count("\n") == 1

    # and what others count by is as it was
    assert Message.objects.count() == messages
    assert Coupon.objects.filter(customer=ada).count() == 1
    assert Decision.objects.filter(customer=ada).exists()
    assert Event.objects.filter(message_id="e1").count() == others == 1
    assert not Enrolment.objects.filter(customer=ada, state="active").exists()

    # and the address stays suppressed, whoever brings it
    back = Customer.objects.create(external_id="new", email=EMAIL.upper())
    assert suppressed(customer_ids=[back.pk], channel="email", purpose="marketing") == {back.pk}


def test_who_comes_back_is_somebody_new(ada):
    customer_erase(customer_id=ada.pk, actor="anna", reason="", at=timezone.now())

    found = customers_resolve(names=[(NUMBER, BROWSER)])

    assert found.by_user_id[NUMBER] > ada.pk
    assert found.by_anonymous_id[BROWSER] == found.by_user_id[NUMBER]
    with pytest.raises(ErasureError, match=f"no customer {ada.pk}"):
        customer_erase(customer_id=ada.pk, actor="anna", reason="", at=timezone.now())
    assert Erasure.objects.count() == 1


def test_a_request_that_was_under_way_does_not_bring_anybody_back(ada):
    """It knows the customer already, and commits after the erasure."""
    mirror_run()
    insert = (
        "INSERT INTO events_event (id, source, message_id, customer_id, name, properties,"
        " occurred_at) SELECT gen_random_uuid(), source, 'late', customer_id, name, properties,"
        " occurred_at FROM events_event WHERE message_id = 'm2'"
    )
    with psycopg.connect(**connection.get_connection_params()) as request:
        request.execute(insert)
        customer_erase(customer_id=ada.pk, actor="anna", reason="", at=timezone.now())
        assert copy_erase() == 0
        assert Erasure.objects.get().state == "erased"
    assert tables_with(EMAIL) == {"events_event"}
    mirror_run()

    assert copy_erase(kept_hours=0, clocks_differ=timedelta(0)) == 2

    assert tables_with(EMAIL) == set()
    assert Erasure.objects.get().state == "done"


def test_what_is_called_done_is_gone(ada, tmp_path):
    """The hour counts from the last table's rewriting, however long that takes."""
    mirror_run()
    customer_erase(customer_id=ada.pk, actor="anna", reason="", at=timezone.now())
    assert copy_erase_due()

    assert copy_erase() == 1

    erasure = Erasure.objects.get()
    replaced = [
        action["remove"]["deletionTimestamp"] / 1000
        for log in (tmp_path / "warehouse").rglob("_delta_log/*.json")
        for action in map(json.loads, log.read_text().splitlines())
        if "remove" in action
    ]
    assert len(replaced) >= len(LOG_TABLES)
    assert max(replaced) <= erasure.rewritten_at.timestamp()
    assert erasure.state == "rewritten"
    assert not copy_erase_due()
    assert copy_erase() == 0
    assert files_with(EMAIL, tmp_path)
    Erasure.objects.update(rewritten_at=timezone.now() - timedelta(hours=1, minutes=4))
    assert not copy_erase_due()
    Erasure.objects.update(rewritten_at=timezone.now() - timedelta(hours=1, minutes=6))
    assert copy_erase_due()


def test_looking_for_latecomers_leaves_files_alone(ada):
    customer_erase(customer_id=ada.pk, actor="anna", reason="", at=timezone.now())
    rows = ContentFile(b"external_id\neve\n", name="list.csv")
    later = import_upload(
        kind="customers", source="shop", file=rows, mapping={}, dry_run=True, by="anna"
    )
    Import.objects.update(state=ImportState.SUCCEEDED)

    copy_erase()

    assert default_storage.exists(Import.objects.get(pk=later.pk).stored)


def test_traits_that_wait_for_an_erasure_are_not_written(ada):
    customer_erase(customer_id=ada.pk, actor="anna", reason="", at=timezone.now())

    traits_apply(changes={ada.pk: Traits(email=EMAIL)})

    assert Customer.objects.get(pk=ada.pk).email == ""


def test_a_restored_database_forgets_again(ada, tmp_path):
    # given a backup in which the customer still is
    kept = list(Identifier.objects.filter(customer=ada).values("kind", "value", "created_at"))
    customer_erase(customer_id=ada.pk, actor="anna", reason="", at=timezone.now())
    restored = Customer.objects.create(external_id=NUMBER, email=EMAIL)
    for row in kept:
        Identifier.objects.create(customer=restored, **row)
    younger = customers_resolve(names=[("eve", None), ("ida", None)]).by_user_id

    # when
    call_command("privacy", "reapply")

    # then
    assert tables_with(EMAIL) == tables_with(NUMBER) == set()
    assert Customer.objects.filter(pk__in=younger.values(), erased_at=None).count() == 2
    call_command("privacy", "reapply")
    assert Erasure.objects.count() == 2


def test_the_columns_of_the_copy_that_a_log_line_tells_of_hold_nobody(ada, tmp_path):
    mirror_run()

    for name in LOG_TABLES:
        for line in (tmp_path / "warehouse" / name / "_delta_log").glob("*.json"):
            assert EMAIL not in line.read_text()
