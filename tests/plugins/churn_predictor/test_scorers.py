"""The churn scorer keeps the promises of the plugin API, with either model."""

import warnings

import pytest

from lifecycle_engine.sdk.dense import DenseConfig
from lifecycle_engine.sdk.testing.scorers import check_scorer
from plugins.churn_predictor.scorers import ChurnConfig, ChurnRisk

SMALL = DenseConfig(hidden=(4,), epochs=1)


@pytest.mark.parametrize("candidates", [("boosting",), ("boosting", "network")])
def test_churn_risk_conforms(candidates):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's own, on import.
        check_scorer(
            ChurnRisk, config=ChurnConfig(candidates=candidates, trees=10, network=SMALL), rows=80
        )
