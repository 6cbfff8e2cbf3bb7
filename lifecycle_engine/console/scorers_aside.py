"""Scorers that are not in use, under *Monitoring*: what each waits for, and where to switch it."""

from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from lifecycle_engine.scoring.models import ScorerMode, ScorerSetting
from lifecycle_engine.scoring.monitoring.selectors import Aside, scorers_aside
from lifecycle_engine.scoring.needs import needs_told


def aside_shown() -> list[dict[str, Any]]:
    """Rows of a table: those that are to be trained first, then those that are off."""
    rows = [_row(one) for one in scorers_aside()]
    return sorted(rows, key=lambda row: bool(row["off"]))


def _row(one: Aside) -> dict[str, Any]:
    config = apps.get_containing_app_config(one.scorer_class.__module__)
    return {
        "key": one.scorer_class.key,
        "label": one.scorer_class.label,
        "plugin": capfirst(config.verbose_name) if config else "",
        "off": one.mode is ScorerMode.OFF,
        "mode": one.mode.label,
        "tone": "warn" if one.mode is ScorerMode.OFF else "info",
        "waits_for": _waits_for(one),
        "address": setting_address(one.scorer_class.key, one.setting, mode=ScorerMode.SHADOW),
    }


def _waits_for(one: Aside) -> str:
    if one.mode is ScorerMode.OFF:
        return _("Staff, to switch it on.")
    if one.needs:
        return _("More to learn from, or with (%(needs)s).") % {"needs": needs_told(one.needs)}
    if one.error:
        return _("Somebody to look at its error: %(error)s") % {"error": one.error}
    return _("Its first training: scorers are trained each night.")


def setting_address(key: str, setting: ScorerSetting | None, *, mode: ScorerMode) -> str:
    """Where a scorer's setting is changed; or made, with a mode to begin with."""
    if setting is not None:
        return reverse("admin:scoring_scorersetting_change", args=[setting.pk])
    begun = urlencode({"key": key, "mode": mode})
    return f"{reverse('admin:scoring_scorersetting_add')}?{begun}"
