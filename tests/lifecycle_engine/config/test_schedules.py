"""What the clock starts exists."""

from lifecycle_engine.config.celery import app
from lifecycle_engine.config.schedules import BEAT_SCHEDULE


def test_every_entry_names_a_task_that_exists():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in BEAT_SCHEDULE.values()} - set(app.tasks) == set()


def test_a_tick_expires_before_the_next_one():
    for entry in BEAT_SCHEDULE.values():
        assert entry["options"]["expires"] <= entry["schedule"]
