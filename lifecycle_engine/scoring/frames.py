"""Frames of features: computed once for a run, kept in files, read part by part.

A part is one uncompressed Arrow file of at most ``SHARD`` customers, which a process maps into its
memory instead of reading it. Which parts there are stands in the frame's row, which is made before
the first file: so nothing is left behind that no row knows of.
"""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from numpy.typing import NDArray

import lifecycle_engine
from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.customers.privacy_models import Erasure
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.models import ModelState, ModelVersion, ScorerMode
from lifecycle_engine.scoring.run_models import FeatureFrame, RunState, ScoringRun
from lifecycle_engine.scoring.selectors import plugin_version, scorer_mode
from lifecycle_engine.scoring.task_frames import task_tables
from lifecycle_engine.scoring.task_groups import tasks_beside, tasks_of
from lifecycle_engine.sdk.scorers import Scorer
from lifecycle_engine.sdk.tasks import TaskScorer

#: Customers in a part, and so in a shard of a run. One of 34 features takes 14 MB.
SHARD = 50_000
#: For so long a frame also serves the runs of other scorers as of the same moment.
SHARED_FOR = timedelta(hours=1)


class FrameLostError(Exception):
    """A part of a frame can't be read any more; the run has to compute its features again."""


def frame_kind(scorer: Scorer) -> str:
    """A digest that is equal for scorers who want the same features of the same population."""
    wanted: dict[str, Any] = {
        "features": list(scorer.feature_names()),
        "engine": lifecycle_engine.__version__,
    }
    cls = type(scorer)
    if cls.population is not Scorer.population or cls.own_features is not Scorer.own_features:
        wanted |= {
            "scorer": scorer.key,
            "config": scorer.config.model_dump(mode="json"),
            "plugin_version": plugin_version(scorer_key=scorer.key),
        }
    return _digest(json.dumps(wanted, sort_keys=True))


def frame_for(run: ScoringRun, scorer: Scorer, *, excluded: Collection[int]) -> FeatureFrame:
    """The run's frame: computed, unless another scorer's run has just done so.

    A scorer that runs again gets one of its own, with what was heard of since. With that of a task
    those of the other tasks of its model are computed, whose runs then find them.
    """
    wanting = {frame_kind(one): one for one in (scorer, *_tasks_beside(scorer))}
    digest = _digest(repr(sorted(excluded)))
    with ExitStack() as locks:
        # Two runs that want the same frame at once: the second waits for the first one's.
        for kind in sorted(wanting):
            locks.enter_context(advisory_lock(_lock(kind), wait=True))
        frame = (
            _made()
            .filter(kind=frame_kind(scorer), as_of=run.as_of, excluded=digest)
            .filter(made_at__gte=Now() - SHARED_FOR)
            .exclude(runs__scorer_key=scorer.key)
            .order_by("-pk")
            .first()
        )
        if frame is None:
            frames = [
                FeatureFrame.objects.create(
                    kind=kind, as_of=run.as_of, excluded=digest, features=list(one.feature_names())
                )
                for kind, one in wanting.items()
            ]
            _compute(frames, list(wanting.values()), excluded)
            frame = frames[0]
        # Under the lock, so that no sweep takes it for one that nobody uses.
        run.frame, run.shards, run.customers = frame, len(frame.parts), frame.customers
        run.save(update_fields=["frame", "shards", "customers"])
        return frame


def frame_newest(scorer: Scorer) -> FeatureFrame | None:
    """The newest frame with what the scorer wants."""
    return _made().filter(kind=frame_kind(scorer)).order_by("-as_of", "-pk").first()


def part_frame(frame: FeatureFrame, number: int) -> pd.DataFrame:
    """A part as scorers get it: the features as columns, the customer ids as index.

    Raises:
        FrameLostError: the file is not there any more.
    """
    return _pandas(_part_table(frame.parts[number]["path"]))


def customers_frame(frame: FeatureFrame, customer_ids: Iterable[int]) -> pd.DataFrame:
    """The rows of those of the customers whom the frame has; it reads no more than it needs to.

    Raises:
        FrameLostError: a file is not there any more.
    """
    wanted = np.unique(np.fromiter(customer_ids, dtype=np.int64))
    lasts = [part["last"] for part in frame.parts]
    rows = [_part_table(frame.parts[0]["path"]).slice(0, 0)] if lasts else []
    for number in sorted({bisect_left(lasts, customer_id) for customer_id in wanted}):
        if number < len(lasts):
            table = _part_table(frame.parts[number]["path"])
            rows += [table.slice(place, 1) for place in _places(table, wanted)]
    if not rows:
        return pd.DataFrame(columns=frame.features, index=pd.Index([], name="customer_id"))
    return _pandas(pa.concat_tables(rows))


def frames_sweep() -> int:
    """Remove frames that nothing needs any more: of each kind all but the newest.

    Returns:
        How many there were.
    """
    removed = 0
    for kind in FeatureFrame.objects.values_list("kind", flat=True).distinct():
        with advisory_lock(_lock(kind)) as free:
            if not free:
                continue
            newest = _made().filter(kind=kind).order_by("-as_of", "-pk").first()
            used = ScoringRun.objects.filter(state=RunState.RUNNING, frame__isnull=False)
            unused = FeatureFrame.objects.filter(kind=kind).exclude(pk__in=used.values("frame_id"))
            for frame in unused.exclude(pk__in=[newest.pk] if newest else []):
                _files_remove(frame)
                frame.delete()
                removed += 1
    return removed


def frames_forget() -> int:
    """Take customers out of the frames who were erased since these were computed.

    A row goes with its part's file, which is written anew. It may be called at any time.

    Returns:
        How many rows went.
    """
    forgotten = 0
    for frame in _made():
        # Also those that are done by now: they were not when the frame was begun.
        since = Erasure.objects.filter(Q(done_at=None) | Q(done_at__gte=frame.begun_at))
        listed = since.values_list("profile_ids", flat=True)
        gone = np.unique(np.array([one for ids in listed for one in ids], dtype=np.int64))
        if len(gone):
            with advisory_lock(_lock(frame.kind), wait=True):
                for number in range(len(frame.parts)):
                    forgotten += _part_forget(frame, number, gone)
    return forgotten


def _tasks_beside(scorer: Scorer) -> list[TaskScorer]:
    """The other tasks of the scorer's model that are run and want features computed as it does."""
    if not isinstance(scorer, TaskScorer):
        return []
    champions = ModelVersion.objects.filter(
        scorer_key__in=tasks_of(scorer.key),
        state=ModelState.CHAMPION,
        config=scorer.config.model_dump(mode="json"),
    )
    keys = [
        key
        for key in champions.values_list("scorer_key", flat=True)
        if scorer_mode(scorer_key=key) is not ScorerMode.OFF
    ]
    tasks = tasks_beside(scorer, [scorer.key, *keys])
    return [task for task in tasks if task is not scorer]


def _compute(
    frames: Sequence[FeatureFrame], wanting: Sequence[Scorer], excluded: Collection[int]
) -> None:
    """Compute the frame of each scorer; several scorers are tasks of one model."""
    started, as_of = perf_counter(), frames[0].as_of
    tasks = [one for one in wanting if isinstance(one, TaskScorer)]
    if len(tasks) > 1:
        tables = task_tables(tasks, as_of=as_of, excluded=excluded)
    else:
        tables = iter([datasets.feature_table(wanting[0], as_of=as_of, excluded=excluded)])
    for frame, table in zip(frames, tables, strict=True):
        _keep(frame, table)
        frame.seconds, started = perf_counter() - started, perf_counter()
        frame.made_at = Now()
        frame.save()


def _keep(frame: FeatureFrame, table: pa.Table) -> None:
    for start in range(0, table.num_rows, SHARD):
        part = table.slice(start, SHARD)
        ids = part["customer_id"]
        path = f"frames/{frame.pk}/{len(frame.parts)}.arrow"
        frame.parts.append(
            {
                "path": _part_save(path, part),
                "first": ids[0].as_py(),
                "last": ids[-1].as_py(),
                "customers": part.num_rows,
            }
        )
    frame.customers = table.num_rows


def _part_save(path: str, part: pa.Table) -> str:
    """Store the rows as one batch; returns where."""
    content = pa.BufferOutputStream()
    with pa.ipc.new_file(content, part.schema) as writer:
        writer.write_table(part.combine_chunks())
    # What a killed process left there is of another frame's making.
    default_storage.delete(path)
    return default_storage.save(path, ContentFile(content.getvalue().to_pybytes()))


def _part_table(path: str) -> pa.Table:
    try:
        try:
            source = pa.memory_map(default_storage.path(path))
        except NotImplementedError:  # A storage without files of this machine.
            with default_storage.open(path, "rb") as file:
                source = pa.BufferReader(file.read())
        return pa.ipc.open_file(source).read_all()
    except FileNotFoundError:
        raise FrameLostError(f"Features {path!r} are not there any more") from None


def _places(table: pa.Table, wanted: NDArray[np.int64]) -> list[int]:
    """Where the table has the wanted customers, by their ascending ids."""
    ids = table["customer_id"].to_numpy()
    places = np.searchsorted(ids, wanted)
    inside = places < len(ids)
    places, wanted = places[inside], wanted[inside]
    return [int(place) for place in places[ids[places] == wanted]]


def _part_forget(frame: FeatureFrame, number: int, gone: NDArray[np.int64]) -> int:
    part = frame.parts[number]
    try:
        table = _part_table(part["path"])
    except FrameLostError:
        return 0
    places = _places(table, gone)
    if places:
        kept = np.ones(table.num_rows, dtype=bool)
        kept[places] = False
        old = part["path"]
        path = f"frames/{frame.pk}/{number}-{table.num_rows - len(places)}.arrow"
        part["path"] = _part_save(path, table.filter(pa.array(kept)))
        frame.save(update_fields=["parts"])
        default_storage.delete(old)
    return len(places)


def _files_remove(frame: FeatureFrame) -> None:
    folder = f"frames/{frame.pk}"
    with suppress(FileNotFoundError):
        for name in default_storage.listdir(folder)[1]:
            default_storage.delete(f"{folder}/{name}")
        default_storage.delete(folder)


def _pandas(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas().set_index("customer_id")


def _made() -> QuerySet[FeatureFrame]:
    return FeatureFrame.objects.filter(made_at__isnull=False)


def _lock(kind: str) -> str:
    return f"scoring:frame:{kind}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
