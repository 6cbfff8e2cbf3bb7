"""The sidebar, the environment badge, and what the command palette finds."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse, reverse_lazy
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import SearchResult

from lifecycle_engine.customers.selectors import customers_search
from lifecycle_engine.scoring.use_models import ScorerUse, Use

PALETTE_LIMIT = 10
_PALETTE_SHORTEST = 2

# (title, [(title, icon, "app.model")]).
_GROUPS: Sequence[tuple[Any, Sequence[tuple[Any, str, str]]]] = (
    (
        _("Audience"),
        (
            (_("Customers"), "person", "customers.customer"),
            (_("Possible duplicates"), "people", "customers.mergesuggestion"),
            (_("Attributes"), "label", "customers.attribute"),
            (_("Segments"), "groups", "segments.segment"),
            (_("Stages"), "stairs", "segments.customerstage"),
            (_("Consents"), "verified_user", "customers.consent"),
            (_("Consent texts"), "contract", "customers.consenttext"),
            (_("Erasures"), "person_off", "customers.erasure"),
            (_("Audit trail"), "policy", "customers.access"),
        ),
    ),
    (
        _("Campaigns"),
        (
            (_("Campaigns"), "campaign", "campaigns.campaign"),
            (_("Occurrences"), "event_repeat", "campaigns.occurrence"),
            (_("Decisions"), "rule", "campaigns.decision"),
            (_("Offers"), "sell", "rewards.offer"),
            (_("Coupons"), "confirmation_number", "rewards.coupon"),
            (_("Redemptions"), "redeem", "rewards.redemption"),
        ),
    ),
    (
        _("Models"),
        (
            (_("Model versions"), "neurology", "scoring.modelversion"),
            (_("Model changes"), "history", "scoring.modelchange"),
            (_("Published by scorers"), "published_with_changes", "scoring.scoreruse"),
            (_("Scoring runs"), "directions_run", "scoring.scoringrun"),
            (_("Backtests"), "timeline", "scoring.backtest"),
            (_("Scores"), "speed", "scoring.score"),
            (_("Recommendations"), "recommend", "scoring.recommendation"),
            (_("Lookalikes"), "group_add", "scoring.lookalike"),
            (_("Targets"), "target", "scoring.target"),
            (_("Scorer settings"), "tune", "scoring.scorersetting"),
        ),
    ),
    (
        _("Messages"),
        (
            (_("Templates"), "draft", "messaging.messagetemplate"),
            (_("Outbox"), "outbox", "messaging.message"),
            (_("Suppressions"), "block", "messaging.suppression"),
            (_("Double opt-ins"), "mark_email_unread", "messaging.optin"),
        ),
    ),
    (
        _("Data"),
        (
            (_("Events"), "timeline", "events.event"),
            (_("Products"), "inventory_2", "events.product"),
            (_("Imports"), "upload_file", "events.import"),
            (_("Rejected events"), "report", "events.rejectedevent"),
            (_("Log readers"), "menu_book", "events.reader"),
            (_("Quarantine"), "gpp_maybe", "events.quarantinedevent"),
        ),
    ),
    (
        _("System"),
        (
            (_("Job runs"), "work_history", "core.jobrun"),
            (_("API keys"), "key", "core.apikey"),
            (_("Staff"), "badge", "auth.user"),
            (_("Groups"), "shield_person", "auth.group"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar's groups, without what this member of staff may not see."""
    groups: list[dict[str, Any]] = [
        {"items": [_item(_("Dashboard"), "dashboard", reverse_lazy("admin:index"))]}
    ]
    for title, entries in _GROUPS:
        items = [
            _item(label, icon, reverse_lazy(f"admin:{model.replace('.', '_')}_changelist"))
            for label, icon, model in entries
            if _may_view(request, model)
        ]
        if title == _("Audience") and _may_view(request, "segments.customerstage"):
            items.append(_item(_("Lifecycle"), "conversion_path", reverse_lazy("lifecycle")))
        if title == _("Models") and _may_view(request, "scoring.modelversion"):
            items.insert(0, _monitoring_item())
        if items and items[0]["title"] == _("Templates"):
            items.append(_item(_("Delivered"), "mark_email_read", reverse_lazy("delivered")))
        if _may_view(request, "events.reader") and title == _("Data"):
            items.append(
                _item(_("Months of the log"), "calendar_month", reverse_lazy("log-months"))
            )
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def environment_badge(request: HttpRequest) -> tuple[str, str] | None:
    """The badge that says that business time stands still, and when."""
    if settings.ENGINE_NOW is None:
        return None
    day = date_format(settings.ENGINE_NOW, "DATE_FORMAT")
    return gettext("Demo · %(day)s") % {"day": day}, "warning"


def palette_search(request: HttpRequest, term: str) -> list[SearchResult]:
    """The first few customers whose number or last name begins with the words typed.

    Or whose e-mail address or telephone number they are.
    """
    if len(term) < _PALETTE_SHORTEST or not _may_view(request, "customers.customer"):
        return []
    found = customers_search(term=term).order_by()[:PALETTE_LIMIT]
    return [
        SearchResult(
            title=str(customer),
            description=gettext("Customer"),
            link=reverse("admin:customers_customer_change", args=[customer.pk]),
            icon="person",
        )
        for customer in found
    ]


def _monitoring_item() -> dict[str, Any]:
    """With how many scorers publish their baseline."""
    item = _item(_("Monitoring"), "monitor_heart", reverse_lazy("monitoring"))
    # At most one row a scorer, read by the index of those that hold: no page counts a table.
    stood_in = len(ScorerUse.objects.filter(until=None, use=Use.BASELINE).values_list("pk"))
    return item | ({"badge": str(stood_in)} if stood_in else {})


def _item(title: Any, icon: str, link: Any) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link}


def _may_view(request: HttpRequest, model: str) -> bool:
    app_label, name = model.split(".")
    user = request.user
    return user.has_perm(f"{app_label}.view_{name}") or user.has_perm(f"{app_label}.change_{name}")
