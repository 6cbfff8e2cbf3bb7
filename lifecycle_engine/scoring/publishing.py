"""Writing a run's scores and recommendations: all of them in one transaction, or none."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import pandas as pd
from django.db import transaction
from django.db.models.functions import Now

from lifecycle_engine.core.bulk import copy_rows
from lifecycle_engine.core.sql import sql_execute, sql_rows
from lifecycle_engine.scoring.errors import RunGivenUpError
from lifecycle_engine.scoring.models import ModelState, ModelVersion, ScorerMode
from lifecycle_engine.scoring.monitoring.uses import use_of
from lifecycle_engine.scoring.run_models import RunState, ScoringRun
from lifecycle_engine.scoring.selectors import scorer_mode


@dataclass(frozen=True)
class Published:
    """What a run came to.

    Attributes:
        customers: how many customers have a result.
        written: how many rows differ from before and were written.
        withdrawn: how many customers lost theirs, since the run had none for them.
        classes: how many customers are in each class, by its number, of a scorer of classes.
    """

    customers: int
    written: int
    withdrawn: int
    classes: Mapping[str, int] = field(default_factory=dict)


@transaction.atomic
def scores_publish(*, run: ScoringRun, objectors: Collection[int]) -> Published:
    """Publish what a run's shards have staged, and end the run.

    Args:
        run: all of its shards are done.
        objectors: who objects to profiling by now.

    Raises:
        RunGivenUpError: the run is over, its model is not the champion any more, or what is
            published was changed.
    """
    started = perf_counter()
    live = _held(run)
    sql_execute("scoring", "publishing_memory")
    sql_execute("scoring", "score_incoming_create")
    classes = bool(run.model_version.classes)
    staged = {"run_id": run.pk, "objectors": sorted(objectors), "ranked": not classes}
    customers = sql_execute("scoring", "incoming_rank", _params(run) | staged)
    counts = dict(sql_rows("scoring", "class_counts")) if classes else {}
    written = withdrawn = 0
    if live:
        sql_execute("scoring", "score_incoming_close")
        written = sum(
            sql_execute("scoring", name, _params(run)) for name in ("scores_change", "scores_add")
        )
        for name in ("history_forget", "history_add"):
            sql_execute("scoring", name, _params(run))
        withdrawn = sql_execute("scoring", "scores_withdraw", _params(run))
    sql_execute("scoring", "incoming_remove", {"run_id": run.pk})
    published = Published(customers, written, withdrawn, counts)
    return _ended(run, published, live=live, started=started)


@transaction.atomic
def recommendations_publish(*, run: ScoringRun, ranking: pd.DataFrame) -> Published:
    """Publish a ranking with the columns of ``RANKING_COLUMNS``, and end the run.

    Raises:
        RunGivenUpError: the run is over, its model is not the champion any more, or what is
            published was changed.
    """
    started = perf_counter()
    live = _held(run)
    customers = ranking["customer_id"].nunique()
    written = withdrawn = 0
    if live:
        sql_execute("scoring", "recommendation_incoming_create")
        copy_rows("recommendation_incoming", ("customer_id", "items"), _items(ranking))
        written = sql_execute("scoring", "recommendations_publish", _params(run))
        withdrawn = sql_execute("scoring", "recommendations_withdraw", _params(run))
    published = Published(customers=customers, written=written, withdrawn=withdrawn)
    return _ended(run, published, live=live, started=started)


def _held(run: ScoringRun) -> bool:
    """Hold the run and its model as they are; says whether the scorer is live."""
    locked = ScoringRun.objects.select_for_update().get(pk=run.pk)
    if locked.state != RunState.RUNNING:
        raise RunGivenUpError(locked.error or f"Run {run.pk} is over")
    version = ModelVersion.objects.select_for_update(no_key=True).get(pk=run.model_version_id)
    if version.state != ModelState.CHAMPION:
        raise RunGivenUpError(f"Model {version} is not the champion any more")
    if use_of(champion=version) != locked.use:
        raise RunGivenUpError(f"What is published of {run.scorer_key} was changed meanwhile")
    return scorer_mode(scorer_key=run.scorer_key) is ScorerMode.LIVE


def _ended(run: ScoringRun, published: Published, *, live: bool, started: float) -> Published:
    ScoringRun.objects.filter(pk=run.pk).update(
        state=RunState.PUBLISHED if live else RunState.SHADOW,
        customers=published.customers,
        written=published.written,
        withdrawn=published.withdrawn,
        class_counts=dict(published.classes),
        seconds_publishing=perf_counter() - started,
        finished_at=Now(),
    )
    return published


def _items(ranking: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """One row per customer: the id, and the products as a JSON list, best first."""
    best_first = ranking.sort_values(["customer_id", "rank"])
    customer_id, items = None, list[dict[str, Any]]()
    columns = (best_first[name].tolist() for name in ("customer_id", "sku", "score", "reason"))
    for customer, sku, score, reason in zip(*columns, strict=True):
        if customer != customer_id and customer_id is not None:
            yield customer_id, json.dumps(items)
            items = []
        customer_id = customer
        items.append({"sku": sku, "score": score, "reason": reason})
    if customer_id is not None:
        yield customer_id, json.dumps(items)


def _params(run: ScoringRun) -> dict[str, Any]:
    return {
        "scorer_key": run.scorer_key,
        "model_version_id": run.model_version_id,
        "as_of": run.as_of,
    }
