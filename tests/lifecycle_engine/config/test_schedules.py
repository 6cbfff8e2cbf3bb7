"""What the clock starts exists."""

from celery.schedules import crontab

from lifecycle_engine.config.celery import app
from lifecycle_engine.config.schedules import BEAT_SCHEDULE


def test_every_entry_names_a_task_that_exists():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in BEAT_SCHEDULE.values()} - set(app.tasks) == set()


def test_a_tick_expires_before_the_next_one():
    for entry in BEAT_SCHEDULE.values():
        period = 24 * 3600 if isinstance(entry["schedule"], crontab) else entry["schedule"]
        assert entry["options"]["expires"] <= period
