"""One worker at a time trains or runs a scorer, and none while it is off."""

from collections.abc import Iterator
from contextlib import contextmanager

from lifecycle_engine.core.locks import advisory_lock
from lifecycle_engine.scoring.errors import ScorerBusyError, ScorerOffError
from lifecycle_engine.scoring.models import ScorerMode
from lifecycle_engine.scoring.selectors import scorer_mode


@contextmanager
def scorer_turn(scorer_key: str) -> Iterator[None]:
    """Have the scorer to oneself for the length of the block, or until the process is killed.

    Raises:
        ScorerBusyError: another worker trains or runs it.
        ScorerOffError: staff have switched it off.
    """
    if scorer_mode(scorer_key=scorer_key) is ScorerMode.OFF:
        raise ScorerOffError(f"Scorer {scorer_key} is switched off")
    with advisory_lock(f"scoring:{scorer_key}") as free:
        if not free:
            raise ScorerBusyError(f"Scorer {scorer_key} is being trained or run by another worker")
        yield
