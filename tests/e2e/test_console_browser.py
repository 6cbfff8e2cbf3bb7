"""The admin in a real browser: no policy report, readable by everyone, usable by keyboard."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.urls import reverse
from playwright.sync_api import Error, expect

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.imports.services import import_upload
from lifecycle_engine.events.models import (
    Import,
    ImportRejection,
    Product,
    QuarantinedEvent,
    Reader,
)
from lifecycle_engine.segments.models import CustomerStage, Segment
from tests.e2e.browsing import CHROMIUM, follow, serious

ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"
NOW = datetime(2017, 12, 1, tzinfo=UTC)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: run make browser"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def customer(db):
    """A customer, a product, a segment and a stage whose every text is an attack."""
    Product.objects.create(sku="1", name=ATTACK, brand=ATTACK)
    Segment.objects.create(key="s", name=ATTACK, description=ATTACK, rule={}, size=1, error=ATTACK)
    Segment.objects.create(key="l", name=ATTACK, kind="static", size=0, as_of=NOW)
    found = Customer.objects.create(
        external_id=ATTACK, first_name=ATTACK, last_name=ATTACK, attributes={ATTACK: ATTACK}
    )
    CustomerStage.objects.create(customer=found, stage="loyal", since=NOW)
    reader = Reader.objects.create(name="points", error=ATTACK, failures=2, retry_at=NOW)
    import_upload(
        kind="products",
        source="shop",
        file=ContentFile(f"sku,{ATTACK}\n1,{ATTACK}\n".encode(), name=ATTACK),
        mapping=None,
        dry_run=False,
        by=ATTACK,
    )
    run = Import.objects.create(
        kind="products", name=ATTACK, state="failed", error=ATTACK, mapping={ATTACK: ATTACK}
    )
    Import.objects.create(
        kind="members", name=ATTACK, state="succeeded", target="l", mode="add", created_by=ATTACK
    )
    ImportRejection.objects.create(imported=run, row=1, field="x", message=ATTACK, values=ATTACK)
    QuarantinedEvent.objects.create(
        reader=reader, event_id=uuid4(), txid=1, occurred_at=NOW, error=ATTACK
    )
    return found


def admin_paths(customer: Customer) -> list[str]:
    """Every list of our own, and one page of each other kind."""
    models = [
        model
        for model in apps.get_models()
        if model.__module__.startswith(("lifecycle_engine.", "campaigns."))
    ]
    lists = [f"{m._meta.app_label}_{m._meta.model_name}_changelist" for m in models]
    forms = ["segments_segment_add", "campaigns_campaign_add", "rewards_offer_add"]
    forms += [
        "events_import_add",
        "core_apikey_add",
        "messaging_messagetemplate_add",
        "auth_user_add",
    ]
    return [
        reverse("admin:index"),
        reverse("lifecycle"),
        reverse("stage-thresholds"),
        *(reverse(f"admin:{name}") for name in [*lists, *forms]),
        reverse("admin:customers_customer_change", args=[customer.pk]),
        reverse("admin:segments_segment_change", args=[Segment.objects.get(key="s").pk]),
        reverse("admin:segments_segment_change", args=[Segment.objects.get(key="l").pk]),
        reverse("admin:segments_segment_list", args=[Segment.objects.get(key="l").pk]),
        reverse("admin:events_product_change", args=[Product.objects.get().pk]),
        reverse("admin:events_reader_change", args=[Reader.objects.get().pk]),
        *(reverse("admin:events_import_change", args=[run.pk]) for run in Import.objects.all()),
    ]


@pytest.mark.parametrize("scheme", ["light"], indirect=True)
def test_no_page_reports_anything_and_no_text_runs(watched, customer):
    for path in admin_paths(customer):
        watched.visit(path)

    assert watched.wrong == []


def test_axe_finds_nothing_serious(watched, customer):
    found = []
    for path in (
        reverse("admin:index"),
        reverse("admin:customers_customer_changelist"),
        reverse("admin:customers_customer_change", args=[customer.pk]),
        reverse("admin:segments_segment_add"),
        reverse("admin:segments_segment_list", args=[Segment.objects.get(key="l").pk]),
        reverse("admin:events_reader_change", args=[Reader.objects.get().pk]),
    ):
        found += [f"{path}: {what}" for what in serious(watched.visit(path))]

    assert found == []


@pytest.mark.parametrize("scheme", ["light"], indirect=True)
def test_the_palette_takes_the_focus_and_gives_it_back(watched, customer):
    page = watched.visit(reverse("admin:index"))
    dashboard = page.get_by_role("link", name="Dashboard")
    dashboard.focus()

    page.keyboard.press("Control+k")
    expect(page.locator("#search-input-command")).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(1)
    expect(page.locator("#page")).to_have_attribute("inert", "")

    page.keyboard.press("Escape")
    expect(page.locator("#page")).not_to_have_attribute("inert", "")
    expect(dashboard).to_be_focused()
    assert watched.wrong == []


@pytest.mark.parametrize("scheme", ["light"], indirect=True)
def test_the_theme_s_own_scripts_work_without_eval(watched, customer):
    page = watched.visit(reverse("admin:customers_consent_changelist"))
    page.get_by_role("button", name="Filters").click()
    expect(page.locator("#changelist-filter")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#changelist-filter")).to_be_hidden()

    toggle = page.get_by_role("button", name="Show or hide the sidebar").first
    toggle.click()
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    page.reload()
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    assert watched.wrong == []


@pytest.mark.parametrize("scheme", ["dark"], indirect=True)
def test_a_key_s_pages_are_readable_and_show_it_once(watched):
    page = watched.visit(reverse("admin:core_apikey_add"))
    page.get_by_label("name").fill("shop")
    page.get_by_label("Send events").check()
    page.get_by_label("allowed addresses").fill("192.0.2.0/24\n2001:db8::1")
    follow(page, "button", "Save")
    shown = page.locator("code.le-key").inner_text()
    pages = [("new", page.url, serious(page))]
    # One click selects it all, and Tab reaches it.
    page.locator("code.le-key").click()
    assert page.evaluate("getSelection().toString()") == shown

    follow(page, "link", "I have copied it")
    pages.append(("record", page.url, serious(page)))
    assert shown not in page.content()
    # The answer may not be kept, so there is nothing to go back to but sending the form again.
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        page.go_back()
    page.wait_for_url("chrome-error://chromewebdata/")

    page.goto(pages[1][1])
    follow(page, "link", "Rotate")
    pages.append(("rotate", page.url, serious(page)))
    follow(page, "button", "Rotate")
    rotated = page.locator("code.le-key").inner_text()
    pages.append(("rotated", page.url, serious(page)))
    follow(page, "link", "I have copied it")
    follow(page, "link", "Revoke")
    pages.append(("revoke", page.url, serious(page)))
    follow(page, "button", "Revoke")
    expect(page.get_by_text("shop is revoked.")).to_be_visible()
    pages.append(("revoked", page.url, serious(page)))

    assert rotated != shown
    assert [(name, found) for name, _url, found in pages if found] == []
    assert [url for _name, url, _found in pages if shown in url or rotated in url] == []
    assert watched.wrong == []
