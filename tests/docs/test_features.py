"""The catalogue of features says how each one is distributed."""

import json

import numpy as np
import pytest

from docs.feature_figures import BARS, FIGURES, figures_of
from docs.feature_tables import HEAD, features_part
from lifecycle_engine.warehouse.features import features_known

MEASURED = json.loads(FIGURES.read_text())["features"]


def test_every_feature_was_measured_and_nothing_else():
    known = {feature.name for feature in features_known()}
    assert set(MEASURED) == known, "run: make demo SERVE=0; python -m docs.feature_figures"


@pytest.mark.parametrize("name", MEASURED)
def test_figures_fit_together(name):
    figures = MEASURED[name]

    assert 0 <= figures["without"] <= 1
    assert ("bars" in figures) == ("quartiles" in figures) == (figures["without"] < 1)
    if "bars" in figures:
        assert figures["quartiles"] == sorted(figures["quartiles"])
        assert len(figures["bars"]) == BARS


def test_every_row_of_the_catalogue_has_all_its_cells():
    rows = [line for line in features_part().splitlines() if line.startswith("| `")]

    assert len(rows) == len(features_known())
    for row in rows:
        assert len(row.split(" | ")) == len(HEAD), row


@pytest.mark.parametrize(
    ("zero_is_nothing", "values", "figures"),
    [
        (True, [0, 0, 1, 2, 3], {"without": 0.4, "quartiles": [1.5, 2.0, 2.5]}),
        (False, [float("nan"), 0, 4, 8], {"without": 0.25, "quartiles": [2.0, 4.0, 6.0]}),
        (True, [0, 0], {"without": 1.0}),
    ],
)
def test_figures_of_a_few_customers(zero_is_nothing, values, figures):
    found = figures_of(np.array(values, float), zero_is_nothing=zero_is_nothing)

    bars = found.pop("bars", [])
    assert found == figures
    assert sum(bars) == round(len(values) * (1 - figures["without"]))
