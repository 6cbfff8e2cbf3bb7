"""Importing customers, products and consents from files."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lifecycle_engine.customers.models import Attribute, Consent, Customer
from lifecycle_engine.customers.rows import CustomerRow
from lifecycle_engine.customers.services import customers_upsert
from lifecycle_engine.events.attribute_log import conflict_example
from lifecycle_engine.events.catalogue import products_upsert
from lifecycle_engine.events.imports.limits import ImportFileError
from lifecycle_engine.events.models import ImportState, Product
from lifecycle_engine.events.rows import ProductRow
from tests.factories.customers import CustomerFactory

FORMATS = ["rows.csv", "rows.jsonl", "rows.parquet"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_customers_are_made_and_changed(name, write, run, figures, refused):
    CustomerFactory(external_id="2", first_name="Old", country="DE")
    rows = [
        {"Customer ID": "1", "Email": "a@b.example", "firstName": "Ada", "attributes.tier": "gold"},
        {"Customer ID": "2", "Email": "", "firstName": "New", "attributes.tier": ""},
        {"Customer ID": "3", "Email": "nobody", "firstName": "Bad", "attributes.tier": ""},
        {"Customer ID": "", "Email": "c@d.example", "firstName": "Who", "attributes.tier": ""},
    ]

    done = run("customers", write(rows, name))

    assert (done.state, done.error) == (ImportState.SUCCEEDED, "")
    assert figures(done) == (4, 1, 1, 0, 2)
    assert refused(done) == [
        (3, "email", "is not an e-mail address: 'nobody'"),
        (4, "external_id", "is missing"),
    ]
    ada = Customer.objects.get(external_id="1")
    assert (ada.email, ada.first_name, ada.attributes) == ("a@b.example", "Ada", {"tier": "gold"})
    # An empty cell says nothing.
    changed = Customer.objects.get(external_id="2")
    assert (changed.first_name, changed.country) == ("New", "DE")
    assert Customer.objects.count() == 2


@pytest.mark.django_db
def test_attributes_of_customers_are_learnt_once(write, run):
    rows = [
        {"external_id": "1", "attributes.tier": "gold", "attributes.born": "1980-12-10"},
        {"external_id": "2", "attributes.tier": "silver", "attributes.born": ""},
        {"external_id": "3", "attributes.tier": "gold", "email": "nobody"},
    ]
    path = write(rows, "rows.jsonl")

    run("customers", path, dry_run=True)
    assert not Attribute.objects.exists()
    run("customers", path)
    run("customers", write([{"external_id": "4", "attributes": {"born": 7}}], "more.jsonl"))

    found = {row.name: (row.kind, row.seen, row.conflicts) for row in Attribute.objects.all()}
    assert found == {"tier": ("text", 2, 0), "born": ("moment", 2, 1)}
    born = Attribute.objects.get(name="born")
    assert (born.conflict_kind, conflict_example(born)) == ("number", None)


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_products_are_made_and_replaced(name, write, run, figures, refused):
    rows = [
        {"sku": "1", "title": "Tea", "price": "2.50", "stock": "7", "available": "yes"},
        {"sku": "2", "title": "Jam", "price": "cheap", "stock": "", "available": ""},
        {"sku": "3", "title": "Ink", "price": "", "stock": "1.5", "available": ""},
        {"sku": "4", "title": "Cup", "price": "1", "stock": "", "available": "maybe"},
        {"sku": "5", "title": "Pot", "price": "-1", "stock": "", "available": "no"},
    ]
    path = write(rows, name)

    done = run("products", path)

    assert figures(done) == (5, 1, 0, 0, 4)
    assert refused(done) == [
        (2, "price", "wants a number, got 'cheap'"),
        (3, "stock", "wants a whole number, got '1.5'"),
        (4, "available", "wants true or false, got 'maybe'"),
        (5, "price", "wants an amount from 0 to below 1000000000000, got -1"),
    ]
    product = Product.objects.get()
    assert (product.name, product.price, product.stock) == ("Tea", Decimal("2.50"), 7)
    assert figures(run("products", path)) == (5, 0, 0, 1, 4)


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["javascript:alert(1)", "//x.example", "data:text/html,x"])
def test_an_address_that_a_browser_would_run_is_refused(url, write, run, refused):
    done = run("products", write([{"sku": "1", "name": "Tea", "url": url}], "rows.csv"))

    assert [refusal[:2] for refusal in refused(done)] == [(1, "url")]
    assert Product.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_consents_are_recorded_for_whom_they_name(name, write, run, figures, refused):

    customers_upsert(rows=[CustomerRow(external_id="1")])
    entry = {
        "external_id": "1",
        "channel": "email",
        "purpose": "marketing",
        "granted": "true",
        "recorded_at": "2026-01-02T03:04:05+01:00",
    }
    rows = [
        entry,
        entry | {"external_id": "nobody"},
        entry | {"purpose": "fun"},
        entry | {"recorded_at": "2031-01-01T00:00:00Z"},
        entry,
    ]

    done = run("consents", write(rows, name), source="old shop")

    assert figures(done) == (5, 1, 0, 1, 3)
    assert [refusal[:2] for refusal in refused(done)] == [
        (2, "external_id"), (3, "purpose"), (4, "recorded_at"),
    ]  # fmt: skip
    consent = Consent.objects.get()
    assert (consent.customer.external_id, consent.source) == ("1", "old shop")
    assert (consent.granted, consent.recorded_at) == (
        True,
        datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC),
    )


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_missing_among_all_products_is_withdrawn(name, write, run, figures):
    products_upsert(rows=[ProductRow(sku=sku, name=sku) for sku in ("here", "bad", "gone")])
    rows = [
        {"sku": "here", "name": "here", "price": ""},
        {"sku": "bad", "name": "bad", "price": "cheap"},
        {"sku": "new", "name": "new", "price": ""},
    ]
    path = write(rows, name)

    tried = run("products", path, complete=True, dry_run=True)
    before = set(Product.objects.filter(available=True).values_list("sku", flat=True))
    done = run("products", path, complete=True)

    assert figures(tried) == figures(done) == (3, 1, 1, 1, 1)
    assert before == {"here", "bad", "gone"}
    assert set(Product.objects.filter(available=True).values_list("sku", flat=True)) == {
        *("here", "bad", "new"),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("rows", ["1,Tea\n2\n", "1,\n"])
def test_nothing_is_withdrawn_where_a_row_can_t_be_read(rows, tmp_path, run):
    products_upsert(rows=[ProductRow(sku="gone", name="gone")])
    path = tmp_path / "products.csv"
    path.write_text(f"sku,name\n{rows}")

    done = run("products", path, complete=True)

    assert (done.state, done.error) == (
        ImportState.SUCCEEDED,
        "no product was withdrawn: 1 rows can't be read",
    )
    assert Product.objects.get(sku="gone").available


@pytest.mark.django_db
def test_only_products_can_be_all_that_there_are(write, run):
    with pytest.raises(ImportFileError, match="can't be all customers"):
        run("customers", write([{"external_id": "1"}], "rows.csv"), complete=True)
