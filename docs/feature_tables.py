"""The catalogue of features: what each is, and how it is distributed over the demo's customers."""

import json
from collections.abc import Mapping
from typing import Any

import docs.ready  # noqa: F401 - first, since what comes next has models.
from docs.feature_figures import FIGURES
from lifecycle_engine.warehouse.features import Feature, features_known

_BARS = "·▁▂▃▄▅▆▇█"

HEAD = ("feature", "meaning", "on the demo's data")


def features_part() -> str:
    """A table of features for each table that they are computed from."""
    known = features_known()
    measured = json.loads(FIGURES.read_text())
    day, customers = measured["as_of"][:10], measured["customers"]
    about = f"The demo's data: {customers:,} customers as of {day}."
    parts = [f"The library has {len(known)} features. {about}"]
    for source in sorted({feature.source for feature in known}):
        rows = [_row(feature, measured) for feature in known if feature.source == source]
        lines = [" | ".join(cells) for cells in (HEAD, ("---",) * len(HEAD), *rows)]
        table = "\n".join(f"| {line} |" for line in lines)
        parts.append(f"### From `{source}`\n\n{table}")
    return "\n\n".join(parts)


def _row(feature: Feature, measured: Mapping[str, Any]) -> tuple[str, ...]:
    figures = measured["features"][feature.name]
    window = "all of it" if feature.window_days is None else f"{feature.window_days} days"
    meaning = " ".join(f"{feature.description} {feature.note}".split())
    nothing = "0" if feature.is_zero_when_missing else "NaN"
    quartiles = " · ".join(f"{float(f'{value:.3g}'):,g}" for value in figures.get("quartiles", ()))
    said = (_histogram(figures.get("bars", ())), quartiles, f"{nothing}: {figures['without']:.0%}")
    return (
        f"`{feature.name}`<br>{feature.unit}<br>{window}",
        # An angle bracket would begin a tag.
        meaning.replace("<", "&lt;"),
        "<br>".join(part for part in said if part),
    )


def _histogram(bars: list[int]) -> str:
    """Bars of text, the highest of them full, those with anybody at all not empty."""
    most = max(bars, default=0)
    levels = len(_BARS) - 1
    # A dot, since spaces at the ends would be lost.
    shown = "".join(_BARS[-(-levels * bar // most)] for bar in bars)
    return f"`{shown}`" if bars else ""
