"""Models in use: how each scorer stands, what is published, and what to do next."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from lifecycle_engine.console.challengers import challenges_shown
from lifecycle_engine.console.metrics import metric_name
from lifecycle_engine.console.monitoring_plots import outcome_plot
from lifecycle_engine.console.scorers_aside import aside_shown, setting_address
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.scoring.check_models import CheckState
from lifecycle_engine.scoring.errors import ModelChangeError
from lifecycle_engine.scoring.monitoring.findings import SETTLING_DAYS
from lifecycle_engine.scoring.monitoring.selectors import Standing, standings
from lifecycle_engine.scoring.monitoring.uses import use_set
from lifecycle_engine.scoring.schedule import days_of, is_momentary, scorer_queue
from lifecycle_engine.scoring.use_models import Use, UseCause
from lifecycle_engine.sdk.scorers import scorers

#: Features that have changed most; the API has all.
_INPUTS_SHOWN = 5
_TONES = {CheckState.OK: "good", CheckState.WARNING: "warn", CheckState.BREACH: "bad"}
_WHAT = {
    "failed": gettext_lazy("Runs that failed in a row"),
    "inputs": gettext_lazy("Change of the customers (largest index of a feature)"),
    "missing": gettext_lazy("More of a feature missing than in training"),
    "scores": gettext_lazy("Change of the scores (index)"),
    "copy": gettext_lazy("Hours that the columnar copy is behind"),
    "outcomes": gettext_lazy("Difference from the baseline, by outcomes"),
    "calibration": gettext_lazy("Expected total by actual total"),
    "age": gettext_lazy("Age of the scores in hours"),
}
_NEXT = {
    "failed": gettext_lazy("Read the run's error under Scoring runs, then have the scorer run."),
    "inputs": gettext_lazy(
        "Look whether the shop has changed or the data. The next training learns from it."
    ),
    "missing": gettext_lazy("See whether the events that the feature is made of still come in."),
    "scores": gettext_lazy("See whether segments by this score still hold whom you mean."),
    "copy": gettext_lazy("See how the reader “warehouse” is, under Log readers."),
    "outcomes": gettext_lazy("Look at the model's card, for whom it is wrong, and train it anew."),
    "calibration": gettext_lazy("Trust the order of customers rather than the numbers for now."),
    "age": gettext_lazy("See under Job runs whether workers of the queue gpu are there."),
}
_NEXT_BASELINE = {
    UseCause.NOT_BETTER: gettext_lazy(
        "Nothing is broken: simple is as good here. A later model that beats the baseline takes "
        "over by itself."
    ),
    UseCause.FAILING: gettext_lazy(
        "Read the error under Scoring runs. The next champion that beats the baseline takes over."
    ),
    UseCause.HAND: gettext_lazy("Staff chose the baseline. It stays until staff choose the model."),
}


@admin.site.admin_view
def monitoring(request: HttpRequest) -> HttpResponse:
    """All scorers: those that have a model, and what the others wait for."""
    if not request.user.has_perm("scoring.view_modelversion"):
        raise PermissionDenied
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Monitoring"),
        "rows": [standing_shown(one) for one in standings(at=business_now())],
        "aside": aside_shown(),
        "may_change": request.user.has_perm("scoring.change_modelversion"),
        "may_set": request.user.has_perm("scoring.change_scorersetting"),
    }
    return TemplateResponse(request, "console/monitoring.html", context)


@admin.site.admin_view
@require_POST
def monitoring_use(request: HttpRequest, key: str) -> HttpResponse:
    """Have the scorer publish its model, or its baseline, for the reason given; or check it."""
    if not request.user.has_perm("scoring.change_modelversion"):
        raise PermissionDenied
    to = request.POST.get("to", "")
    if to == "check" and key in scorers:
        enqueue("scoring.check", queue=scorer_queue(key), scorer_key=key)
        messages.success(request, _("The check is queued. Look again in a minute."))
    elif to in Use.values:
        try:
            use_set(
                scorer_key=key,
                use=Use(to),
                cause=UseCause.HAND,
                reason=request.POST.get("reason", "").replace("\0", ""),
                by=request.user.get_username(),
            )
        except ModelChangeError as error:
            messages.error(request, str(error))
        else:
            at_once = is_momentary(key)
            told = _("It holds from now on.") if at_once else _("It holds from the next run on.")
            messages.success(request, told)
    return HttpResponseRedirect(reverse("monitoring"))


def attention() -> list[dict[str, Any]]:
    """Scorers whose baseline is published or that are in breach: for the first page."""
    found = standings(at=business_now())
    return [
        standing_shown(one) for one in found if one.by_baseline or one.state is CheckState.BREACH
    ]


def standing_shown(one: Standing) -> dict[str, Any]:
    """A scorer as the template draws it."""
    scorer_class = scorers.get(one.scorer_key) if one.scorer_key in scorers else None
    over = [finding for finding in one.findings if finding["state"] != CheckState.OK]
    return {
        "standing": one,
        "label": scorer_class.label if scorer_class else one.scorer_key,
        "training": _training(one),
        "address": setting_address(one.scorer_key, one.setting, mode=one.mode),
        "horizon": f"{scorer_class.horizon_days + SETTLING_DAYS:g}" if scorer_class else "–",
        "momentary": is_momentary(one.scorer_key),
        "state": one.state.label,
        "tone": _TONES[one.state],
        "why": str(one.use.get_cause_display()) if one.use else "",
        "findings": [_finding(finding) for finding in one.findings],
        "inputs": one.inputs[:_INPUTS_SHOWN],
        "chart": outcome_plot(one.outcomes, name=metric_name) if one.outcomes else None,
        "challengers": challenges_shown(one.challengers),
        "next": _next(one, over),
        "other": Use.MODEL.value if one.by_baseline else Use.BASELINE.value,
        "may_switch": one.by_baseline or one.able,
    }


def _training(one: Standing) -> str:
    """How often it is trained, as who said, and when next."""
    if one.next_training is None:
        return _("none while it is off") if one.scorer_key in scorers else "–"
    days = days_of(scorer_key=one.scorer_key, setting=one.setting).training
    often = _("each night") if days == 1 else _("every %(days)d days") % {"days": days}
    said = one.setting is not None and one.setting.train_every_days is not None
    return _("%(often)s, %(who)s; next on %(day)s") % {
        "often": often,
        "who": _("as staff say") if said else _("as the plugin says"),
        "day": date_format(one.next_training, "DATE_FORMAT"),
    }


def _next(one: Standing, over: list[dict[str, Any]]) -> list[str]:
    told = []
    if one.by_baseline and one.use is not None:
        default = _(
            "The model comes back when a champion is shown to beat the baseline on a later window, "
            "or when you choose it below."
        )
        told.append(str(_NEXT_BASELINE.get(UseCause(one.use.cause), default)))
    if not one.able and any(finding["state"] == CheckState.BREACH for finding in over):
        told.append(
            _("Its baseline says something else, so it can't stand in. Switch the scorer off?")
        )
    told += [str(_NEXT[finding["what"]]) for finding in over if finding["what"] in _NEXT]
    told += [
        _("Look at the card of #%(model)s, which would have been better than the champion.")
        % {"model": challenger["model"]}
        for challenger in one.challengers
        if challenger.get("verdict") == "better"
    ]
    return told or [_("Nothing to do.")]


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    state, value, limit = CheckState(finding["state"]), finding["value"], finding["limit"]
    noted = state is CheckState.OK and finding["over"]
    return {
        "what": _WHAT.get(finding["what"], finding["what"]),
        "detail": finding.get("feature") or finding.get("error") or "",
        "value": "–" if value is None else f"{value:,.3g}",
        "limit": "–" if limit is None else f"{limit:,.3g}",
        "state": _("once so far") if noted else state.label,
        "tone": "info" if noted else _TONES[state],
    }
