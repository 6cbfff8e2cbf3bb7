"""How many requests of a process may wait for the log at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WaitingRoomFullError(Exception):
    """So many requests wait already that another one would only make all of them late."""


class WaitingRoom:
    """Counts who is inside, and lets nobody in beyond a limit."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._inside = 0

    @contextmanager
    def entered(self, *, limit: int) -> Iterator[None]:
        """Be one of those inside.

        Raises:
            WaitingRoomFullError: there are ``limit`` already.
        """
        with self._mutex:
            if self._inside >= limit:
                raise WaitingRoomFullError(
                    f"{self._inside} requests wait already, the limit is {limit}."
                )
            self._inside += 1
        try:
            yield
        finally:
            with self._mutex:
                self._inside -= 1
