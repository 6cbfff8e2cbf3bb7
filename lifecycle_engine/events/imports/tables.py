"""Opening a file as a table, whichever of the three formats it has."""

from typing import BinaryIO

from lifecycle_engine.events.imports.chunks import Table
from lifecycle_engine.events.imports.files import Lines
from lifecycle_engine.events.imports.parquet_table import ParquetTable
from lifecycle_engine.events.imports.text_tables import CsvTable, JsonLinesTable, first_line

_PARQUET = b"PAR1"


def table_open(file: BinaryIO) -> Table:
    """The file as a table; what it is, its first bytes say.

    Raises:
        ImportFileError: it is none of the three formats, is damaged, or has too much in it.
    """
    beginning = file.read(4)
    file.seek(0)
    if beginning == _PARQUET:
        return ParquetTable(file)
    lines = Lines(file)
    start = lines.offset
    first = first_line(lines)
    lines.seek(start)
    return JsonLinesTable(lines) if first.lstrip().startswith(b"{") else CsvTable(lines)
