"""A browser for the tests of this package, and a signed-in page in it."""

import os
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test import Client
from playwright.sync_api import expect, sync_playwright

from tests.e2e.browsing import ARGUMENTS, CHROMIUM, PATIENCE_MS, Watched, answered

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser():
    # Playwright's own loop makes Django believe that the tests are asynchronous.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module", autouse=True)
def _files_kept():
    """Let the browser keep the console's files from page to page, as those of a release are."""
    serve = StaticFilesHandler.serve

    def served(handler, request):
        response = serve(handler, request)
        response.headers["Cache-Control"] = "max-age=600"
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticFilesHandler, "serve", served)
        yield


@pytest.fixture(params=["light", "dark"])
def scheme(request) -> str:
    return request.param


@pytest.fixture
def watched(browser, live_server, scheme) -> Iterator[Watched]:
    user = User.objects.create(
        username="admin", first_name="Anna", email="a@example.com", is_staff=True, is_superuser=True
    )
    client = Client()
    client.force_login(user)
    context = browser.new_context(color_scheme=scheme)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    context.add_cookies([{**cookie, "url": live_server.url}])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield Watched(page, live_server.url)
    context.close()
    answered()
