"""Months share queries, of no more dates at once than a query's memory holds."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from lifecycle_engine.scoring.backtests import frames
from lifecycle_engine.scoring.backtests.frames import FrameStore
from lifecycle_engine.scoring.datasets import LabelledFrame
from tests.factories.scoring_runs import Echo

FIRST = datetime(2017, 1, 1, tzinfo=UTC)


def dates(*days):
    return [FIRST + timedelta(days=day) for day in days]


@pytest.fixture
def asked(monkeypatch):
    """The dates of each query."""
    queries = []

    def labelled_frames(_scorer, *, cutoffs, excluded):
        del excluded
        queries.append(sorted(cutoffs))
        empty = pd.DataFrame({"recency_days": []})
        return {one: LabelledFrame(empty, empty["recency_days"]) for one in cutoffs}

    monkeypatch.setattr(frames.datasets, "labelled_frames", labelled_frames)
    return queries


def test_months_ahead_come_along_until_the_dates_are_too_many(asked, monkeypatch):
    monkeypatch.setattr(frames.datasets, "DATES_MOST", 5)
    plan = [dates(1, 2), dates(2, 3), dates(3, 4, 5, 6)]
    store = FrameStore(plan, customers=10)

    for month in plan:
        assert store(Echo(), cutoffs=month, excluded=()).keys() == set(month)
        store.done()

    # The third month's dates would make six, and one of them is held by then.
    assert asked == [dates(1, 2, 3), dates(4, 5, 6)]


def test_one_training_gets_all_it_wants_at_once(asked, monkeypatch):
    monkeypatch.setattr(frames.datasets, "DATES_MOST", 2)
    month = dates(1, 2, 3, 4)

    FrameStore([month, dates(5)], customers=10)(Echo(), cutoffs=month, excluded=())

    assert asked == [month]
