"""The small shop of the scoring tests, with a model that says why."""

import numpy as np
import pytest

from lifecycle_engine.scoring.on_demand import champions
from lifecycle_engine.scoring.running import scorer_run
from lifecycle_engine.scoring.services import model_train
from lifecycle_engine.sdk.explaining import linear_contributions
from tests.lifecycle_engine.scoring.conftest import AS_OF

LAPSE = "dummy.lapse"


@pytest.fixture
def lapse(dummy, monkeypatch):
    """The dummy's logistic regression, which explains itself."""

    def explain(self, frame):
        return linear_contributions(
            frame,
            inputs=frame.fillna(0.0),
            coefficients=self.model.coef_[0],
            intercept=float(self.model.intercept_[0]),
            mean=np.zeros(frame.shape[1]),
        )

    champions.clear()
    monkeypatch.setattr(dummy.Lapse, "explain", explain)
    monkeypatch.setattr(dummy.Lapse, "wanted", "lower")
    return dummy.Lapse


@pytest.fixture
def scored(shop, lapse):
    """Everybody has a score."""
    version = model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF)
    scorer_run(scorer_key=LAPSE, as_of=AS_OF)
    return version
