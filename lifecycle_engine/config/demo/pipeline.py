"""The main job: load, train, score, segment, run a campaign, deliver, and see what came true."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db.models import Sum

from campaigns.models import Campaign, Enrolment, Occurrence
from campaigns.services import campaigns_fire_due, occurrences_finish
from lifecycle_engine.config.demo import END, NOW
from lifecycle_engine.config.demo.configuration import (
    AUDIENCE,
    SCORERS,
    campaign_configure,
    segments_configure,
)
from lifecycle_engine.config.demo.loading import catalogue_load, events_load
from lifecycle_engine.config.demo.progress import Bar, Stages
from lifecycle_engine.config.demo.working import work_until, work_watch
from lifecycle_engine.core.jobs import enqueue
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.models import Event, Reader
from lifecycle_engine.messaging.models import Message, MessageState

_BEFORE_ALL = datetime(2016, 1, 1, tzinfo=UTC)
_UNFINISHED = (MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING)


def pipeline_run(
    stages: Stages, *, workers: Callable[[], object] = lambda: None
) -> dict[str, dict[str, Any]]:
    """Do the main job; returns each stage's figures by its key.

    Args:
        stages: runs each stage and shows it.
        workers: waits until the workers are there; the first stage is done while they start.

    Stages that only ever add (loading, training) are done once; those whose effect must never
    happen twice (campaign, delivery) are done again every time, and change nothing then.

    Raises:
        StartError: a worker did not start.
        WorkerError: a worker failed.
        DemoDataError: the engine refused some of the data.
    """
    history = partial(events_load, start=_BEFORE_ALL, end=NOW)
    december = partial(events_load, start=NOW, end=END)
    enqueue("scoring.warm_up", queue="gpu")
    figures = {"catalogue": stages.once("catalogue", "Product catalogue", catalogue_load)}
    workers()
    figures["history"] = stages.once("history", "Events to 30 November", history)
    figures["mirror"] = stages.once("mirror", "Columnar copy", _mirror)
    for scorer in SCORERS:
        train = partial(_train, scorer)
        figures[f"train:{scorer}"] = stages.once(f"train:{scorer}", f"Train {scorer}", train)
        score = partial(_score, scorer)
        figures[f"score:{scorer}"] = stages.once(f"score:{scorer}", f"Score {scorer}", score)
    figures["stages"] = stages.once("stages", "Lifecycle stages", _lifecycle_stages)
    figures["segments"] = stages.once("segments", "Segments", _segments)
    figures["campaign"] = stages.again("campaign", "Campaign and coupons", _campaign)
    figures["delivery"] = stages.again("delivery", "Deliver e-mail and SMS", _delivery)
    figures["december"] = stages.once("december", "What December brought", december)
    figures["mirror:december"] = stages.once("mirror:december", "Columnar copy", _mirror)
    figures["outcome"] = stages.once("outcome", "Judge the models by December", _outcome)
    return figures


def _mirror(bar: Bar) -> None:
    total = Event.objects.count()
    before = _mirrored()
    work_until(lambda: total - _mirrored(), bar=bar, total=total - before, task="warehouse.mirror")
    bar.figures["rows"] = total - before


def _mirrored() -> int:
    """How many events of the log the columnar copy holds."""
    return Reader.objects.filter(name="warehouse").aggregate(n=Sum("read_total"))["n"] or 0


def _train(scorer: str, bar: Bar) -> None:
    found = work_watch(
        "scoring.train",
        bar=bar,
        job="scoring.train",
        subject=scorer,
        queue="gpu",
        scorer_key=scorer,
        as_of=NOW.isoformat(),
    )
    bar.figures.update(found)


def _score(scorer: str, bar: Bar) -> None:
    found = work_watch(
        "scoring.run",
        bar=bar,
        job="scoring.run",
        subject=scorer,
        queue="gpu",
        scorer_key=scorer,
        as_of=NOW.isoformat(),
    )
    bar.figures.update(found, rows=found["customers"])


def _lifecycle_stages(bar: Bar) -> None:
    figures = work_watch("segments.refresh_stages", bar=bar, job="segments.refresh_stages")
    bar.figures.update(figures, rows=Customer.objects.count())


def _segments(bar: Bar) -> None:
    segments = segments_configure()
    for done, segment in enumerate(segments, start=1):
        work_watch(
            "segments.refresh",
            bar=bar,
            job="segments.refresh",
            subject=str(segment.pk),
            segment_id=segment.pk,
            cause="demo",
        )
        bar.to(done, len(segments))
        segment.refresh_from_db()
        bar.figures[segment.key] = segment.size
    # Every segment looks at everybody.
    bar.figures["rows"] = Customer.objects.count() * len(segments)
    campaign_configure(next(segment for segment in segments if segment.key == AUDIENCE))


def _campaign(bar: Bar) -> None:
    campaigns_fire_due(at=NOW)
    enrolments = Enrolment.objects.filter(occurrence=occurrence_newest())
    under_way = enrolments.filter(state=Enrolment.State.ACTIVE, due_at__lte=NOW)
    work_until(under_way.count, bar=bar, total=enrolments.count(), task="campaigns.advance")
    occurrences_finish(at=NOW)
    bar.figures["rows"] = enrolments.count()


def _delivery(bar: Bar) -> None:
    waiting = Message.objects.filter(state__in=_UNFINISHED)
    work_until(waiting.count, bar=bar, total=Message.objects.count(), task="messaging.deliver")
    bar.figures["rows"] = Message.objects.count()


def _outcome(bar: Bar) -> None:
    outcomes: dict[str, Any] = {}
    for done, scorer in enumerate(SCORERS, start=1):
        bar.note(scorer)
        found = work_watch(
            "scoring.evaluate",
            bar=bar,
            job="scoring.evaluate",
            subject=scorer,
            queue="gpu",
            scorer_key=scorer,
            as_of=NOW.isoformat(),
        )
        outcomes[scorer] = found["outcome"]
        bar.to(done, len(SCORERS))
    judged = sum(outcome["rows"] for outcome in outcomes.values())
    bar.figures.update(outcomes, rows=judged)


def occurrence_newest() -> Occurrence:
    """The demo campaign's one firing."""
    campaign = Campaign.objects.get()
    return Occurrence.objects.filter(campaign=campaign).latest("fire_at")
