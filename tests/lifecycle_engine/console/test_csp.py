"""The policy every page is sent with."""

import base64
import hashlib
import re

import pytest
from django.urls import reverse

from lifecycle_engine.console import csp
from lifecycle_engine.events.models import Product


@pytest.mark.django_db
def test_the_policy_allows_no_inline_script_and_the_one_style_that_the_page_has(client):
    response = client.get(reverse("admin:login"))

    style = re.search(r'<style id="unfold-theme-colors">(.*?)</style>', response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert response.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; "
        f"style-src-elem 'self' 'sha256-{digest}'; style-src-attr 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )


@pytest.mark.django_db
def test_pictures_come_from_elsewhere_on_pages_of_products_only(admin_client):
    product = Product.objects.create(sku="1", name="Tea")
    pages = {
        reverse("admin:events_product_changelist"): True,
        reverse("admin:events_product_change", args=[product.pk]): True,
        reverse("admin:customers_customer_changelist"): False,
        reverse("admin:index"): False,
    }

    for page, shown in pages.items():
        policy = admin_client.get(page).headers["Content-Security-Policy"]
        assert ("img-src 'self' data: https:;" in policy) is shown, page
        assert policy.count("https:") == shown, page


@pytest.mark.django_db
def test_no_page_brings_inline_script(admin_client):
    for name in (
        "index",
        "segments_segment_add",
        "core_apikey_add",
        "customers_customer_changelist",
    ):
        page = admin_client.get(reverse(f"admin:{name}")).text
        inline = re.findall(r"<script(?![^>]*\b(?:src|type=\"application/json\"))[^>]*>", page)
        assert inline == [], name
        assert not re.search(r"<[^>]+\son[a-z]+=", page), name


def test_a_theme_without_its_style_element_is_an_error(monkeypatch):
    monkeypatch.setattr(csp, "_THEME_STYLE", re.compile("no such element"))

    with pytest.raises(csp.ThemeStyleError, match="skeleton"):
        csp.theme_style_hash.__wrapped__()
