"""What the log, and what stands beside it, keeps of a customer."""

from django.db import transaction

from lifecycle_engine.core.sql import sql_execute
from lifecycle_engine.customers.privacy import Names, eraser, personal_data, personal_text
from lifecycle_engine.events.imports.services import imports_forget
from lifecycle_engine.events.models import (
    Event,
    Import,
    ImportRejection,
    QuarantinedEvent,
    Reader,
    RejectedEvent,
)

personal_data(Event, hidden={"txid"})
personal_text(RejectedEvent, "item", drop=True)
personal_text(ImportRejection, "values", drop=True)
personal_text(Reader, "error")
personal_text(QuarantinedEvent, "error")
personal_text(Import, "error")


@eraser
def files_forget(names: Names) -> int:
    """Remove uploaded files that may name the customer, once the erasure is certain."""
    # Looking for latecomers goes by profile alone: no file came in by a request under way.
    if names.contacts or names.identifiers:
        transaction.on_commit(imports_forget, robust=True)
    return 0


@eraser
def traces_erase(names: Names) -> int:
    """Remove what points at events of the customer, while they are still there."""
    params = {
        "profile_ids": list(names.profile_ids),
        "contacts": [contact for contact in names.contacts if contact],
    }
    return sql_execute("events", "quarantine_erase", params) + sql_execute(
        "events", "receipts_erase", params
    )
