"""Training and scoring as background work, on the queue that each scorer names.

Every worker loads every app's tasks, also those that never train. So the services, and with them
skops, which loads all of scikit-learn and its test tools, are imported when a task runs.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from celery import shared_task

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.jobs import enqueue, job_run
from lifecycle_engine.scoring.models import ScorerMode
from lifecycle_engine.scoring.run_models import ScoringRun
from lifecycle_engine.scoring.schedule import is_momentary, scorer_due, scorer_queue
from lifecycle_engine.scoring.selectors import scorer_mode
from lifecycle_engine.sdk.scorers import scorers


@shared_task(name="scoring.train")
def model_train(*, scorer_key: str, as_of: str | None = None) -> None:
    """Train a scorer; ``as_of`` in ISO format, by default business time."""
    from lifecycle_engine.scoring import services  # noqa: PLC0415

    at = business_now()
    services.model_train(scorer_key=scorer_key, as_of=_moment(as_of, at), at=at)


@shared_task(name="scoring.warm_up")
def libraries_load() -> None:
    """Load the model libraries while there is nothing else to do, not in front of the first job."""
    importlib.import_module("lifecycle_engine.scoring.evaluation")
    importlib.import_module("keras")


@shared_task(name="scoring.evaluate")
def model_evaluate(*, scorer_key: str, as_of: str) -> None:
    """Judge what a scorer published as of a moment by what came true; kept in the model's card."""
    from lifecycle_engine.scoring import evaluation  # noqa: PLC0415

    with job_run("scoring.evaluate", subject=scorer_key) as job:
        found = evaluation.model_evaluate(
            scorer_key=scorer_key, as_of=datetime.fromisoformat(as_of)
        )
        job.result(outcome=found.as_json())


@shared_task(name="scoring.refresh")
def scorers_refresh() -> None:
    """Have every scorer that is due and not switched off trained and run, each in its own task."""
    # As of one moment: then scorers that want the same features have them computed once.
    at = business_now()
    for key in scorers.keys():  # noqa: SIM118 - a registry yields classes
        if scorer_mode(scorer_key=key) is ScorerMode.OFF:
            continue
        due = scorer_due(scorer_key=key, at=at)
        task = "scoring.train_and_run" if due.training else "scoring.run"
        if due.training or due.run:
            enqueue(task, queue=scorer_queue(key), scorer_key=key, as_of=at.isoformat())


@shared_task(name="scoring.run")
def scorer_run(*, scorer_key: str, as_of: str | None = None) -> None:
    """Score everybody; ``as_of`` in ISO format, by default business time.

    Nobody, where scores are worked out when they are asked for.
    """
    from lifecycle_engine.scoring import running  # noqa: PLC0415

    if is_momentary(scorer_key):
        return
    moment = _moment(as_of, business_now())
    with _checked(scorer_key):
        running.scorer_run(scorer_key=scorer_key, as_of=moment)
    _run_follow(scorer_key, moment)


@shared_task(name="scoring.look_after_runs")
def runs_look_after() -> None:
    """Have runs gone on with that were killed, and let go of features that nothing needs."""
    from lifecycle_engine.scoring import running  # noqa: PLC0415

    running.runs_look_after()


@shared_task(name="scoring.resume_run")
def run_resume(*, run_id: int) -> None:
    """Go on with a run that was killed."""
    from lifecycle_engine.scoring import running  # noqa: PLC0415

    run = ScoringRun.objects.get(pk=run_id)
    with _checked(run.scorer_key):
        resumed = running.run_resume(run_id=run_id)
    if resumed is not None:
        _run_follow(run.scorer_key, run.as_of)


@shared_task(name="scoring.help_run")
def run_help(*, run_id: int) -> None:
    """Score shards of a run that another worker drives."""
    from lifecycle_engine.scoring import running  # noqa: PLC0415

    running.run_help(run_id=run_id)


@shared_task(name="scoring.train_and_run")
def model_train_and_run(*, scorer_key: str, as_of: str | None = None) -> None:
    """Train a scorer, then score everybody with its champion."""
    from lifecycle_engine.scoring import services  # noqa: PLC0415

    at = business_now()
    moment = _moment(as_of, at)
    services.model_train(scorer_key=scorer_key, as_of=moment, at=at)
    scorer_run(scorer_key=scorer_key, as_of=moment.isoformat())


@shared_task(name="scoring.explain")
def scores_explain(*, scorer_key: str, as_of: str) -> None:
    """Work out why scores are what they are, of the customers of whom staff want it."""
    from lifecycle_engine.scoring.reasons import services as reasons  # noqa: PLC0415

    reasons.reasons_refresh(scorer_key=scorer_key, as_of=datetime.fromisoformat(as_of))


@shared_task(name="scoring.find_lookalikes")
def lookalikes_find() -> None:
    """Search for the lookalikes that somebody asked for, also where a search was killed."""
    from lifecycle_engine.scoring.lookalikes import running  # noqa: PLC0415

    running.lookalikes_run()


@shared_task(name="scoring.check")
def scorers_check(*, scorer_key: str | None = None) -> None:
    """Check a scorer in use, by default every one that isn't switched off."""
    if scorer_key is None:
        for key in scorers.keys():  # noqa: SIM118 - a registry yields classes
            if scorer_mode(scorer_key=key) is not ScorerMode.OFF:
                enqueue("scoring.check", queue=scorer_queue(key), scorer_key=key)
        return
    from lifecycle_engine.scoring.monitoring import services as monitoring  # noqa: PLC0415

    monitoring.scorer_check(scorer_key=scorer_key, at=business_now())


@contextmanager
def _checked(scorer_key: str) -> Iterator[None]:
    """Have the run checked, also one that fails."""
    try:
        yield
    finally:
        enqueue("scoring.check", queue=scorer_queue(scorer_key), scorer_key=scorer_key)


def _run_follow(scorer_key: str, as_of: datetime) -> None:
    """Have done what new scores want."""
    enqueue("segments.refresh", cause="scores")
    enqueue(
        "scoring.explain",
        queue=scorer_queue(scorer_key),
        scorer_key=scorer_key,
        as_of=as_of.isoformat(),
    )


def _moment(as_of: str | None, at: datetime) -> datetime:
    return at if as_of is None else datetime.fromisoformat(as_of)
