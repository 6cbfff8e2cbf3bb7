"""A shop keeps the catalogue in step with its own."""

from decimal import Decimal

import pytest

from lifecycle_engine.core.models import Scope
from lifecycle_engine.events import catalogue_api
from lifecycle_engine.events.catalogue import (
    CatalogueError,
    ProductChange,
    products_change,
    products_complete,
    products_upsert,
)
from lifecycle_engine.events.models import Product
from lifecycle_engine.events.rows import ProductRow
from tests.factories.core import bearer

pytestmark = pytest.mark.django_db
URL = "/api/v1/products/"


@pytest.fixture
def shop():
    """Three products, one of them not available."""
    rows = [
        ProductRow(sku="tea", name="Tea", price=Decimal("2.50"), stock=5, brand="Leaf"),
        ProductRow(sku="jam", name="Jam", price=Decimal("4.00"), stock=None),
        ProductRow(sku="ink", name="Ink", available=False),
    ]
    products_upsert(rows=rows)


@pytest.fixture
def sent(client):
    headers = bearer(Scope.PRODUCTS_WRITE)

    def send(method, products):
        body = {"products": products}
        return getattr(client, method)(URL, body, content_type="application/json", headers=headers)

    return send


def known():
    rows = Product.objects.values_list("sku", "price", "stock", "available")
    return {sku: (price and str(price), stock, available) for sku, price, stock, available in rows}


def test_price_and_stock_of_many_are_changed_and_the_rest_stays(sent, shop):
    answer = sent(
        "patch",
        [
            {"sku": "tea", "stock": 4},
            {"sku": "jam", "price": "3.99", "available": False},
            {"sku": "gone", "stock": 1},
            {"sku": "ink"},
            {"sku": "ink", "stock": -1},
            {"stock": 1},
            5,
            {"sku": "ink", "stock": None},
        ],
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "created": 0,
        "updated": 2,
        "rejected": [
            {"index": 2, "sku": "gone", "field": "sku", "message": "names no product: gone"},
            {
                "index": 3, "sku": "ink", "field": "price",
                "message": "is missing, and so are stock and available",
            },
            {
                "index": 4, "sku": "ink", "field": "stock",
                "message": "Ensure this value is greater than or equal to 0.",
            },
            {"index": 5, "sku": "", "field": "sku", "message": "This field is required."},
            {
                "index": 6, "sku": "", "field": "non_field_errors",
                "message": "Invalid data. Expected a dictionary, but got int.",
            },
        ],
    }  # fmt: skip
    assert known() == {
        "tea": ("2.50", 4, True), "jam": ("3.99", None, False), "ink": (None, None, False),
    }  # fmt: skip
    assert Product.objects.get(sku="tea").brand == "Leaf"


def test_null_empties_and_the_later_of_two_changes_counts(shop):
    result = products_change(
        rows=[ProductChange(sku="tea", stock=9), ProductChange(sku="tea", price=None, stock=8)]
    )

    assert (result.updated, result.rejected) == (1, [])
    assert known()["tea"] == (None, 8, True)


def test_a_product_that_stays_the_same_is_not_touched(shop):
    before = Product.objects.get(sku="tea").updated_at

    result = products_change(rows=[ProductChange(sku="tea", stock=5, available=True)])

    assert (result.updated, Product.objects.get(sku="tea").updated_at) == (0, before)


def test_what_is_missing_in_the_whole_catalogue_is_no_longer_available(sent, shop):
    answer = sent(
        "put",
        [{"sku": "tea", "name": "Tea", "price": "2.50"}, {"sku": "cup", "name": "Cup"}],
    )

    assert answer.status_code == 200
    assert answer.json() == {"created": 1, "updated": 1, "withdrawn": 1, "rejected": []}
    assert known() == {
        "tea": ("2.50", None, True), "jam": ("4.00", None, False), "ink": (None, None, False),
        "cup": (None, None, True),
    }  # fmt: skip


def test_a_product_that_is_refused_is_named_and_stays_as_it_was(sent, shop):
    answer = sent(
        "put",
        [
            {"sku": "tea", "name": "Tea", "price": "cheap"},
            {"sku": "jam", "name": "Jam", "url": "https://x.example/" + "x" * 200},
            {"sku": "ink", "name": "Ink"},
        ],
    )

    told = answer.json()
    assert (told["created"], told["updated"], told["withdrawn"]) == (0, 1, 0)
    assert [(r["index"], r["sku"], r["field"]) for r in told["rejected"]] == [
        (0, "tea", "price"), (1, "jam", "url"),
    ]  # fmt: skip
    assert known() == {
        "tea": ("2.50", 5, True), "jam": ("4.00", None, True), "ink": (None, None, True),
    }  # fmt: skip


@pytest.mark.parametrize("products", [[], [{"sku": "tea", "name": ""}], [5]])
def test_a_catalogue_without_a_product_changes_nothing(products, sent, shop):
    before = known()

    answer = sent("put", products)

    assert (answer.status_code, known()) == (400, before)
    assert answer.json()["message"] == (
        "products: holds no product that can be kept: nothing is withdrawn"
    )


def test_all_of_them_refused_by_the_service_changes_nothing(shop):
    before = known()

    with pytest.raises(CatalogueError):
        products_complete(rows=[ProductRow(sku="x", name="")])

    assert known() == before


def test_a_whole_catalogue_may_be_longer_than_other_requests(sent, shop, monkeypatch):
    products = [{"sku": f"s{number}", "name": "x" * 290} for number in range(2_000)]

    assert sent("post", products).status_code == 413
    assert sent("put", products).json()["created"] == 2_000
    monkeypatch.setattr(catalogue_api, "_CATALOGUE_BODY_LIMIT", 600_000)
    assert sent("put", products).status_code == 413


def test_an_sku_that_is_no_text_withdraws_nothing_by_accident(sent, shop):
    answer = sent("put", [{"sku": "tea\0", "name": "x"}, {"sku": "jam", "name": "Jam"}])

    assert answer.status_code == 200
    assert [r["index"] for r in answer.json()["rejected"]] == [0]
    assert known()["jam"][2] is True


def test_writing_wants_the_scope(client):
    headers = bearer(Scope.EVENTS_WRITE)

    for method in ("post", "patch", "put"):
        answer = getattr(client, method)(
            URL, {"products": []}, content_type="application/json", headers=headers
        )
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("", ["Ink", "Jam", "Tea"]), ("?available__exact=1", ["Jam", "Tea"]),
        ("?stock=few", ["Tea"]), ("?stock=none", []), ("?stock=uncounted", ["Ink", "Jam"]),
    ],
)  # fmt: skip
def test_staff_see_what_is_left(chosen, shown, shop, admin_client):
    page = admin_client.get(f"/admin/events/product/{chosen}")

    assert sorted(product.name for product in page.context["cl"].result_list) == shown


def test_staff_see_pictures_that_come_safely(admin_client):
    for sku, url in (("1", "https://cdn.example/1.png"), ("2", "http://cdn.example/2.png")):
        product = Product.objects.create(sku=sku, name="Tea", image_url=url, stock=3, price=5)
    secure = Product.objects.get(sku="1")

    pages = [
        admin_client.get(path).text
        for path in ("/admin/events/product/", f"/admin/events/product/{secure.pk}/change/")
    ]

    assert [page.count('src="https://cdn.example/1.png"') for page in pages] == [1, 1]
    assert 'src="http://' not in pages[0]
    other = admin_client.get(f"/admin/events/product/{product.pk}/change/").text
    assert "<img class" not in other
