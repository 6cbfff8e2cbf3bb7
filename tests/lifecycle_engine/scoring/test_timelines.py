"""Whether there is enough to learn from, and to learn with."""

from dataclasses import replace

import pytest

from lifecycle_engine.core.models import JobRun
from lifecycle_engine.scoring import timelines
from lifecycle_engine.scoring.errors import TrainingDataError
from lifecycle_engine.scoring.services import model_train
from tests.lifecycle_engine.scoring.conftest import AS_OF

LAPSE = "dummy.lapse"


def test_a_training_that_would_not_fit_into_memory_is_refused_with_the_numbers(
    shop, dummy, monkeypatch
):
    monkeypatch.setattr(dummy.Lapse, "minimum", replace(dummy.Lapse.minimum, memory_mib=4000))
    monkeypatch.setattr(timelines, "memory_available", lambda: 1200)

    with pytest.raises(TrainingDataError, match="4,000 MiB of free memory; there are 1,200"):
        model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF)

    assert JobRun.objects.latest("pk").result["needs"][0]["what"] == "memory"
    monkeypatch.setattr(timelines, "memory_available", lambda: None)  # Where nobody says.
    assert model_train(scorer_key=LAPSE, as_of=AS_OF, at=AS_OF).number == 1
