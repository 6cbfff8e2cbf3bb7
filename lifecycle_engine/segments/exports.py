"""Who is in a segment, as a CSV file that can be uploaded to a list again."""

import csv
import io
from collections.abc import Iterator

from lifecycle_engine.events.imports.escaping import cell_escape
from lifecycle_engine.segments.models import Membership

_ONCE = 5_000


def members_csv(*, segment_id: int) -> Iterator[str]:
    """Each member's customer number and since when they are one, in pieces.

    What a spreadsheet would take for a formula is guarded, which uploading takes off again.
    """
    rows = Membership.objects.filter(segment_id=segment_id).order_by("customer_id")
    yield _lines([("external_id", "joined_at")])
    page: list[tuple[str, str]] = []
    for number, joined_at in rows.values_list("customer__external_id", "joined_at").iterator(
        chunk_size=_ONCE
    ):
        page.append((cell_escape(number or ""), joined_at.isoformat()))
        if len(page) == _ONCE:
            yield _lines(page)
            page = []
    yield _lines(page)


def _lines(rows: list[tuple[str, str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
