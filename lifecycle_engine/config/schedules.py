"""What the clock starts, and how often.

Each entry only says "look": a task that finds nothing to do ends at once. A tick that no worker
took before the next one expires, so that none pile up while the workers are down.
"""

from typing import Any

from celery.schedules import crontab


def _every(seconds: int, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}


BEAT_SCHEDULE = {
    "columnar copy": _every(5, "warehouse.mirror"),
    "segments of touched customers": _every(1, "segments.refresh_touched"),
    "segments that are due": _every(5, "segments.refresh_due"),
    "segments as time passes": _every(60, "segments.pass_time"),
    "all segments": _every(3600, "segments.refresh"),
    "models": {
        "task": "scoring.refresh",
        "schedule": crontab(hour=2, minute=0),
        "options": {"expires": 3600},
    },
    "models in use": {
        "task": "scoring.check",
        "schedule": crontab(hour=4, minute=0),
        "options": {"expires": 3600},
    },
    "jobs of killed processes": _every(60, "core.fail_lost_jobs"),
    "killed runs of scorers": _every(60, "scoring.look_after_runs"),
    "lookalikes": _every(60, "scoring.find_lookalikes"),
    "stages of touched customers": _every(1, "segments.follow_stages"),
    "lifecycle stages": _every(3600, "segments.refresh_stages"),
    "campaigns": _every(30, "campaigns.fire"),
    "enrolments": _every(5, "campaigns.advance"),
    "outbox": _every(5, "messaging.deliver"),
    "expired leases of the outbox": _every(60, "messaging.recover"),
    "unconfirmed opt-ins": _every(3600, "messaging.sweep"),
    "expired coupons": _every(3600, "rewards.expire_coupons"),
    "imports": _every(60, "events.run_imports"),
    "housekeeping of the log": _every(3600, "events.sweep"),
    "erasures": _every(60, "warehouse.erase"),
    "possible duplicates": {
        "task": "customers.suggest_merges",
        "schedule": crontab(hour=3, minute=0),
        "options": {"expires": 3600},
    },
    "kinds of attributes": _every(30, "events.learn_attributes"),
    "columnar copy of dropped months": _every(3600, "warehouse.retain"),
    "embedded broker": _every(600, "config.sweep_broker"),
}
