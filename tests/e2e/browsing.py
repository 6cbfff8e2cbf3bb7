"""A signed-in browser page that remembers what went wrong on it, and what axe says of it."""

import shutil
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Literal

from playwright.sync_api import Page, expect

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
AXE = Path(__file__).parent / "vendor" / "axe_core" / "axe.min.js"
#: Only what is wrong waits so long: a machine that has much else to do takes seconds for a page.
PATIENCE_MS = 30_000
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
#: Marks what htmx has asked for once it is there. Of a question within an answer too: what asks it
#: is in the page before the answer counts as come.
ANSWERED = """
document.addEventListener("htmx:afterRequest", event =>
    event.detail.elt.setAttribute("data-answered", ""));
"""


class Watched:
    """A signed-in page that remembers everything that went wrong on it."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.wrong: list[str] = []
        page.add_init_script(ANSWERED)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("dialog", self._dialog)

    def _console(self, message) -> None:
        # The attack's picture does not exist where it is part of the test's own markup.
        if message.type in {"error", "warning"}:
            self.wrong.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def visit(self, path: str) -> Page:
        response = self.page.goto(self.base + path)
        assert response is not None
        if response.status != 200:
            self.wrong.append(f"status {response.status}")
        # Some pages ask for more once they are there.
        expect(self.page.locator("[hx-trigger*=load]:not([data-answered])")).to_have_count(0)
        self.wrong = [
            f"{path}: {what}" if not what.startswith("/") else what for what in self.wrong
        ]
        return self.page


def follow(page: Page, role: Literal["button", "link"], name: str) -> None:
    """Click what leads to another page, and be there: a click alone returns on the old one."""
    with page.expect_navigation():
        page.get_by_role(role, name=name, exact=True).click()


def answered() -> None:
    """Wait until the live server has answered all that a closed browser still asked.

    A question that nobody waits for any more would otherwise be computed within the next test, of
    its settings and of tables that are being emptied, and what it opened would be kept.
    """
    name = ThreadingMixIn.process_request_thread.__name__
    for thread in threading.enumerate():
        if name in thread.name:
            thread.join(timeout=30)
            assert not thread.is_alive(), f"{thread.name} is still answering"


def serious(page: Page) -> list[str]:
    """What axe finds that keeps somebody from using the page."""
    # Through the debugger, which the page's policy doesn't bind.
    run = "return await axe.run({resultTypes: ['violations']})"
    found = page.evaluate(f"async () => {{ {AXE.read_text()}; {run} }}")
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
