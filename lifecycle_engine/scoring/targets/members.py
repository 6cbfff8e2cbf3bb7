"""Where the registry of scorers finds the targets that staff have made."""

import logging
from collections.abc import Iterable

from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.scoring.targets.definitions import TargetError, target_of
from lifecycle_engine.sdk import families

logger = logging.getLogger(__name__)


class TargetMembers:
    """The rows, as the registry wants them.

    Each question is one to the database, so that a target is there in every process at once. What a
    row says never changes; so what was made of it is kept.
    """

    def __init__(self) -> None:
        self._kept: dict[int, families.Target] = {}

    def target(self, key: str) -> families.Target | None:
        """The target of that key, also one that is archived."""
        row = Target.objects.filter(key=key).first() if "\0" not in key else None
        return None if row is None else self._of(row)

    def targets(self) -> Iterable[families.Target]:
        """Those that are not archived, by key."""
        rows = Target.objects.filter(archived_at=None).order_by("key")
        return [found for row in rows if (found := self._of(row)) is not None]

    def _of(self, row: Target) -> families.Target | None:
        if row.pk not in self._kept:
            try:
                self._kept[row.pk] = target_of(row)
            except TargetError:
                # A condition was taken back since: that is this scorer's trouble, not the others'.
                logger.exception("Target %s can't be read", row.key)
                return None
        return self._kept[row.pk]
