"""How the admin looks and what its sidebar, palette and badge are fed by (django-unfold)."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _asset(path: str) -> Callable[[HttpRequest], str]:
    # Late, since a static file's URL is known only once the settings are complete.
    return lambda _request: static(path)


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Lifecycle Engine",
    "SITE_HEADER": "Lifecycle Engine",
    "SITE_SUBHEADER": _("Marketing automation"),
    "SITE_SYMBOL": "cycle",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": _asset("console/favicon.svg")}
    ],
    "SITE_URL": reverse_lazy("admin:index"),
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "6px",
    "ENVIRONMENT": "lifecycle_engine.console.navigation.environment_badge",
    "DASHBOARD_CALLBACK": "lifecycle_engine.console.dashboard.dashboard_context",
    "STYLES": [_asset("console/console.css")],
    "SCRIPTS": [
        _asset("console/unfold-csp.js"),
        _asset("console/unfold-a11y.js"),
    ],
    "COMMAND": {
        # Only tables that stay small: the palette loads every hit. Customers come from the
        # callback, which asks for ten.
        "search_models": [
            "segments.segment",
            "campaigns.campaign",
            "rewards.offer",
            "messaging.messagetemplate",
        ],
        "search_callback": "lifecycle_engine.console.navigation.palette_search",
        "show_history": False,
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "lifecycle_engine.console.navigation.sidebar",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97.0% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
}
