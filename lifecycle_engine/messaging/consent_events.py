"""Consents that customers give on the engine's own pages: in the ledger, and told in the log.

The log is what segments, campaigns and the customer's page follow. The proof stays in the ledger.
"""

import hashlib
from collections.abc import Sequence

from lifecycle_engine.customers.consents import ConsentResult, ConsentRow, consents_record
from lifecycle_engine.events.recording import events_record
from lifecycle_engine.events.rows import EngineEvent

GRANTED, WITHDRAWN = "Consent Granted", "Consent Withdrawn"


def consents_say(*, rows: Sequence[ConsentRow]) -> ConsentResult:
    """Record consents, and an event for each that the ledger takes, in the caller's transaction."""
    result = consents_record(rows=rows)
    refused = {rejection.index for rejection in result.rejected}
    taken = [row for index, row in enumerate(rows) if index not in refused]
    events_record(rows=[_event(row) for row in taken])
    return result


def _event(row: ConsentRow) -> EngineEvent:
    said = {"purpose": row.purpose, "channel": row.channel, "source": row.source}
    what = (str(row.customer_id), *said.values(), row.recorded_at.isoformat(), str(row.granted))
    return EngineEvent(
        customer_id=row.customer_id,
        name=GRANTED if row.granted else WITHDRAWN,
        message_id=f"consent:{hashlib.sha256(chr(31).join(what).encode()).hexdigest()}",
        occurred_at=row.recorded_at,
        properties=said,
    )
