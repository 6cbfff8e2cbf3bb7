"""Imports by API."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from lifecycle_engine.core.models import Scope
from lifecycle_engine.events.imports.services import imports_advance
from lifecycle_engine.events.models import Import, Product
from tests.factories.core import bearer
from tests.lifecycle_engine.events.imports.conftest import AT
from tests.lifecycle_engine.events.imports.test_services import CSV, _storage  # noqa: F401

pytestmark = pytest.mark.django_db
URL = "/api/v1/imports/products/"


def post(client, headers, content=CSV, url=URL, **form):
    return client.post(
        url, {"file": SimpleUploadedFile("products.csv", content), **form}, headers=headers
    )


def test_a_partner_uploads_polls_and_fetches_what_was_refused(client):
    headers = bearer(Scope.PRODUCTS_WRITE)

    told = post(client, headers, mapping='{"stock": ""}')
    assert told.status_code == 202
    run = told.json()
    assert (run["state"], run["rows"], run["name"]) == ("queued", 0, "products.csv")
    imports_advance(at=AT, seconds=10)
    done = client.get(f"{URL}{run['id']}/", headers=headers).json()
    refused = client.get(f"{URL}{run['id']}/rejected/", headers=headers).json()

    assert (done["state"], done["rows"], done["created"], done["rejected"]) == (
        *("succeeded", 3, 2, 1),
    )
    assert refused["results"] == [
        {
            "row": 2,
            "field": "price",
            "message": "wants a number, got 'cheap'",
            "values": '{"sku":"2","title":"Jam","price":"cheap","stock":""}',
        }
    ]
    assert Import.objects.get().source == "api:shop"
    assert dict(Product.objects.values_list("sku", "stock")) == {"1": None, "3": None}


def test_a_dry_run_keeps_nothing(client):
    run = post(client, bearer(Scope.PRODUCTS_WRITE), dry_run="true").json()
    imports_advance(at=AT, seconds=10)

    assert Import.objects.get(pk=run["id"]).created == 2
    assert Product.objects.count() == 0


@pytest.mark.parametrize(
    ("content", "form", "message"),
    [
        (b"", {}, "file: The submitted file is empty."),
        (b"PK\x03\x04xx", {}, "file: is a ZIP archive: take the file out of it"),
        (b"name\nTea\n", {}, "file: has no column for sku; it has 'name'"),
        (CSV, {"mapping": "[1]"}, "mapping: wants a JSON object of texts"),
        (CSV, {"mapping": '{"colour": "name"}'}, "file: has no column 'colour'"),
        (CSV, {"dry_run": "perhaps"}, "dry_run: Must be a valid boolean."),
    ],
)
def test_what_can_t_be_imported_is_refused_with_the_reason(content, form, message, client):
    answer = post(client, bearer(Scope.PRODUCTS_WRITE), content, **form)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["message"].startswith(message)
    assert Import.objects.count() == 0


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        ("customers", Scope.CUSTOMERS_WRITE), ("events", Scope.EVENTS_WRITE),
        ("products", Scope.PRODUCTS_WRITE), ("consents", Scope.CONSENTS_WRITE),
    ],
)  # fmt: skip
def test_each_kind_wants_the_scope_of_its_rows(kind, scope, client):
    url = f"/api/v1/imports/{kind}/"
    others = [other for other in Scope if other != scope]

    assert post(client, bearer(*others, name="others"), url=url).status_code == 403
    assert post(client, bearer(scope, name="own"), b"x\n", url=url).status_code == 400


def test_nobody_sees_the_import_of_another(client):
    run = post(client, bearer(Scope.PRODUCTS_WRITE, name="shop")).json()
    other = bearer(Scope.PRODUCTS_WRITE, Scope.EVENTS_WRITE, name="other")

    for path in (f"{URL}{run['id']}/", f"{URL}{run['id']}/rejected/"):
        assert client.get(path, headers=other).status_code == 404
    own = bearer(Scope.PRODUCTS_WRITE, Scope.EVENTS_WRITE, name="third")
    for path in ("/api/v1/imports/nonsense/", "/api/v1/imports/events/99999999999999999999/"):
        assert client.get(path, headers=own).status_code == 404


def test_a_body_that_says_it_is_too_large_is_not_read(client):
    answer = client.generic(
        "POST",
        URL,
        b"x",
        content_type="multipart/form-data; boundary=x",
        headers=bearer(Scope.PRODUCTS_WRITE),
        CONTENT_LENGTH=str(3 << 30),
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_fields_that_go_on_and_on_are_refused(client):
    answer = post(client, bearer(Scope.PRODUCTS_WRITE), mapping="x" * 3_000_000)

    assert answer.status_code == 400
