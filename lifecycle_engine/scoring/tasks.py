"""Training and scoring as background work, routed to the ``gpu`` queue by the settings.

Every worker loads every app's tasks, also those that never train. So the services, and with them
skops, which loads all of scikit-learn and its test tools, are imported when a task runs.
"""

from datetime import datetime

from celery import shared_task

from lifecycle_engine.core.clock import business_now


@shared_task(name="scoring.train")
def model_train(*, scorer_key: str, as_of: str | None = None) -> None:
    """Train a scorer; ``as_of`` in ISO format, by default business time."""
    from lifecycle_engine.scoring import services  # noqa: PLC0415

    at = business_now()
    services.model_train(scorer_key=scorer_key, as_of=_moment(as_of, at), at=at)


@shared_task(name="scoring.run")
def scorer_run(*, scorer_key: str, as_of: str | None = None) -> None:
    """Score everybody; ``as_of`` in ISO format, by default business time."""
    from lifecycle_engine.scoring import services  # noqa: PLC0415

    services.scorer_run(scorer_key=scorer_key, as_of=_moment(as_of, business_now()))


@shared_task(name="scoring.train_and_run")
def model_train_and_run(*, scorer_key: str, as_of: str | None = None) -> None:
    """Train a scorer, then score everybody with its champion."""
    from lifecycle_engine.scoring import services  # noqa: PLC0415

    at = business_now()
    moment = _moment(as_of, at)
    services.model_train(scorer_key=scorer_key, as_of=moment, at=at)
    services.scorer_run(scorer_key=scorer_key, as_of=moment)


def _moment(as_of: str | None, at: datetime) -> datetime:
    return at if as_of is None else datetime.fromisoformat(as_of)
