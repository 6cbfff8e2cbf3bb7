"""How much a file may hold, so that none exhausts memory, disk or patience."""

#: Rows of one file.
ROWS_LIMIT = 100_000_000
#: Columns of one file.
COLUMNS_LIMIT = 500
#: Bytes of one cell; csv's own limit, which is the process's.
CELL_LIMIT = 128 * 1024
#: Bytes of one line of JSON, or of one record of a CSV file with its line breaks.
RECORD_LIMIT = 1 << 20
#: Bytes of an uploaded file.
UPLOAD_LIMIT = 2 << 30
#: Bytes that a compressed file may come to, and how many for each of its own, once it is large.
INFLATED_LIMIT = 100 << 30
INFLATION_LIMIT = 200
INFLATION_FREE = 64 << 20
#: Rows and bytes that are written in one transaction: readers of the log wait for its end.
CHUNK_ROWS = 25_000
CHUNK_BYTES = 16 << 20
#: Bytes that the rows of one chunk may come to in memory.
CHUNK_BYTES_LIMIT = 256 << 20
#: Rejected rows of one import that are kept; more are counted only.
REJECTIONS_KEPT = 100_000
#: Characters of a rejected row that are kept.
ROW_SHOWN = 32 * 1024


class ImportFileError(Exception):
    """A file can't be imported as it is; the message says why."""
