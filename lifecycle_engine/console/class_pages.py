"""Classes on a model's card, and how customers have moved between them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from lifecycle_engine.console.class_plots import Shares, colour_of, map_plot, shares_plot
from lifecycle_engine.console.figures import count_shown, share_shown
from lifecycle_engine.scoring.class_flows import Flow, class_flows, class_runs, runs_compared
from lifecycle_engine.scoring.classes import ModelClass, classes_known, version_classes
from lifecycle_engine.scoring.models import ModelVersion

_TRAITS_SHOWN = 6
_FLOWS_SHOWN = 20
#: Hennig (2007): below the first a cluster is not to be trusted, from the second on it is valid.
_DOUBTFUL, _VALID = 0.6, 0.75


def classes_context(version: ModelVersion) -> dict[str, Any]:
    """What the card shows of a scorer's classes; nothing of another kind of scorer."""
    known = version_classes(version)
    if not known:
        return {}
    names = {number: one.name for number, one in known.items()}
    points = (version.card.get("map") or {}).get("points") or []
    found_again = [one for one in known.values() if one.agreement is not None]
    before = classes_known(scorer_key=version.scorer_key)
    return {
        "classes": [_class_shown(one) for one in known.values() if not one.of_baseline],
        "baseline_classes": [_class_shown(one) for one in known.values() if one.of_baseline],
        "clusters": bool(found_again),
        "class_map": map_plot(points, names) if points else None,
        "confusion": _confusion(version.card.get("confusion"), names),
        "resamples": (version.card.get("validation") or {}).get("resamples"),
        "gone": [
            f"{number} · {before[number].name}" if number in before else str(number)
            for number in version.card.get("gone") or []
        ],
    }


def classes_over_time(request: HttpRequest, version_id: int) -> HttpResponse:
    """How the classes' shares moved from run to run, and who moved from which to which."""
    if not request.user.has_perm("scoring.view_modelversion"):
        raise PermissionDenied
    version = get_object_or_404(ModelVersion, pk=version_id)
    names = {n: one.name for n, one in classes_known(scorer_key=version.scorer_key).items()}
    runs = class_runs(scorer_key=version.scorer_key)
    moments = [
        Shares(
            date_format(run.as_of, "DATETIME_FORMAT"),
            {int(number): count for number, count in run.class_counts.items()},
        )
        for run in runs
    ]
    compared = runs_compared(runs)
    flows = class_flows(*compared) if compared else []
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Classes over time"),
        "version": version,
        "shares": shares_plot(moments, names),
        "legend": [
            {"number": number, "name": names.get(number, str(number)), "colour": colour_of(number)}
            for number in sorted({one for moment in moments for one in moment.counts})
        ],
        "compared": compared,
        "stayed": _stayed(flows),
        "flows": _flows_shown(flows, names),
    }
    return TemplateResponse(request, "console/classes_over_time.html", context)


def _class_shown(one: ModelClass) -> dict[str, Any]:
    again = one.agreement
    tone = "" if again is None else "good" if again >= _VALID else "warn"
    return {
        "number": one.number,
        "name": one.name,
        "colour": colour_of(one.number),
        "customers": "" if one.customers is None else count_shown(one.customers),
        "share": "" if one.share is None else share_shown(one.share),
        "agreement": "" if again is None else f"{again:.2f}",
        "tone": "bad" if again is not None and again < _DOUBTFUL else tone,
        "traits": [
            {"feature": trait.feature, "difference": f"{trait.difference:+.1f}"}
            for trait in one.traits[:_TRAITS_SHOWN]
        ],
    }


def _confusion(found: Mapping[str, Any] | None, names: Mapping[int, str]) -> dict[str, Any] | None:
    """Each class that came true with what its customers were called, as shares of its row."""
    if not found:
        return None
    rows = []
    for number, counts in zip(found["numbers"], found["counts"], strict=True):
        whole = sum(counts)
        shares = [count / whole if whole else 0.0 for count in counts]
        cells = [
            {"count": count_shown(count), "share": share_shown(share), "heat": _heat(share)}
            for count, share in zip(counts, shares, strict=True)
        ]
        rows.append({"name": names.get(number, str(number)), "cells": cells})
    return {
        "columns": [names.get(number, str(number)) for number in found["numbers"]],
        "rows": rows,
    }


def _heat(share: float) -> int:
    """One of the stylesheet's five tones; 0 for nothing."""
    return min(5, int(share * 5) + 1) if share > 0 else 0


def _stayed(flows: Sequence[Flow]) -> str:
    both = [one for one in flows if one.before is not None and one.after is not None]
    whole = sum(one.customers for one in both)
    same = sum(one.customers for one in both if one.before == one.after)
    return share_shown(same / whole) if whole else ""


def _flows_shown(flows: Sequence[Flow], names: Mapping[int, str]) -> list[dict[str, str]]:
    """Who changed class, the many first, with the share of those who were in the class before."""
    sizes: dict[int | None, int] = {}
    for one in flows:
        sizes[one.before] = sizes.get(one.before, 0) + one.customers

    def named(number: int | None) -> str:
        return _("not scored") if number is None else f"{number} · {names.get(number, number)}"

    return [
        {
            "before": named(one.before),
            "after": named(one.after),
            "customers": count_shown(one.customers),
            "share": share_shown(one.customers / sizes[one.before]),
        }
        for one in flows
        if one.before != one.after
    ][:_FLOWS_SHOWN]
