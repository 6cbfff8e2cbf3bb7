"""Celery entry points; all logic is in services."""

from celery import shared_task

from campaigns import selectors, services
from lifecycle_engine.core import jobs
from lifecycle_engine.core.clock import business_now

_BATCH = 1000
#: Batches in a row before the worker is free for other work.
_BATCHES = 200


@shared_task(name="campaigns.fire")
def fire() -> int:
    """Fire every campaign that is due; returns how many there were."""
    return len(services.campaigns_fire_due(at=business_now()))


@shared_task(name="campaigns.advance")
def advance() -> int:
    """Move everyone on whose time has come, until nobody is left; returns how many moves."""
    at = business_now()
    if not selectors.enrolments_due(at=at):
        services.occurrences_finish(at=at)
        return 0
    with jobs.job_run("campaigns.advance") as job:
        done = 0
        for _ in range(_BATCHES):
            moved = services.enrolments_advance(limit=_BATCH, at=at)
            done += moved
            job.progress(done, unit="steps")
            if moved == 0:
                return done
    jobs.enqueue("campaigns.advance")
    return done
