"""Background work on coupons."""

from celery import shared_task

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.rewards import services

_BATCH = 10_000


@shared_task(name="rewards.expire_coupons")
def expire_coupons() -> None:
    """Let coupons run out whose day has come."""
    at = business_now()
    while services.coupons_expire(at=at, limit=_BATCH) == _BATCH:
        pass
