"""Kill whoever keeps the columnar copy and the segments up, at random points, many times."""

import pytest

from lifecycle_engine.segments import refreshing
from tests.factories.segment_kills import (
    kills_play,
    recovered_equals_rebuilt,
    seed_drawn,
    segments_made,
)
from tests.factories.segments import NOW

KILLS = 60

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


def test_membership_equals_a_rebuild_from_nothing_after_every_kill():
    segments_made()
    refreshing.segments_refresh_all(at=NOW)
    seed = seed_drawn()
    print(f"seed {seed}")  # noqa: T201 - to play it again

    kills_play(KILLS, seed=seed)

    recovered_equals_rebuilt(KILLS)
