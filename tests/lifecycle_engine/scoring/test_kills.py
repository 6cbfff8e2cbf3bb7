"""Workers that run a scorer are killed: what is published is whole, of one run, and right."""

import pytest
from django.db import connection

from lifecycle_engine.scoring import frames
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.scoring_kills import (
    gone_on_with,
    kills_play,
    seed_drawn,
    table_unlike_any,
    whole_and_of_one_frame,
)
from tests.factories.scoring_runs import Echo, champion, feature_table_of, people

KILLS = 5

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customers(monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_incoming")  # No model's, so no test empties it.
    monkeypatch.setattr(frames.datasets, "feature_table", feature_table_of(table_unlike_any()))
    with scorers.temporarily():
        scorers.register(Echo)
        ids = [customer.pk for customer in people(43)]
        champion()
        yield ids


def test_what_is_published_after_kills_is_whole_and_of_one_run(customers, tmp_path):
    seed = seed_drawn()
    print(f"seed {seed}")  # noqa: T201 - to play it again

    kills_play(KILLS, seed=seed, lives=(0.02, 0.15), folder=tmp_path)

    whole_and_of_one_frame(customers)
    begun, done = gone_on_with()
    frame = whole_and_of_one_frame(customers)
    # What was computed before the kill is not computed again, and it is the run that is published.
    assert begun in (None, frame)
    newest = ScoringRun.objects.latest("pk")
    assert newest.state == RunState.PUBLISHED
    assert newest.shards_done[: len(done)] == done
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM scoring_incoming")
        assert cursor.fetchone() == (0,)
