"""All that is kept of a customer, as JSON, a piece at a time: a long history fits no memory."""

import json
from collections.abc import Iterator

from django.core.serializers.json import DjangoJSONEncoder

from lifecycle_engine.customers.privacy import customer_export
from lifecycle_engine.customers.selectors import profile_ids_of, root_ids


def export_lines(*, customer_id: int) -> Iterator[str]:
    """One JSON object with a member for each table; the pieces put together are the document.

    Args:
        customer_id: the customer, or a profile of it.
    """
    root_id = root_ids(profile_ids=[customer_id]).get(customer_id, customer_id)
    profile_ids = profile_ids_of(customer_ids=[root_id])
    for number, (name, rows) in enumerate(customer_export(profile_ids=profile_ids)):
        yield f"{',' if number else '{'}\n {json.dumps(name)}: ["
        for place, row in enumerate(rows()):
            text = json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)
            yield f"{',' if place else ''}\n  {text}"
        yield "\n ]"
    yield "\n}\n"
