"""The Content-Security-Policy: our own files only, no inline script, one style by its hash."""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import cache

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.template.loader import get_template

_THEME_STYLE = re.compile(r'<style id="unfold-theme-colors">(.*?)</style>', re.DOTALL)


class ThemeStyleError(Exception):
    """The admin theme's page frame no longer holds the style element that we allow."""


class ContentSecurityPolicyMiddleware:
    """Sends the policy with every answer that doesn't bring one of its own.

    A page whose pictures come from elsewhere says so by ``shows_pictures`` on its answer: then
    pictures may come by https from any host, and nothing else may.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the policy."""
        response = self.get_response(request)
        pictures = bool(getattr(response, "shows_pictures", False))
        response.headers.setdefault("Content-Security-Policy", policy(pictures=pictures))
        return response


@cache
def policy(*, pictures: bool = False) -> str:
    """The policy as one header value.

    Args:
        pictures: whether pictures may come from elsewhere.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src-elem 'self' '{theme_style_hash()}'",
            # Progress bars, table heights and widths of the theme are style attributes; those of
            # an attacker can't run anything and can't load anything either.
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data:" + (" https:" if pictures else ""),
            "font-src 'self'",
            "connect-src 'self'",
            # Delivered e-mails, each a document with a policy of its own.
            "frame-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'self'",
        )
    )


@cache
def theme_style_hash() -> str:
    """The CSP source of the theme's one style element: the SHA-256 of what it renders to.

    The element is cut out of the theme's own template, so that new colours or a new release of
    the theme need no change here.

    Raises:
        ThemeStyleError: the template has no such element any more.
    """
    template = get_template("unfold/layouts/skeleton.html").template  # type: ignore[attr-defined]
    found = _THEME_STYLE.search(template.source)
    if found is None:
        raise ThemeStyleError("unfold/layouts/skeleton.html: no <style id='unfold-theme-colors'>")
    context = admin.site.each_context(_nobody())
    fragment = Engine().from_string(found.group(1))
    text = fragment.render(
        Context({"colors": context["colors"], "border_radius": context["border_radius"]})
    )
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _nobody() -> HttpRequest:
    # The theme's colours depend on settings only; the request is a formality of its interface.
    request = HttpRequest()
    request.META["SCRIPT_NAME"] = ""
    request.user = AnonymousUser()
    return request
