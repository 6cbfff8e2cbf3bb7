"""Point-in-time data: features from before a cut-off date, outcomes from the window after it.

The two come from different sessions of the warehouse, each limited to its side of the cut-off, so a
scorer can't use as a feature what it is to predict.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lifecycle_engine.scoring.bounded_tables import BoundedTables
from lifecycle_engine.scoring.errors import ScorerOutputError
from lifecycle_engine.scoring.promises import truth_checked
from lifecycle_engine.scoring.sequences import sequence_columns
from lifecycle_engine.sdk.classes import ClassScorer
from lifecycle_engine.sdk.scorers import BaseScorer, Scorer
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.warehouse.features import features_frame, features_frames
from lifecycle_engine.warehouse.session import warehouse_session

#: Dates that are asked for at once: a query has rows of each event for each of them, not all of
#: which it can put aside where its memory ends.
DATES_MOST = 16


#: Of a scorer that takes no feature of the library.
_NO_LIBRARY = pa.table({"customer_id": pa.array([], pa.int64())})


@contextmanager
def history(
    *, as_of: datetime, excluded: Collection[int], stock: bool = False
) -> Iterator[BoundedTables]:
    """What happened before ``as_of``, without the customers who may not be looked at.

    Args:
        as_of: the first moment that is not in it.
        excluded: those customers.
        stock: whether products say which can be bought now.
    """
    with warehouse_session(as_of=as_of) as tables:
        yield BoundedTables(tables, excluded=excluded, stock=stock)


@dataclass(frozen=True)
class LabelledFrame:
    """Features with what came true. All have the index (cutoff, customer_id).

    Attributes:
        frame: the features.
        target: what predictions are compared with.
        outcome: what is learned from, where that says more than the target; else None.
    """

    frame: pd.DataFrame
    target: "pd.Series[float]"
    outcome: "pd.Series[float] | None" = None

    @property
    def cutoffs(self) -> list[datetime]:
        """Its cut-off dates, oldest first."""
        found = self.target.index.get_level_values("cutoff").unique().sort_values()
        return [moment.to_pydatetime() for moment in found]

    @property
    def learned(self) -> "pd.Series[float]":
        """What the scorer's ``fit`` gets."""
        return self.target if self.outcome is None else self.outcome


def cutoffs(*, scorer: Scorer, until: datetime, first_event: datetime) -> list[datetime]:
    """The cut-off dates whose label windows end at or before ``until``, newest first.

    Those with less history before them than the scorer wants are left out.
    """
    horizon = timedelta(days=scorer.horizon_days)
    history = timedelta(days=scorer.history_days or scorer.horizon_days)
    step = timedelta(days=scorer.cutoff_step_days)
    newest = until - horizon
    wanted = [newest - step * number for number in range(scorer.cutoff_count)]
    return [cutoff for cutoff in wanted if cutoff - first_event >= history]


def feature_frame(
    scorer: Scorer,
    *,
    as_of: datetime,
    excluded: Collection[int] = (),
    only: Collection[int] | None = None,
) -> pd.DataFrame:
    """The scorer's features of its population, as of a moment, by ascending customer id.

    Raises:
        ScorerOutputError: the scorer's own features lack a column or have a customer twice.
    """
    return feature_frames(scorer, moments=[as_of], excluded=excluded, only=only)[as_of]


def feature_frames(
    scorer: Scorer,
    *,
    moments: Sequence[datetime],
    excluded: Collection[int] = (),
    only: Collection[int] | None = None,
) -> dict[datetime, pd.DataFrame]:
    """The scorer's features of its population as of each moment, by ascending customer id.

    Args:
        scorer: says which features, and of whom.
        moments: the points in time.
        excluded: customers who are left out.
        only: customers beside whom nobody is looked at; None for everybody.

    Raises:
        ScorerOutputError: the scorer's own features lack a column or have a customer twice.
    """
    with warehouse_session(as_of=max(moments)) as session:
        everything = BoundedTables(session, excluded=excluded, only=only)
        parts = _library_parts(scorer, moments, everything)
        frames = {}
        for moment in moments:
            part = parts.get(moment, _NO_LIBRARY)
            tables = BoundedTables(session.before(moment), excluded=excluded, only=only)
            frames[moment] = _scorer_frame(scorer, tables, part)
    return frames


def _library_parts(
    scorer: Scorer, moments: Sequence[datetime], tables: Tables
) -> dict[datetime, pa.Table]:
    if not scorer.features:
        return {}
    found = features_frames(names=scorer.features, moments=moments, tables=tables)
    dates = found["as_of"]
    return {
        moment: found.filter(pc.equal(dates, pa.scalar(moment, dates.type))).drop_columns("as_of")
        for moment in moments
    }


def frame_now(scorer: Scorer, *, as_of: datetime, customer_ids: Collection[int]) -> pd.DataFrame:
    """The features of a few customers, of all that the log has of them before a moment.

    It costs what these customers' history does, and not what everybody's would.

    Raises:
        ScorerOutputError: the scorer's own features lack a column or have a customer twice.
    """
    with warehouse_session(as_of=as_of, customer_ids=customer_ids) as session:
        tables = BoundedTables(session)
        library = _NO_LIBRARY
        if scorer.features:
            library = features_frame(names=scorer.features, as_of=as_of, tables=tables)
        return _scorer_frame(scorer, tables, library)


def feature_table(scorer: Scorer, *, as_of: datetime, excluded: Collection[int] = ()) -> pa.Table:
    """As ``feature_frame``, in Arrow: ``customer_id``, then the features as float64, NaN for none.

    The steps of a sequence are in single precision: 600 bytes for 50 of them.

    Raises:
        ScorerOutputError: the scorer's own features lack a column or have a customer twice.
    """
    with history(as_of=as_of, excluded=excluded) as tables:
        library = features_frame(names=scorer.features, as_of=as_of, tables=tables)
        members, columns = _scorer_columns(scorer, tables, library)
    return pa.table({"customer_id": members} | columns)


def _scorer_frame(scorer: Scorer, tables: Tables, library: pa.Table) -> pd.DataFrame:
    """Features of the library and the scorer's own, of the scorer's population."""
    members, columns = _scorer_columns(scorer, tables, library)
    return pd.DataFrame(columns, index=pd.Index(members, name="customer_id"))


def _scorer_columns(
    scorer: Scorer, tables: Tables, library: pa.Table
) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
    """The scorer's population, ascending, and each of its features by name, in order."""
    members = members_of(scorer, tables)
    columns: dict[str, NDArray[Any]] = {}
    columns |= _by_customer(library, members, scorer.features)
    own = scorer.own_features(tables)
    if own is not None:
        columns |= _by_customer(tables.execute(own), members, scorer.own_feature_names)
    if scorer.sequence is not None:
        columns |= sequence_columns(scorer.sequence, tables, members)
    missing = [name for name in scorer.feature_names() if name not in columns]
    if missing:
        raise ScorerOutputError(
            f"Scorer {scorer.key} declares features it does not give: {missing}"
        )
    return members, {name: columns[name] for name in scorer.feature_names()}


def members_of(scorer: Scorer, tables: Tables) -> NDArray[np.int64]:
    """The scorer's population as of the tables, ascending."""
    found = tables.execute(scorer.population(tables)).column("customer_id").to_numpy()
    return np.unique(found).astype(np.int64)


def outcomes(
    scorer: Scorer, *, customer_ids: Mapping[datetime, NDArray[np.int64]]
) -> "dict[datetime, pd.Series[float]]":
    """What came true of some customers in the window from each cut-off date on, as it is judged.

    Of whom nobody knows it, there is no row.

    Raises:
        ScorerOutputError: the outcome is not one number per customer, or not what the output is
            about.
    """
    learned = _outcomes(scorer, customer_ids)
    return {cutoff: truth_checked(scorer, outcome) for cutoff, outcome in learned.items()}


def _outcomes(
    scorer: Scorer, customer_ids: Mapping[datetime, NDArray[np.int64]]
) -> "dict[datetime, pd.Series[float]]":
    horizon = timedelta(days=scorer.horizon_days)
    with warehouse_session(as_of=max(customer_ids) + horizon) as session:
        found = {}
        for cutoff, ids in customer_ids.items():
            window = BoundedTables(session.window(cutoff, cutoff + horizon), start=cutoff)
            outcome = _outcome(scorer, window)
            # What ``outcome`` gives is never NaN, but what is missing may be: nobody knows it.
            found[cutoff] = outcome.reindex(ids, fill_value=float(scorer.outcome_missing)).dropna()
            if isinstance(scorer, ClassScorer) and not found[cutoff].isin([*scorer.classes]).all():
                raise ScorerOutputError(f"Scorer {scorer.key}: an outcome is none of its classes")
    return found


def _outcome(scorer: Scorer, window: Tables) -> "pd.Series[float]":
    rows = window.execute(scorer.outcome(window)).to_pandas()
    series = rows.set_index("customer_id")["target"].astype(float)
    if not series.index.is_unique or not np.isfinite(series.to_numpy()).all():
        raise ScorerOutputError(f"Scorer {scorer.key}: the outcome is not one number per customer")
    return series.rename("target")


def labelled_frames(
    scorer: Scorer, *, cutoffs: Sequence[datetime], excluded: Collection[int]
) -> dict[datetime, LabelledFrame]:
    """Features as of each cut-off date beside what came true after it, of whom that is known."""
    only = _learned_from(scorer, as_of=max(cutoffs), excluded=excluded)
    frames: dict[datetime, pd.DataFrame] = {}
    for start in range(0, len(cutoffs), DATES_MOST):
        moments = cutoffs[start : start + DATES_MOST]
        frames |= feature_frames(scorer, moments=moments, excluded=excluded, only=only)
    ids = {cutoff: frame.index.to_numpy() for cutoff, frame in frames.items()}
    learned = _outcomes(scorer, ids)
    parts = {}
    for cutoff in cutoffs:
        frame, outcome = frames[cutoff], learned[cutoff]
        if len(outcome) < len(frame):
            frame = frame.loc[outcome.index]
        frame.index = outcome.index = pd.MultiIndex.from_product(
            [[cutoff], frame.index], names=["cutoff", "customer_id"]
        )
        parts[cutoff] = LabelledFrame(frame, truth_checked(scorer, outcome), outcome)
    return parts


def _learned_from(
    scorer: Scorer, *, as_of: datetime, excluded: Collection[int]
) -> list[int] | None:
    """The customers that a training looks at; None for all.

    Those whose hashed ids are smallest: with a few customers more they are nearly the same.
    """
    if scorer.customers_most is None:
        return None
    with history(as_of=as_of, excluded=excluded) as tables:
        members = members_of(scorer, tables)
    if len(members) <= scorer.customers_most:
        return None
    by_hash = np.argsort(pd.util.hash_array(members), kind="stable")
    chosen: list[int] = members[by_hash[: scorer.customers_most]].tolist()
    return chosen


def stacked(parts: Sequence[LabelledFrame]) -> LabelledFrame:
    """Several cut-off dates one below another."""
    return LabelledFrame(
        pd.concat([part.frame for part in parts]),
        pd.concat([part.target for part in parts]),
        pd.concat([part.learned for part in parts]),
    )


def bought_again(past: Tables, *, end: datetime, excluded: Collection[int]) -> dict[int, set[str]]:
    """What customers who had bought before ``past.as_of`` bought from then until ``end``."""
    bought = purchases(start=past.as_of, end=end, excluded=excluded)
    return {
        customer_id: bought[customer_id]
        for customer_id in buyers(past).tolist()
        if customer_id in bought
    }


def population_size(scorer: BaseScorer, *, as_of: datetime) -> int:
    """How many customers the scorer would look at, as of a moment."""
    with history(as_of=as_of, excluded=()) as tables:
        if isinstance(scorer, Scorer):
            found = tables.execute(scorer.population(tables)).column("customer_id")
            return len(np.unique(found.to_numpy()))
        return len(buyers(tables))


def first_event(*, as_of: datetime) -> datetime | None:
    """When the first order before ``as_of`` was placed; None without one."""
    with warehouse_session(as_of=as_of) as tables:
        found = tables.execute(tables.orders.aggregate(first=tables.orders.occurred_at.min()))
    first: datetime | None = found.column("first")[0].as_py()
    return first


def last_event(*, before: datetime) -> datetime | None:
    """When the last event before a moment happened; None without one."""
    with warehouse_session(as_of=before) as tables:
        found = tables.execute(tables.events.aggregate(last=tables.events.occurred_at.max()))
    last: datetime | None = found.column("last")[0].as_py()
    return last


def data_figures(*, as_of: datetime) -> dict[str, str]:
    """A few figures that change whenever the events before ``as_of`` do, and only then."""
    with warehouse_session(as_of=as_of) as tables:
        events, orders = tables.events, tables.orders
        # Exact: a sum of floats depends on the order in which threads add them up.
        value = orders.value.cast("decimal(28, 4)").sum()
        found = [
            tables.execute(events.aggregate(rows=events.count(), last=events.received_at.max())),
            tables.execute(orders.aggregate(orders=orders.count(), value=value)),
        ]
    return {name: str(value) for part in found for name, value in part.to_pylist()[0].items()}


def _by_customer(
    table: pa.Table, members: NDArray[np.int64], names: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Each column's numbers of the members, in their order; NaN where the table has none."""
    ids = table["customer_id"].to_numpy()
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    if len(ids) and (ids[1:] == ids[:-1]).any():
        raise ScorerOutputError("A feature has more than one row of a customer")
    places = np.minimum(np.searchsorted(ids, members), max(len(ids) - 1, 0))
    known = ids[places] == members if len(ids) else np.zeros(len(members), dtype=bool)
    rows = order[places[known]]
    columns = {}
    for name in set(names) & set(table.column_names):
        columns[name] = np.full(len(members), np.nan)
        columns[name][known] = table[name].cast(pa.float64()).to_numpy()[rows]
    return columns


def buyers(tables: Tables) -> NDArray[np.int64]:
    """Everybody who placed an order, ascending."""
    found = tables.execute(tables.orders.select("customer_id").distinct())
    return np.sort(found.column("customer_id").to_numpy()).astype(np.int64)


def purchases(*, start: datetime, end: datetime, excluded: Collection[int]) -> dict[int, set[str]]:
    """What each customer bought between two moments."""
    with history(as_of=end, excluded=excluded) as tables:
        lines = tables.window(start, end).order_lines
        baskets = lines.group_by("customer_id").aggregate(skus=lines.sku.collect(distinct=True))
        found = tables.execute(baskets.order_by("customer_id"))
    return {
        customer_id: set(skus)
        for customer_id, skus in zip(
            found.column("customer_id").to_pylist(), found.column("skus").to_pylist(), strict=True
        )
    }
