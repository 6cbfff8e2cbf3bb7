"""Defining a target without code: what counts, for whom, how soon, and how often it was so."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from lifecycle_engine.console.figures import count_shown, share_shown
from lifecycle_engine.console.site import site_context
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.scoring.errors import Need
from lifecycle_engine.scoring.models import ModelVersion
from lifecycle_engine.scoring.target_models import HORIZON_MOST, Target, TargetPopulation
from lifecycle_engine.scoring.targets.definitions import (
    TargetError,
    horizon_words,
    outcome_parse,
    population_words,
)
from lifecycle_engine.scoring.targets.rates import Rates, target_rates
from lifecycle_engine.scoring.targets.services import Definition, target_archive, target_make
from lifecycle_engine.segments.preview_seen import catalogue_seen, events_seen
from lifecycle_engine.segments.rules import rule_sentence

FAMILY = "propensity"
_OFFERED = 200
_NEEDS = {
    "days": gettext_lazy("days of orders"),
    "customers": gettext_lazy("customers"),
    "positives": gettext_lazy("customers of whom it came true"),
    "negatives": gettext_lazy("customers of whom it did not come true"),
}


class TargetForm(forms.Form):
    """What staff fill in; it becomes a rule about events."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    slug = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,39}$",
        label=gettext_lazy("Key"),
        required=False,
        help_text=gettext_lazy(
            "Lower-case letters, digits and underscores. Empty: made of the name."
        ),
    )
    counts = forms.ChoiceField(
        label=gettext_lazy("What counts"),
        choices=[
            ("part", gettext_lazy("Buying from a part of the catalogue")),
            ("event", gettext_lazy("An event")),
        ],
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Part of the catalogue"),
        choices=[
            ("department", gettext_lazy("Department")),
            ("category", gettext_lazy("Category")),
            ("brand", gettext_lazy("Brand")),
            ("sku", gettext_lazy("Product")),
        ],
        required=False,
    )
    part = forms.CharField(
        label=gettext_lazy("Which one"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"list": "parts"}),
    )
    event = forms.CharField(
        label=gettext_lazy("Event"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"list": "events"}),
    )
    property = forms.CharField(
        label=gettext_lazy("Only where this property"), max_length=100, required=False
    )
    value = forms.CharField(label=gettext_lazy("is"), max_length=200, required=False)
    times = forms.IntegerField(
        label=gettext_lazy("At least so many times"), min_value=1, max_value=1000, initial=1
    )
    horizon_days = forms.IntegerField(
        label=gettext_lazy("Within so many days"), min_value=1, max_value=HORIZON_MOST, initial=30
    )
    population = forms.ChoiceField(
        label=gettext_lazy("For whom"),
        choices=[(one.value, one.label) for one in TargetPopulation if one.value != "rule"],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "le-input"

    def clean(self) -> dict[str, Any]:
        """See that what counts is named, and make a key of the name where none was given."""
        given: dict[str, Any] = super().clean() or {}
        wanted = "part" if given.get("counts") == "part" else "event"
        if not given.get(wanted):
            self.add_error(wanted, _("Say which."))
        if bool(given.get("property")) != bool(given.get("value")):
            self.add_error("value", _("A property goes with a value."))
        if given.get("name") and not given.get("slug") and "slug" not in self.errors:
            made = slugify(given.get("name", "")).replace("-", "_")[:40]
            given["slug"] = made
            if not made[:1].isalpha():
                self.add_error("slug", _("Give it a key; none can be made of the name."))
        return given

    def definition(self) -> Definition:
        """What was filled in."""
        given = self.cleaned_data
        if given["counts"] == "part":
            leaf = {"condition": "category.bought", given["kind"]: given["part"]}
        else:
            leaf = {"condition": "event.count", "name": given["event"]}
            if given["property"]:
                leaf["where"] = [
                    {"property": given["property"], "operator": "is", "value": given["value"]}
                ]
        return Definition(
            name=given["name"],
            outcome={"version": 1, "rule": {"all": [leaf | {"at_least": given["times"]}]}},
            horizon_days=given["horizon_days"],
            population=given["population"],
        )


def target_new_view(request: HttpRequest) -> HttpResponse:
    """The form; asked to look it shows how often it was true, asked to make it makes the target."""
    _allowed(request)
    form = TargetForm(request.POST or None)
    context: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        try:
            row = form.definition().row(key=f"{FAMILY}.{form.cleaned_data['slug']}", by="-")
            if "make" in request.POST:
                made = _made(request, form)
                messages.success(request, _("“%s” is made; its first training begins.") % made)
                return HttpResponseRedirect(reverse("admin:scoring_target_change", args=[made.pk]))
            context = _rates(target_rates(target=row, at=business_now())) | {
                "sentence": rule_sentence(outcome_parse(row.outcome)),
                "key": row.key,
                "horizon": horizon_words(row.horizon_days),
            }
        except TargetError as error:
            form.add_error(None, f"{error.words}")
    at = business_now()
    offered = {
        "events": list(events_seen(at=at))[:_OFFERED],
        "parts": [
            name
            for column in ("department", "category")
            for name in list(catalogue_seen(column=column, at=at))[:_OFFERED]
        ],
    }
    page = {"title": _("Define a target"), "form": form, **offered, **context}
    return TemplateResponse(request, "console/target_new.html", site_context(request) | page)


@require_POST
def target_archive_view(request: HttpRequest, target_id: int) -> HttpResponse:
    """Put the target away."""
    _allowed(request)
    target = Target.objects.filter(pk=target_id).first()
    try:
        target_archive(key=target.key if target else "", by=request.user.get_username())
    except TargetError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:scoring_target_changelist"))


def target_context(request: HttpRequest, target: Target) -> dict[str, Any]:
    """What the page of a target shows."""
    versions = ModelVersion.objects.filter(scorer_key=target.key).order_by("-number")
    return {
        "title": target.name,
        "target": target,
        "sentence": rule_sentence(outcome_parse(target.outcome)),
        "population": population_words(target),
        "horizon": horizon_words(target.horizon_days),
        "versions": versions[:5],
        "may_change": request.user.has_perm("scoring.add_target"),
        **_rates(target_rates(target=target, at=business_now())),
    }


def _made(request: HttpRequest, form: TargetForm) -> Target:
    return target_make(
        family=FAMILY,
        slug=form.cleaned_data["slug"],
        definition=form.definition(),
        by=request.user.get_username(),
    )


def _rates(rates: Rates) -> dict[str, Any]:
    return {
        "looked": True,
        "windows": [
            {
                "start": window.start,
                "end": window.end,
                "customers": count_shown(window.customers),
                "positives": count_shown(window.positives),
                "share": share_shown(window.share),
            }
            for window in rates.windows
        ],
        "needs": [_need(need) for need in rates.needs],
    }


def _need(need: Need) -> str:
    return _("%(what)s: %(found)s there, %(wanted)s needed") % {
        "what": _NEEDS[need.what],
        "found": count_shown(need.found),
        "wanted": count_shown(need.wanted),
    }


def _allowed(request: HttpRequest) -> None:
    if not request.user.has_perm("scoring.add_target"):
        raise PermissionDenied
