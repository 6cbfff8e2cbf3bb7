"""Scoring a few customers at once, in the process that was asked.

The champion is kept in the process's memory, and read again when another one is promoted. Features
are those at hand: of the newest frame that a run has made, and so as old as it. Those of a scorer
whose scores are momentary are of now, read from the customers' log. Nothing here loads
TensorFlow: a model that wants it in order to predict is left to the workers.
"""

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.abc import MetaPathFinder
from threading import Lock, local
from typing import Any

import pandas as pd
from django.db.models import QuerySet

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.customers.consents import profiling_objectors_among
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring.datasets import frame_now
from lifecycle_engine.scoring.errors import ReasonsMissingError, ScoringError
from lifecycle_engine.scoring.frames import FrameLostError, customers_frame, frame_newest
from lifecycle_engine.scoring.models import ModelVersion, ScorerMode
from lifecycle_engine.scoring.monitoring.uses import use_of
from lifecycle_engine.scoring.promises import outputs_checked
from lifecycle_engine.scoring.reason_models import ReasonsSummary
from lifecycle_engine.scoring.reasons.computing import customers_explain
from lifecycle_engine.scoring.reasons.results import Explained
from lifecycle_engine.scoring.reasons.selectors import is_explaining
from lifecycle_engine.scoring.restoring import scorer_restored
from lifecycle_engine.scoring.selectors import model_champion, scorer_mode
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.scorers import Scorer

_HEAVY = frozenset({"tensorflow", "keras"})


class OnDemandError(ScoringError):
    """A scorer can't score on demand as things stand; the message says why."""


class WorkerNeededError(ScoringError):
    """The model wants TensorFlow, which only workers load."""


@dataclass(frozen=True)
class OnDemandScores:
    """What was asked for.

    Attributes:
        version: the model version.
        by: whether the model says so, or its baseline.
        features_as_of: the features know nothing later.
        values: the scores, by the customer numbers that were asked for.
        refused: why the others have none, by number: ``unknown``, ``objection`` (to profiling) or
            ``features`` (the last run had none, since they are new or not of the population).
        explained: why the values are what they are, by the customer numbers, where that was asked
            for; empty where the scorer doesn't say why.
    """

    version: ModelVersion
    by: Use
    features_as_of: datetime
    values: dict[str, float]
    refused: dict[str, str]
    explained: dict[str, Explained] = field(default_factory=dict)


def customers_score(
    *,
    scorer_key: str,
    external_ids: Sequence[str],
    customers: QuerySet[Customer] | None = None,
    reasons: bool = False,
) -> OnDemandScores:
    """Score the customers with the champion, as they were when features were last computed.

    Of a momentary scorer: as they are.

    Args:
        scorer_key: a live scorer that gives numbers.
        external_ids: the shop's customer numbers, a few.
        customers: a query set of those who may be seen; by default all.
        reasons: whether to say why, too.

    Raises:
        ModelMissingError: the scorer was never trained.
        OnDemandError: it is off or in shadow mode, or no run has made features for its model.
        WorkerNeededError: its model wants TensorFlow.
        ArtefactError: the stored model is not what was stored.
    """
    if scorer_mode(scorer_key=scorer_key) is not ScorerMode.LIVE:
        raise OnDemandError(f"Scorer {scorer_key} is not live")
    version = model_champion(scorer_key=scorer_key)
    scorer = champions.get(version)
    found = _found(external_ids, Customer.objects.all() if customers is None else customers)
    refused = {name: "unknown" for name in external_ids if name not in found}
    objectors = profiling_objectors_among(customer_ids=set(found.values()))
    refused |= {name: "objection" for name, pk in found.items() if pk in objectors}
    wanted = {name: pk for name, pk in found.items() if pk not in objectors}
    features_as_of, rows = _features(scorer, set(wanted.values()))
    values: dict[int, float] = {}
    explained: Mapping[int, Explained] = {}
    use = use_of(champion=version)
    if len(rows):
        says = scorer.baseline if use is Use.BASELINE else scorer.predict
        with without_tensorflow(scorer_key):
            values = outputs_checked(scorer, rows, says).to_dict()
            if reasons and is_explaining(type(scorer), use=use):
                explained = _explained(scorer, rows, use)
    refused |= {name: "features" for name, pk in wanted.items() if pk not in values}
    return OnDemandScores(
        version=version,
        by=use,
        features_as_of=features_as_of,
        values={name: values[pk] for name, pk in wanted.items() if pk in values},
        refused=refused,
        explained={name: explained[pk] for name, pk in wanted.items() if pk in explained},
    )


def _explained(scorer: Scorer, rows: pd.DataFrame, use: Use) -> Mapping[int, Explained]:
    """The reasons of all rows; none where the model that the scorer chose has none.

    What is typical of customers is what it was when reasons were last worked out after a run. Of a
    momentary score it is not known, and so what would change it neither.
    """
    summary = ReasonsSummary.objects.filter(scorer_key=scorer.key).first()
    typical, texts = (summary.typical, summary.texts) if summary else ({}, {})
    with suppress(ReasonsMissingError):
        return customers_explain(scorer, rows, typical=typical, texts=texts, use=use)
    return {}


def _features(scorer: Scorer, customer_ids: Collection[int]) -> tuple[datetime, pd.DataFrame]:
    """What the scorer goes by, of those of the customers of whom there is something."""
    if scorer.momentary:
        now = business_now()
        return now, frame_now(scorer, as_of=now, customer_ids=customer_ids)
    frame = frame_newest(scorer)
    if frame is None:
        raise OnDemandError(f"Scorer {scorer.key} has no features yet: run it first")
    try:
        return frame.as_of, customers_frame(frame, customer_ids)
    except FrameLostError:
        raise OnDemandError(f"The features of scorer {scorer.key} are being renewed") from None


class Champions:
    """The fitted champions of one process, one for each scorer."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[str, tuple[int, str, Scorer]] = {}

    def get(self, version: ModelVersion) -> Scorer:
        """The fitted scorer of a version, which takes the place of the one kept before."""
        kept = self._kept.get(version.scorer_key)
        if kept is not None and kept[:2] == (version.pk, version.sha256):
            return kept[2]
        with self._lock, without_tensorflow(version.scorer_key):
            scorer = scorer_restored(version=version)
        if not isinstance(scorer, Scorer):
            raise OnDemandError(f"Scorer {version.scorer_key} ranks products; it gives no numbers")
        self._kept[version.scorer_key] = (version.pk, version.sha256, scorer)
        return scorer

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()


#: The process's own.
champions = Champions()


def _found(external_ids: Sequence[str], customers: QuerySet[Customer]) -> dict[str, int]:
    """The whole customer of each number; PostgreSQL has no text with a NUL in it."""
    names = [name for name in external_ids if "\0" not in name]
    rows = Customer.objects.filter(external_id__in=names, erased_at=None)
    found = {
        str(name): root or pk
        for name, pk, root in rows.values_list("external_id", "pk", "merged_into_id")
    }
    seen = set(customers.filter(pk__in=set(found.values())).values_list("pk", flat=True))
    return {name: found[name] for name in names if found.get(name) in seen}


class _TensorFlowRefusedError(ImportError):
    """Something wanted TensorFlow where it must not be loaded."""


_refusing = local()


class _Refusing(MetaPathFinder):
    """Finds nothing; refuses TensorFlow in a thread that scores on demand."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        del path, target
        if fullname.partition(".")[0] in _HEAVY and getattr(_refusing, "on", False):
            raise _TensorFlowRefusedError(f"{fullname} is loaded by workers only")


sys.meta_path.insert(0, _Refusing())


@contextmanager
def without_tensorflow(scorer_key: str) -> Iterator[None]:
    """Refuse TensorFlow to this thread for the length of the block.

    Raises:
        WorkerNeededError: the block wanted it.
    """
    before, _refusing.on = getattr(_refusing, "on", False), True
    try:
        yield
    except _TensorFlowRefusedError:
        raise WorkerNeededError(
            f"The model of scorer {scorer_key} needs TensorFlow, which web processes don't load: "
            "its scores are those of the last run"
        ) from None
    finally:
        _refusing.on = before
