"""Searching: from a segment's members to a ranking of everybody else, kept with what it is worth.

A search that was asked for stands in its row. Whoever runs it holds an advisory lock, which
PostgreSQL gives up when the connection of a killed process ends; the next look at what is under way
then begins it again. What it comes to is written in one transaction, once.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Coalesce, Now
from numpy.typing import NDArray

from lifecycle_engine.core.bulk import copy_arrow
from lifecycle_engine.core.jobs import JobHandle, job_run
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.core.sql import sql_execute
from lifecycle_engine.customers.consents import profiling_objectors
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.errors import LookalikeRefusedError
from lifecycle_engine.scoring.lookalike_models import (
    UNDER_WAY,
    Lookalike,
    LookalikeCustomer,
    LookalikeReason,
    LookalikeState,
)
from lifecycle_engine.scoring.lookalikes.leaks import Leaks, segment_leaks
from lifecycle_engine.scoring.lookalikes.ranking import (
    Flags,
    Floats,
    Matrix,
    places_find,
)
from lifecycle_engine.scoring.lookalikes.results import (
    Result,
    areas,
    curve_measure,
    size_offered,
)
from lifecycle_engine.scoring.lookalikes.traits import traits_find
from lifecycle_engine.segments.selectors import segment_member_ids
from lifecycle_engine.warehouse.features import features_frame

JOB = "scoring.lookalike"
#: Seeds needed. With 100 a recall of one half is measured to within 10 percentage points (95 %:
#: 1.96 × √(0.25 / 100)), with fewer the curve says little. It is also the least that Meta takes for
#: an audience of this kind.
SEEDS_LEAST = 100
#: So many have to be outside the segment, for the same reason.
OTHERS_LEAST = 100
#: Customers whose places are kept.
RANKED_AT_MOST = 100_000
ATTEMPTS_LIMIT = 3


@dataclass(frozen=True)
class Found:
    """What a search came to."""

    result: Result
    leaks: Leaks
    seeds: int
    others: int
    customer_ids: NDArray[np.int64]
    percentiles: Floats


@dataclass(frozen=True)
class _People:
    customer_ids: NDArray[np.int64]
    matrix: Matrix
    names: list[str]
    seeds: Flags


def lookalikes_run() -> None:
    """Run the searches under way that nobody is at, one after the other."""
    waiting = Lookalike.objects.filter(state__in=UNDER_WAY).order_by("pk")
    for lookalike_id in waiting.values_list("pk", flat=True):
        lookalike_run(lookalike_id=lookalike_id)


def lookalike_run(*, lookalike_id: int) -> Lookalike:
    """Search, and keep the ranking with what it is worth.

    Of two processes one finds it taken and does nothing; one that is over stays as it is. The same
    search over the same data gives the same ranking.
    """
    with advisory_lock(f"{JOB}:{lookalike_id}") as free:
        if free and _begun(lookalike_id):
            try:
                with job_run(JOB, str(lookalike_id)) as job:
                    _search(Lookalike.objects.select_related("segment").get(pk=lookalike_id), job)
            except (OperationalError, InterfaceError, KeyboardInterrupt, SystemExit):
                raise  # It is begun again when the database, or the worker, is there again.
            except BaseException as error:
                _over(lookalike_id, LookalikeState.FAILED, f"{type(error).__name__}: {error}")
                raise
    return Lookalike.objects.get(pk=lookalike_id)


@transaction.atomic
def _begun(lookalike_id: int) -> bool:
    run = Lookalike.objects.select_for_update().get(pk=lookalike_id)
    if run.state not in UNDER_WAY:
        return False
    if run.attempts >= ATTEMPTS_LIMIT:
        _over(run.pk, LookalikeState.FAILED, f"was started {ATTEMPTS_LIMIT} times and never ended")
        return False
    Lookalike.objects.filter(pk=run.pk).update(
        state=LookalikeState.RUNNING,
        attempts=run.attempts + 1,
        started_at=Coalesce("started_at", Now()),
    )
    return True


def _search(run: Lookalike, job: JobHandle) -> None:
    try:
        found = lookalikes_compute(run, rng=np.random.default_rng(run.pk), job=job)
    except LookalikeRefusedError as refused:
        Lookalike.objects.filter(pk=run.pk, state=LookalikeState.RUNNING).update(
            state=LookalikeState.REFUSED,
            reason=refused.reason,
            seeds=refused.seeds,
            others=refused.others,
            finished_at=Now(),
        )
        job.result(refused=str(refused.reason))
        return
    _keep(run, found)
    job.result(seeds=found.seeds, others=found.others, verdict=str(found.result.verdict))


def lookalikes_compute(run: Lookalike, *, rng: np.random.Generator, job: JobHandle) -> Found:
    """Rank everybody outside the segment, and measure the ranking; nothing is written.

    Raises:
        LookalikeRefusedError: there is nothing to search by.
    """
    leaks = segment_leaks(run.segment)
    people = _people(run, leaks)
    places = places_find(
        people.matrix,
        names=people.names,
        seeds=people.seeds,
        rng=rng,
        progress=job.progress,
    )
    points = curve_measure(places, seeds=people.seeds, rng=rng)
    base_rate = float(people.seeds.mean())
    area, gain = areas(places, seeds=people.seeds)
    traits, suspects = traits_find(people.matrix, names=people.names, seeds=people.seeds, rng=rng)
    result = Result(
        base_rate=base_rate,
        points=points,
        area=area,
        gain=gain,
        traits=traits,
        modelled=sorted(leaks.modelled),
        unknown=sorted(leaks.unknown),
        suspects=suspects,
        offered=size_offered(points, base_rate=base_rate, at_most=RANKED_AT_MOST),
    )
    outside = np.flatnonzero(~people.seeds)
    best = outside[np.argsort(places.model[outside])][:RANKED_AT_MOST]
    return Found(
        result=result,
        leaks=leaks,
        seeds=int(people.seeds.sum()),
        others=len(outside),
        customer_ids=people.customer_ids[best],
        percentiles=100 * (1 - places.model[best]),
    )


def _people(run: Lookalike, leaks: Leaks) -> _People:
    """Everybody's features, without those who object to profiling and what the rule gives away."""
    if run.segment.size is None:
        raise LookalikeRefusedError(LookalikeReason.NOT_COMPUTED)
    if not leaks.kept:
        raise LookalikeRefusedError(LookalikeReason.FEATURES_NONE)
    members = segment_member_ids(segment_id=run.segment_id)
    excluded = profiling_objectors(at=None)
    seeds_known = len(np.setdiff1d(members, np.fromiter(excluded, dtype=np.int64)))
    if seeds_known < SEEDS_LEAST:
        raise LookalikeRefusedError(LookalikeReason.SEEDS_FEW, seeds=seeds_known)
    with datasets.history(as_of=run.as_of, excluded=excluded) as tables:
        frame = features_frame(names=leaks.kept, as_of=run.as_of, tables=tables)
    customer_ids = frame.column("customer_id").to_numpy()
    seeds = np.isin(customer_ids, members)
    counts = {"seeds": int(seeds.sum()), "others": int((~seeds).sum())}
    if counts["seeds"] < SEEDS_LEAST:
        raise LookalikeRefusedError(LookalikeReason.SEEDS_FEW, **counts)
    if counts["others"] < OTHERS_LEAST:
        raise LookalikeRefusedError(LookalikeReason.OTHERS_FEW, **counts)
    # Column by column into half the width: a second frame of that size would double the memory.
    matrix = np.empty((len(customer_ids), len(leaks.kept)), dtype=np.float32)
    for column, name in enumerate(leaks.kept):
        matrix[:, column] = frame.column(name).to_numpy()
    return _People(customer_ids, matrix, leaks.kept, seeds)


@transaction.atomic
def _keep(run: Lookalike, found: Found) -> None:
    """Write what was found, and let go of the segment's older rankings that nothing was made of."""
    locked = Lookalike.objects.select_for_update().get(pk=run.pk)
    if locked.state != LookalikeState.RUNNING:
        return
    older = LookalikeCustomer.objects.filter(lookalike__segment=run.segment_id)
    older.filter(lookalike__audience=None).delete()
    sql_execute("scoring", "lookalike_incoming_create")
    copy_arrow(
        "lookalike_incoming",
        pa.table(
            {
                "customer_id": found.customer_ids,
                "rank": np.arange(1, len(found.customer_ids) + 1),
                "percentile": found.percentiles,
            }
        ),
    )
    ranked = sql_execute("scoring", "lookalike_customers_keep", {"lookalike_id": run.pk})
    Lookalike.objects.filter(pk=run.pk).update(
        state=LookalikeState.READY,
        seeds=found.seeds,
        others=found.others,
        ranked=ranked,
        features=found.leaks.kept,
        left_out=found.leaks.left_out,
        result=found.result.as_json(),
        verdict=found.result.verdict,
        finished_at=Now(),
    )


def _over(lookalike_id: int, state: LookalikeState, error: str) -> None:
    Lookalike.objects.filter(pk=lookalike_id, state__in=UNDER_WAY).update(
        state=state, error=error.replace("\0", ""), finished_at=Now()
    )
