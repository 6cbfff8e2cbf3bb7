"""The months of a backtest: when each begins, and whether what came true in it is known whole."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.errors import BacktestError
from lifecycle_engine.scoring.timelines import held_back
from lifecycle_engine.sdk.scorers import BaseScorer

_MONTH = re.compile(r"(\d{4})-(\d{2})")
#: Five years: each month costs a training.
MONTHS_MOST = 60


def month_parse(text: str, *, name: str) -> date:
    """The first day of a month such as ``2017-06``.

    Raises:
        BacktestError: it is no month; the message has the name and the value.
    """
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or found[1] == "0000":
        raise BacktestError(f"{name}={text!r} is not a month such as 2017-06")
    return date(int(found[1]), int(found[2]), 1)


def months_check(first: date, last: date) -> None:
    """See that there is a month, and not too many.

    Raises:
        BacktestError: ``first`` is after ``last``, or there are more than ``MONTHS_MOST``.
    """
    if first > last:
        raise BacktestError(f"from={first:%Y-%m} is after to={last:%Y-%m}")
    count = sum(1 for _ in months(first, last))
    if count > MONTHS_MOST:
        raise BacktestError(
            f"from={first:%Y-%m} to={last:%Y-%m} are {count} months; at most {MONTHS_MOST}"
        )


def months(first: date, last: date) -> Iterator[datetime]:
    """The first moment of each month, in UTC."""
    moment = datetime(first.year, first.month, 1, tzinfo=UTC)
    while moment.date() <= last:
        yield moment
        moment = (moment + timedelta(days=31)).replace(day=1)


def known_until(scorer: BaseScorer, *, last: date) -> datetime | None:
    """Up to when it is known what happened: the newest event, as far as that matters here.

    A window that reaches beyond it is not over, whatever the clock says: data may have ended, and
    then nobody's silence means anything.
    """
    end = datetime(last.year, last.month, 1, tzinfo=UTC) + held_back(scorer)
    # A day more, to see an event at or after the end.
    return datasets.last_event(before=end + timedelta(days=1))
