"""What is kept of a customer: nothing is forgotten in the export, and nobody looks unseen."""

import json
from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import models
from django.urls import reverse

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.customers.erasure import ErasureLogError, erasures_reapply
from lifecycle_engine.customers.models import Consent, Customer
from lifecycle_engine.customers.privacy import (
    Names,
    PersonalDataError,
    personal_data,
    personal_data_registered,
)
from lifecycle_engine.customers.privacy_models import Access, Erasure
from lifecycle_engine.events.services import events_ingest
from tests.factories.customers import ConsentFactory, CustomerFactory
from tests.factories.events import track

AT = datetime(2017, 12, 1, tzinfo=UTC)


def pointing_at_customers():
    """Models with a foreign key to a customer, or a number that is one."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.related_model is Customer or field.column == "customer_id":
                yield model


def test_every_model_that_points_at_a_customer_says_what_an_erasure_does():
    known = personal_data_registered()
    # Records that say by number who was erased and who looked at whom, and who is looked at next.
    exempt = {
        "customers.customer", "customers.erasure", "customers.access", "segments.touchedcustomer",
    }  # fmt: skip

    missing = {model._meta.label_lower for model in pointing_at_customers()} - known.keys() - exempt

    assert missing == set()
    for data in known.values():
        for name in data.blank or ():
            field = data.model._meta.get_field(name)
            assert isinstance(field, models.CharField | models.TextField | models.JSONField)


def test_a_model_says_it_once():
    with pytest.raises(PersonalDataError, match=r"customers\.consent is registered already"):
        personal_data(Consent)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"userId": "7"}', True),
        ('{"userId": "77"}', False),
        ("user 7 failed", False),
        ("user number-1 failed", True),
        ("550 <ADA@Example.com> unknown", True),
        ('{"name": "J\\u00f6rg-1234"}', True),
        ("100% of a_b", False),
    ],
)
@pytest.mark.django_db
def test_names_are_found_in_texts(text, found):
    names = Names([1], ["ada@example.com"], ["7", "number-1", "Jörg-1234", "%"])
    customer = CustomerFactory(first_name=text[:100])

    assert Customer.objects.filter(names.found_in("first_name")).exists() is found
    assert customer.pk


@pytest.fixture
def ada():
    events_ingest(source="shop", items=[track("m1", userId="ada")], received_at=AT)
    ada = Customer.objects.get()
    ada.email = "ada@example.com"
    ada.save()
    ConsentFactory(customer=ada)
    return ada


def api(client, method, path, *scopes, **data):
    _record, key = api_key_create(name="shop", scopes=list(scopes))
    send = getattr(client, method)
    return send(
        f"/api/v1/{path}", data, content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip


@pytest.mark.django_db
def test_an_export_holds_every_table_and_is_written_down(client, ada):
    answer = api(client, "get", "customers/ada/export/", Scope.CUSTOMERS_EXPORT)

    exported = json.loads(b"".join(answer.streaming_content))
    assert exported.keys() == {"customers.customer", *personal_data_registered()}
    assert exported["customers.customer"][0]["email"] == "ada@example.com"
    assert "email_hash" not in exported["customers.customer"][0]
    assert [row["value"] for row in exported["customers.identifier"]] == ["ada"]
    assert [row["name"] for row in exported["events.event"]] == ["Product Viewed"]
    assert len(exported["customers.consent"]) == 1
    access = Access.objects.get()
    assert (access.actor, access.action, access.customer_id) == ("api:shop", "exported", ada.pk)


@pytest.mark.django_db
def test_an_erasure_over_the_api_can_be_followed(client, ada):
    answer = api(client, "post", "customers/ada/erase/", Scope.CUSTOMERS_ERASE, reason="asked")

    assert answer.status_code == 202
    erasure = Erasure.objects.get()
    assert (answer.json()["id"], answer.json()["state"]) == (erasure.pk, "erased")
    assert (erasure.actor, erasure.reason) == ("api:shop", "asked")
    again = api_again(client, "customers/ada/erase/")
    assert again.status_code == 404
    _record, key = api_key_create(name="other", scopes=[Scope.CUSTOMERS_ERASE])
    followed = client.get(
        f"/api/v1/erasures/{erasure.pk}/", headers={"Authorization": f"Bearer {key}"}
    )
    assert followed.json()["state"] == "erased"


def api_again(client, path):
    _record, key = api_key_create(name="again", scopes=[Scope.CUSTOMERS_ERASE])
    return client.post(
        f"/api/v1/{path}", {}, content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [("get", "customers/ada/export/", Scope.CUSTOMERS_READ),
     ("post", "customers/ada/erase/", Scope.CUSTOMERS_WRITE),
     ("get", "erasures/1/", Scope.CUSTOMERS_READ)],
)  # fmt: skip
def test_another_scope_is_not_enough(client, ada, method, path, scope):
    assert api(client, method, path, scope).status_code == 403
    assert not Erasure.objects.exists()


@pytest.mark.django_db
def test_staff_export_and_erase_from_the_customer_s_page(admin_client, ada):
    page = admin_client.get(reverse("admin:customers_customer_change", args=[ada.pk])).text
    export = reverse("admin:customers_customer_export", args=[ada.pk])
    erase = reverse("admin:customers_customer_erase", args=[ada.pk])
    assert export in page
    assert erase in page

    assert admin_client.get(export).status_code == 405
    answer = admin_client.post(export)
    assert json.loads(b"".join(answer.streaming_content))["customers.customer"]
    assert answer["Content-Disposition"].endswith('.json"')

    wrong = admin_client.post(erase, {"number": "eve"}).text
    assert "not the number of this customer" in wrong
    assert not Erasure.objects.exists()
    done = admin_client.post(erase, {"number": "ada", "reason": "asked"}, follow=True).text
    assert "The customer is erased" in done
    assert Customer.objects.get().erased_at is not None
    gone = admin_client.get(reverse("admin:customers_customer_change", args=[ada.pk])).text
    assert "This customer was erased on" in gone
    assert admin_client.get(erase).status_code == 404
    assert list(Access.objects.order_by("pk").values_list("actor", "action")) == [
        ("admin", "viewed"), ("admin", "exported"), ("admin", "erased"), ("admin", "viewed"),
    ]  # fmt: skip


@pytest.mark.django_db
def test_who_may_only_look_neither_exports_nor_erases(client, ada):
    bert = User.objects.create(username="bert", is_staff=True)
    bert.user_permissions.set(Permission.objects.filter(codename="view_customer"))
    client.force_login(bert)

    assert client.get(reverse("admin:customers_customer_changelist")).status_code == 200
    page = client.get(reverse("admin:customers_customer_change", args=[ada.pk])).text

    assert "Export all" not in page
    assert client.post(reverse("admin:customers_customer_export", args=[ada.pk])).status_code == 403
    erase = reverse("admin:customers_customer_erase", args=[ada.pk])
    assert client.post(erase, {"number": "ada"}).status_code == 403
    assert list(Access.objects.order_by("pk").values_list("actor", "action", "customer_id")) == [
        ("bert", "searched", None), ("bert", "viewed", ada.pk),
    ]  # fmt: skip
    assert not Erasure.objects.exists()


@pytest.mark.django_db
def test_the_command_exports_and_erases(ada, capsys):
    call_command("privacy", "export", "ada")
    assert json.loads(capsys.readouterr().out)["customers.customer"][0]["external_id"] == "ada"

    call_command("privacy", "erase", "ada", "--reason", "asked")

    assert Erasure.objects.get().reason == "asked"
    with pytest.raises(CommandError, match="no customer 'ada'"):
        call_command("privacy", "export", "ada")


@pytest.mark.django_db
@pytest.mark.parametrize("line", ["{", "[]", '{"names": []}', '{"erased_at": "x", "names": []}'])
def test_a_broken_erasure_log_is_named_and_nobody_is_erased(ada, tmp_path, line):
    path = tmp_path / "log"
    path.write_text(f'{{"erased_at": "2017-12-01T00:00:00+00:00", "names": []}}\n{line}\n')

    with pytest.raises(ErasureLogError, match="line 2"):
        erasures_reapply(path=path, actor="anna", at=AT)
    with pytest.raises(ErasureLogError, match="none"):
        erasures_reapply(path=tmp_path / "none", actor="anna", at=AT)

    assert not Erasure.objects.exists()
