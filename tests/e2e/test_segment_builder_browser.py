"""The segment builder in a real browser: typing, focus, undo, keys, small screens, and axe."""

import re
import time

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from lifecycle_engine.console.segment_builder import views
from lifecycle_engine.segments.drafts import draft_begin, draft_change, draft_load
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.preview_sessions import preview_sessions
from tests.e2e.browsing import follow, serious
from tests.e2e.test_console_browser import NOW, pytestmark  # noqa: F401 - marks these tests too
from tests.factories.customers import CustomerFactory
from tests.factories.segments import country_rule

RULE = {
    "all": [
        country_rule("DE")["rule"]["all"][0],
        {
            "condition": "event.count",
            "name": "Order Completed",
            "at_most": 2,
            "where": [{"property": "store", "operator": "one_of", "value": ["7", "8"]}],
        },
        {"none": [{"condition": "stage.is", "one_of": ["lapsed"]}]},
    ]
}

light_only = pytest.mark.parametrize("scheme", ["light"], indirect=True)


@pytest.fixture(autouse=True)
def _demo(settings, tmp_path):
    settings.WAREHOUSE_URL = f"duckdb://{tmp_path}"
    settings.ENGINE_NOW = NOW
    yield
    preview_sessions.close()


@pytest.fixture
def draft(db):
    CustomerFactory.create_batch(12, country="DE")
    CustomerFactory.create_batch(3, country="AT")
    return draft_begin(owner="admin", name="Germans")


def rule_set(draft, rule):
    """Bring a rule into the draft as another page would."""
    now = draft_load(draft_id=draft.pk, owner="admin")
    draft_change(
        draft_id=draft.pk,
        owner="admin",
        revision=now.row.revision,
        change=lambda content: content | {"rule": rule},
    )


def root(draft):
    return draft_load(draft_id=draft.pk, owner="admin").root


def wrong(watched):
    """What went wrong, without questions that were dropped for newer ones or for another page."""
    dropped = ("htmx:afterRequest", "htmx:sendAbort")
    return [what for what in watched.wrong if not any(one in what for one in dropped)]


def url(draft):
    return reverse("admin:segments_draft", args=[draft.pk])


@light_only
def test_a_segment_is_built_and_published_by_keyboard(watched, draft):
    page = watched.visit(url(draft))
    expect(page.get_by_text("1 thing to complete. Nobody is selected until then.")).to_be_visible()

    page.locator("#n-add").focus()
    page.keyboard.press("C")  # "Customer attribute": a select goes to what is typed.
    page.locator("#n-add").select_option("attribute")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    field = page.locator("#n0-field")
    expect(field).to_be_focused()
    expect(page.locator("#n0-field-e")).to_have_text("This is needed.")
    expect(field).to_have_attribute("aria-invalid", "true")
    page.keyboard.type("country", delay=20)
    expect(page.locator("#n0-field-e")).to_be_empty()
    expect(field).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#n0-operator")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("DE", delay=20)

    expect(page.locator(".lb-size")).to_have_text("12")
    expect(page.get_by_text("of 15 customers (80.0 %)")).to_be_visible()
    expect(page.locator("#n0-count")).to_have_text("12 by itself")
    expect(page.locator(".lb-sample button")).to_have_count(10)
    page.get_by_role("button", name="Publish").press("Enter")
    expect(page.get_by_text("“Germans” is live.")).to_be_visible()
    assert Segment.objects.get().rule == country_rule("DE")
    assert wrong(watched) == []


@light_only
def test_undo_and_redo_by_key_survive_a_reload(watched, draft):
    page = watched.visit(url(draft))
    page.locator("#n-add").select_option("event.absent")
    page.get_by_role("button", name="Add condition").click()
    name = page.locator("#n0-name")
    expect(name).to_be_focused()
    page.keyboard.type("Order", delay=30)

    # What was not sent yet is part of the step.
    page.keyboard.press("Control+z")
    expect(name).to_have_value("")
    page.keyboard.press("Control+z")
    expect(name).to_have_count(0)
    page.reload()
    page.keyboard.press("Control+Shift+Z")
    expect(name).to_have_count(1)
    page.keyboard.press("Control+Shift+Z")
    expect(name).to_have_value("Order")
    expect(page.locator("#lb-redo")).to_have_attribute("aria-disabled", "true")
    assert root(draft)["all"][0]["name"] == "Order"
    assert wrong(watched) == []


@light_only
def test_the_focus_follows_what_is_moved(watched, draft):
    rule_set(draft, RULE)
    page = watched.visit(url(draft))

    page.locator("#n0-down").press("Enter")
    expect(page.locator("#n1-down")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#n1-0-down")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#n1-up")).to_be_focused()
    assert ["condition" in node for node in root(draft)["all"]] == [True, True, False]

    page.locator("#n1 [data-tool=duplicate]").click()
    expect(page.locator("#n2.lb-leaf")).to_be_focused()
    page.locator("#n2 [data-tool=remove]").click()
    expect(page.locator("#n2.lb-group")).to_be_focused()
    assert wrong(watched) == []


@light_only
def test_a_jump_goes_from_one_thing_to_complete_to_the_next(watched, draft):
    rule_set(
        draft,
        {"all": [{"condition": "event.absent"}, {"any": []}, {"condition": "segment.member"}]},
    )
    page = watched.visit(url(draft))
    jump = page.get_by_role("button", name="Go to the next")

    for focused in ("#n0-name", "#n1-add", "#n2-segment", "#n0-name"):
        jump.click()
        expect(page.locator(focused)).to_be_focused()
    assert wrong(watched) == []


@light_only
def test_a_page_that_is_behind_is_refused_and_says_so(watched, draft):
    page = watched.visit(url(draft))
    rule_set(draft, RULE)

    page.get_by_role("button", name="Add group").click()

    expect(page.get_by_role("alert")).to_contain_text("This page is out of date")
    expect(page.locator(".lb-columns")).to_have_attribute("inert", "")
    page.get_by_role("link", name="Load it again").click()
    expect(page.locator("#n1-name")).to_have_value("Order Completed")
    assert root(draft) == RULE
    # The browser itself notes the answer's status.
    assert [what for what in wrong(watched) if "409" not in what] == []


@light_only
def test_typing_is_not_disturbed_by_the_answers(watched, draft):
    rule_set(draft, RULE)
    page = watched.visit(url(draft))
    name = page.locator("#n1-name")
    name.fill("")

    with page.expect_request("**/edit/"):
        name.press_sequentially("Product")
    # The answer to the first word comes while the second one is typed.
    with page.expect_response("**/edit/"):
        name.press_sequentially(" Viewed", delay=30)

    expect(name).to_have_value("Product Viewed")
    expect(name).to_be_focused()
    expect(page.locator(".lb-sentence")).to_contain_text("“Product Viewed”")
    assert root(draft)["all"][1]["name"] == "Product Viewed"
    assert wrong(watched) == []


@light_only
@pytest.mark.parametrize("published_at_once", [False, True])
def test_what_is_typed_while_a_condition_is_drawn_anew_is_kept_and_sent(
    watched, draft, monkeypatch, published_at_once
):
    def late(*args):
        time.sleep(0.5)
        return fields_changed(*args)

    fields_changed = views._fields_changed
    monkeypatch.setattr(views, "_fields_changed", late)
    page = watched.visit(url(draft))
    page.locator("#n-add").select_option("attribute")
    page.get_by_role("button", name="Add condition").click()
    expect(page.locator("#n0-field")).to_be_focused()

    # Of another field other operators are offered.
    with page.expect_request("**/edit/"):
        page.keyboard.type("country")
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("DE")

    if published_at_once:
        page.get_by_role("button", name="Publish").press("Enter")
        expect(page.get_by_text("“Germans” is live.")).to_be_visible()
        assert Segment.objects.get().rule == country_rule("DE")
    else:
        expect(page.locator(".lb-size")).to_have_text("12")
        expect(page.locator("#n0-value")).to_have_value("DE")
        expect(page.locator("#n0-value")).to_be_focused()
        assert root(draft) == country_rule("DE")["rule"]
    assert wrong(watched) == []


@light_only
def test_what_is_entered_at_once_in_a_condition_just_added_is_sent(watched, draft):
    page = watched.visit(url(draft))
    # As a quick hand, or a program that fills in forms, does: before the next frame is drawn.
    page.evaluate("""
        document.addEventListener("htmx:afterSwap", () => setTimeout(() => {
            const field = document.getElementById("n0-field");
            field.value = "country";
            field.dispatchEvent(new Event("change", { bubbles: true }));
        }), { once: true })
    """)
    page.locator("#n-add").select_option("attribute")

    page.get_by_role("button", name="Add condition").click()

    expect(page.locator("#n0-field-e")).to_be_empty()
    assert root(draft)["all"][0]["field"] == "country"
    assert wrong(watched) == []


@light_only
def test_another_operator_takes_the_value_away_and_keeps_the_focus(watched, draft):
    rule_set(draft, RULE)
    page = watched.visit(url(draft))

    operator = page.locator("#n0-operator")
    operator.focus()
    operator.select_option("missing")

    expect(page.locator("#n0-value")).to_have_count(0)
    expect(page.locator("#n0-operator")).to_be_focused()
    operator.select_option("one_of")
    expect(page.locator("#n0-value-h")).to_have_text(re.compile("with commas"))
    assert wrong(watched) == []


@light_only
def test_why_somebody_is_in_opens_and_gives_the_focus_back(watched, draft):
    rule_set(draft, country_rule("DE")["rule"])
    page = watched.visit(url(draft))
    first = page.locator(".lb-sample button").first

    first.press("Enter")
    expect(page.locator(".lb-why")).to_be_focused()
    expect(page.locator(".lb-why")).to_contain_text("seen: DE")
    page.keyboard.press("Escape")

    expect(page.locator(".lb-why")).to_have_count(0)
    expect(first).to_be_focused()
    assert wrong(watched) == []


@light_only
def test_names_are_completed_from_what_was_seen(watched, draft):
    rule_set(draft, RULE)
    page = watched.visit(url(draft))

    page.locator("#n0-value").focus()

    option = page.locator("#n0-value-dl option").first
    expect(option).to_have_attribute("value", "DE")
    expect(option).to_have_attribute("label", "DE · 12")
    assert wrong(watched) == []


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 390)], indirect=["scheme"])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(watched, draft, width):
    rule_set(draft, {"all": [*RULE["all"], {"any": []}]})
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = watched.visit(url(draft))
    found = [("unfinished", serious(page), page.evaluate("document.body.scrollWidth"))]
    rule_set(draft, country_rule("DE")["rule"])
    page = watched.visit(url(draft))
    page.locator(".lb-sample button").first.click()
    expect(page.locator(".lb-why")).to_be_visible()
    found.append(("audience", serious(page), page.evaluate("document.body.scrollWidth")))
    segment = Segment.objects.create(key="s", name="S", rule=country_rule("DE"))
    for name in ("change", "archive"):
        page = watched.visit(reverse(f"admin:segments_segment_{name}", args=[segment.pk]))
        found.append((name, serious(page), page.evaluate("document.body.scrollWidth")))

    assert [(name, bad) for name, bad, _wide in found if bad] == []
    assert [(name, wide) for name, _bad, wide in found if wide > width] == []
    assert wrong(watched) == []


@light_only
def test_a_rule_is_built_for_a_target_s_form_and_comes_back_to_it(watched, db):
    CustomerFactory.create_batch(3)
    page = watched.visit(reverse("admin:scoring_target_new"))
    page.get_by_label("Name", exact=True).fill("Stays away")
    page.get_by_label("Within so many days").fill("20")
    expect(page.get_by_label("Which one")).to_be_visible()
    expect(page.get_by_label("Event", exact=True)).to_be_hidden()
    page.get_by_label("What counts").select_option("event")
    expect(page.get_by_label("Which one")).to_be_hidden()
    expect(page.get_by_label("Event", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Build the rule")).to_have_count(0)
    page.get_by_label("What counts").select_option("rule")
    expect(page.get_by_label("At least so many times")).to_be_hidden()
    assert serious(page) == []

    follow(page, "button", "Build the rule")
    page.locator("#n-add").select_option("event.absent")
    page.get_by_role("button", name="Add condition").click()
    expect(page.locator("#n0-days")).to_have_count(0)
    page.locator("#n0-name").fill("Order Completed")
    expect(page.locator(".lb-size")).to_have_text("3")
    expect(page.locator("#n0-count")).to_have_text("3 by itself")
    assert serious(page) == []
    follow(page, "button", "Use this rule")

    expect(page.get_by_label("Name", exact=True)).to_have_value("Stays away")
    expect(page.get_by_label("Within so many days")).to_have_value("20")
    expect(page.get_by_text("A customer who did not do “Order Completed”.").first).to_be_visible()
    expect(page.get_by_role("button", name="Change the rule")).to_be_visible()
    expect(page.get_by_text("Not enough to learn from yet.")).to_be_visible()
    assert wrong(watched) == []
