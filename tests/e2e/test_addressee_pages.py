"""The pages that customers open from a message, in a real browser on a telephone."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from lifecycle_engine.customers.consents import consents_granted
from lifecycle_engine.customers.models import Consent
from lifecycle_engine.messaging.addresses import address_hash
from lifecycle_engine.messaging.models import OptIn
from lifecycle_engine.messaging.opt_in import OptInRequest, opt_in_request, opt_in_url
from lifecycle_engine.messaging.preference_links import preferences_url
from lifecycle_engine.messaging.preferences import Proof, Wording
from lifecycle_engine.messaging.unsubscribe import UnsubscribeToken, unsubscribe_url
from lifecycle_engine.sdk.channels import channels
from tests.e2e.browsing import AXE, PATIENCE_MS
from tests.e2e.test_console_browser import pytestmark  # noqa: F401 - marks these tests too
from tests.factories.messaging import ReaderFactory

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def ada(transactional_db):
    ada = ReaderFactory(consents=["email"], language="en")
    Consent.objects.create(
        customer=ada, channel="", purpose="sharing:acme", granted=True, source="test",
        recorded_at=timezone.now(),
    )  # fmt: skip
    return ada


@pytest.fixture(params=["light", "dark"])
def page(request, browser, live_server):
    """A page that runs no scripts of its own and remembers what went wrong."""
    context = browser.new_context(color_scheme=request.param, viewport=PHONE)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.wrong = []
    page.on("console", lambda message: page.wrong.append(message.text))
    page.base = live_server.url
    yield page
    context.close()


def paths(ada):
    token = UnsubscribeToken("email", address_hash(channels.get("email")(), ada.email), ada.pk)
    asked = ReaderFactory(consents=[], language=ada.language)
    proof = Proof(timezone.now())
    opt_in_request(
        OptInRequest(customer_id=asked.pk, source="form", wording=Wording("", "", ""), proof=proof)
    )
    return {
        "unsubscribe": urlsplit(unsubscribe_url(token)).path,
        "preferences": urlsplit(preferences_url(token, at=timezone.now())).path,
        "opt-in": urlsplit(opt_in_url(OptIn.objects.get())).path,
    }


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_are_clean_fit_a_telephone_and_axe_finds_nothing(page, ada, language):
    ada.language = language
    ada.save()
    folder = os.environ.get("SCREENSHOTS")
    for name, path in paths(ada).items():
        page.goto(page.base + path)
        if folder:
            page.screenshot(path=Path(folder) / f"{name}-{language}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        found = page.evaluate(f"async () => {{ {AXE.read_text()}; return await axe.run() }}")
        assert [violation["id"] for violation in found["violations"]] == []
    assert page.wrong == []


def test_consent_is_withdrawn_and_given_by_keyboard_without_scripts(
    browser,
    live_server,
    ada,
):
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(live_server.url + paths(ada)["preferences"])
    box = page.get_by_label("Offers and news by E-mail")
    expect(box).to_be_checked()

    def granted():
        return consents_granted(
            customer_ids=[ada.pk], channel="email", purpose="marketing", at=timezone.now()
        )

    for expected in (set(), {ada.pk}):
        box.focus()
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Your choices are saved.")
        assert granted() == expected

    page.get_by_role("button", name="Unsubscribe from everything").click()
    expect(page.get_by_role("status")).to_have_text("You are unsubscribed from everything.")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(0)
    assert granted() == set()
    context.close()
