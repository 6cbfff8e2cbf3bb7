"""A scorer in use whose features, scores and outcomes a test decides."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import numpy as np
import pandas as pd
import pytest
from django.db import connection

from lifecycle_engine.scoring import frames, running
from lifecycle_engine.scoring.cards.drift import reference
from lifecycle_engine.scoring.monitoring import outcomes, services
from lifecycle_engine.scoring.monitoring.services import scorer_check
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.scoring_runs import AS_OF, KEY, Echo, champion, days, feature_table_of, people


@pytest.fixture
def asked():
    """The tasks that were asked for."""
    return []


@pytest.fixture
def echo(monkeypatch, transactional_db, asked):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_incoming")
    monkeypatch.setattr(frames.datasets, "feature_table", feature_table_of(count(1)))
    for module in (running, services):
        monkeypatch.setattr(module, "enqueue", lambda name, **given: asked.append((name, given)))
    monkeypatch.setattr(Echo, "baseline", lambda _self, frame: frame["recency_days"] + 1.0)
    with scorers.temporarily():
        scorers.register(Echo)
        yield Echo


@dataclass
class InUse:
    """A champion that has learned from the first frame's numbers."""

    ids: list[int]
    outcome: dict[int, float] = field(default_factory=dict)

    def run(self, *, day=0):
        return running.scorer_run(scorer_key=KEY, as_of=AS_OF + timedelta(days=day))

    def check(self, *, day=0):
        return scorer_check(scorer_key=KEY, at=AS_OF + timedelta(days=day))


@pytest.fixture
def in_use(echo, monkeypatch):
    ids = [one.pk for one in people(120)]
    version = champion()
    learned = days(1, ids)
    frame = pd.DataFrame({"recency_days": learned}, index=ids)
    version.card = {"reference": reference(frame, learned * 2.0)}
    version.save()
    found = InUse(ids)

    def feature_frame(_scorer, *, as_of, excluded=(), only=None):
        del as_of
        chosen = [one for one in only if one not in excluded]
        return pd.DataFrame({"recency_days": days(1, chosen)}, index=pd.Index(chosen))

    def outcomes_of(_scorer, *, customer_ids):
        return {
            as_of: pd.Series([found.outcome[one] for one in ids], index=ids)
            for as_of, ids in customer_ids.items()
        }

    monkeypatch.setattr(outcomes.datasets, "feature_frame", feature_frame)
    monkeypatch.setattr(outcomes.datasets, "outcomes", outcomes_of)
    noise = np.random.default_rng(5).normal(0, 3, len(ids))
    found.outcome = dict(zip(ids, np.abs(learned * 2.0 + noise), strict=True))
    return found
