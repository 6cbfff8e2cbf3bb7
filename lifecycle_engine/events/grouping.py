"""Group commit: what several threads want written at one time goes into one transaction.

Whoever finds nobody writing writes, together with all that waits by then, and hands over to the
first of those that came meanwhile. Where there was company the last time one waits a moment for as
much of it again, as PostgreSQL's ``commit_delay`` does where it sees siblings; who comes alone is
written at once. So groups grow with the load.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import django.db

Job = TypeVar("Job")
Result = TypeVar("Result")


class _Turn(Generic[Job, Result]):
    """A thread's place in the queue."""

    __slots__ = ("job", "leads", "result", "woken")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.leads = False
        self.result: Result | None = None
        self.woken = threading.Event()


class Group(Generic[Job, Result]):
    """Writes the jobs of many threads together.

    Args:
        write: writes jobs in one transaction, over the connection of the thread that calls it;
            returns what came of each, in order, and None of none of them.
        weight: how much of the limit a job takes.
        limit: how much is written at once; a job of more than that is written alone.
        writers: how many threads may write at a time.
        patience: seconds to wait at the most for as many jobs as there were the last time.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Job]], Sequence[Result]],
        *,
        weight: Callable[[Job], int],
        limit: int,
        writers: int = 1,
        patience: float = 0.0,
    ) -> None:
        self._write = write
        self._weight = weight
        self._limit = limit
        self._idle = writers
        self._patience = patience
        self._company_last = 1
        self._mutex = threading.Lock()
        self._came = threading.Condition(self._mutex)
        self._waiting: deque[_Turn[Job, Result]] = deque()

    def submit(self, job: Job) -> Result:
        """Have the job written; returns, or raises, what came of it once it is committed.

        A job that makes its group fail makes no other fail: each is then written alone, by the
        thread that brought it.
        """
        turn: _Turn[Job, Result] = _Turn(job)
        with self._mutex:
            if self._idle:
                self._idle -= 1
                turn.leads = True
            else:
                self._waiting.append(turn)
                self._came.notify()
        if not turn.leads:
            turn.woken.wait()
        if turn.leads:
            self._lead(turn)
        if turn.result is None:
            (turn.result,) = self._write([job])
        return turn.result

    def _lead(self, first: _Turn[Job, Result]) -> None:
        turns = [first, *self._company(self._limit - self._weight(first.job))]
        try:
            results = self._write([turn.job for turn in turns])
            for turn, result in zip(turns, results, strict=True):
                turn.result = result
        except django.db.Error:
            if len(turns) == 1:
                raise
        finally:
            self._hand_over(len(turns))
            for turn in turns[1:]:
                turn.woken.set()

    def _company(self, room: int) -> list[_Turn[Job, Result]]:
        """Those that wait, first come first, as far as there is room."""
        found = []
        with self._mutex:
            self._came.wait_for(
                lambda: 1 + len(self._waiting) >= self._company_last, self._patience
            )
            while self._waiting and (room := room - self._weight(self._waiting[0].job)) >= 0:
                found.append(self._waiting.popleft())
        return found

    def _hand_over(self, written: int) -> None:
        with self._mutex:
            self._company_last = written + len(self._waiting)
            if not self._waiting:
                self._idle += 1
                return
            following = self._waiting.popleft()
        following.leads = True
        following.woken.set()
