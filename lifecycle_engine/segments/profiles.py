"""What the customer's profile shows of this app: segments and stage."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from lifecycle_engine.customers.profile import JSON, profile_section
from lifecycle_engine.segments.selectors import segments_of, stages_of


@profile_section("segments")
def segments_section(*, customer_ids: Sequence[int], at: datetime) -> Mapping[int, JSON]:  # noqa: ARG001 - the section's signature
    """Keys of the segments that the customer is in."""
    return segments_of(customer_ids=customer_ids)


@profile_section("stage")
def stage_section(*, customer_ids: Sequence[int], at: datetime) -> Mapping[int, JSON]:  # noqa: ARG001 - the section's signature
    """The lifecycle stage, and since when."""
    return {
        customer_id: {"stage": row.stage, "since": row.since.isoformat()}
        for customer_id, row in stages_of(customer_ids=customer_ids).items()
    }
