"""Kill whoever runs a scorer, at random points, many times."""

import pytest

from lifecycle_engine.scoring import frames
from lifecycle_engine.sdk.scorers import scorers
from tests.factories.scoring_kills import (
    gone_on_with,
    kills_play,
    seed_drawn,
    table_unlike_any,
    whole_and_of_one_frame,
)
from tests.factories.scoring_runs import Echo, champion, feature_table_of, people

ROUNDS = 10
KILLS = 8

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


def test_what_is_published_is_whole_and_of_one_run_after_every_kill(
    settings, tmp_path, monkeypatch
):
    backend = "django.core.files.storage.FileSystemStorage"
    storage = {"BACKEND": backend, "OPTIONS": {"location": tmp_path / "storage"}}
    settings.STORAGES = settings.STORAGES | {"default": storage}
    monkeypatch.setattr(frames.datasets, "feature_table", feature_table_of(table_unlike_any()))
    with scorers.temporarily():
        scorers.register(Echo)
        customers = [customer.pk for customer in people(203)]
        champion()
        seed, published = seed_drawn(), []
        for number in range(ROUNDS):
            print(f"seed {seed + number}")  # noqa: T201 - to play it again
            kills_play(KILLS, seed=seed + number, lives=(0.02, 1.0), folder=tmp_path)
            whole_and_of_one_frame(customers)
            begun, done = gone_on_with()
            frame = whole_and_of_one_frame(customers)
            assert begun in (None, frame)
            published.append((frame, len(done)))
    print(f"of the shards were done before the last kill: {[done for _, done in published]}")  # noqa: T201
