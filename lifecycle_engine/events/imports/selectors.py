"""What staff and partners see of imports."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext

from lifecycle_engine.events.imports.chunks import Place
from lifecycle_engine.events.imports.escaping import cell_escape
from lifecycle_engine.events.imports.files import file_opened
from lifecycle_engine.events.imports.mapping import SHAPES, fields_guessed
from lifecycle_engine.events.imports.tables import table_open
from lifecycle_engine.events.models import Import, ImportKind, ImportRejection

_SAMPLES = 3
_SAMPLE_LENGTH = 60
_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an uploaded file, with the field that its name says and its first values."""

    name: str
    field: str
    samples: list[str]


def import_columns(*, run: Import) -> list[Column]:
    """The columns of the file with what they seem to be.

    Raises:
        ImportFileError: the file is no longer there.
    """
    with file_opened(stored=run.stored, path=None) as file:
        table = table_open(file)
        guessed = fields_guessed(ImportKind(run.kind), table.columns)
        guessed |= {name: field for name, field in run.mapping.items() if name in table.columns}
        chunk = next(table.chunks(Place()), None)
    rows = [] if chunk is None else [row for _, row in chunk.head(_SAMPLES)]
    return [
        Column(
            name,
            guessed.get(name, ""),
            [_shown(row[name]) for row in rows if row.get(name) not in (None, "")],
        )
        for name in table.columns
    ]


def import_fields(*, kind: str, column: str) -> list[str]:
    """What a column may fill."""
    shape = SHAPES[ImportKind(kind)]
    return [*shape.fields, *([f"{shape.free}.{column}"] if shape.free else [])]


def rejected_csv(*, run: Import) -> Iterator[str]:
    """The rejected rows as a CSV file, line by line: mend the rows and import it again.

    What a spreadsheet would take for a formula is guarded, which importing takes off again.
    """
    first = ["rejected row", "rejected field", "rejected reason"]
    rejections = ImportRejection.objects.filter(imported=run).order_by("row")
    columns = list(run.columns)
    yield _line([*first, *columns])
    for rejection in rejections.iterator(chunk_size=_ONCE):
        values = _values(rejection)
        cells = [_text(values.get(name)) for name in columns]
        yield _line([str(rejection.row), rejection.field, gettext(rejection.message), *cells])


def _values(rejection: ImportRejection) -> dict[str, object]:
    try:
        values = json.loads(rejection.values)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(map(cell_escape, cells))
    return line.getvalue()


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _shown(value: object) -> str:
    text = _text(value)
    return text if len(text) <= _SAMPLE_LENGTH else f"{text[: _SAMPLE_LENGTH - 1]}…"
