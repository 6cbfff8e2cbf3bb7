"""Reading the outbox and the suppressions."""

from collections.abc import Collection


def suppressed(*, customer_ids: Collection[int], channel: str) -> set[int]:
    """Those of the customers whose address must not be written to on the channel."""
    raise NotImplementedError


def message_counts(*, campaign: str) -> dict[str, dict[str, int]]:
    """How many messages of the campaign are in each state, by channel."""
    raise NotImplementedError
