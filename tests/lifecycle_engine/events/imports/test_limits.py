"""Files that would exhaust memory, disk or patience are refused in little of each."""

import gzip
import io
import resource

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.events.imports import limits, parquet_table, text_tables
from lifecycle_engine.events.imports.chunks import Place
from lifecycle_engine.events.imports.escaping import cell_escape, cell_unescape
from lifecycle_engine.events.imports.limits import ImportFileError
from lifecycle_engine.events.imports.tables import table_open


def chunks(content, place=None):
    return list(table_open(io.BytesIO(content)).chunks(place or Place()))


def rows(content):
    return [row for chunk in chunks(content) for _, row in chunk.read()[0]]


def refused(content):
    return [(r.row, r.message) for chunk in chunks(content) for r in chunk.refused]


def memory():
    """The most memory that this process has ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def test_a_gzip_bomb_is_stopped_while_it_is_inflated(monkeypatch):
    monkeypatch.setattr("lifecycle_engine.events.imports.files.INFLATION_FREE", 16 << 20)
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb") as file:
        file.write(b"sku,name\n")
        for _ in range(100):
            file.write((b"1," + b"x" * 9_997 + b"\n") * 100)
    before = memory()

    with pytest.raises(ImportFileError, match="when it is inflated"):
        for _ in table_open(io.BytesIO(bomb.getvalue())).chunks(Place()):
            pass

    assert memory() - before < 150 << 20


def test_a_bomb_of_blanks_is_one_row_too_long():
    bomb = gzip.compress(b'{"a": 1}\n' + b" " * (40 << 20) + b'\n{"a": 2}\n')

    assert rows(bomb) == [{"a": 1}, {"a": 2}]
    assert refused(bomb) == [(2, "has more than 1048576 bytes")]


def test_text_that_a_small_parquet_file_says_often_is_counted_before_it_is_written_out():
    # 40,000 rows that say 100,000 characters each: four gigabytes in a file of some kilobytes
    word = pa.DictionaryArray.from_arrays(pa.array([0] * 40_000, pa.int32()), ["x" * 100_000])
    file = io.BytesIO()
    pq.write_table(pa.table({"sku": word}), file)
    assert file.tell() < 1 << 20
    before = memory()

    with pytest.raises(ImportFileError, match="rows up to row 25000 that come to more than"):
        chunks(file.getvalue())

    assert memory() - before < 256 << 20


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr("lifecycle_engine.events.imports.chunks.ROWS_LIMIT", 10)
    file = io.BytesIO()
    pq.write_table(pa.table({"sku": ["x"] * 11}), file)

    for content in (file.getvalue(), b"sku\n" + b"x\n" * 11, b'{"sku": 1}\n' * 11):
        with pytest.raises(ImportFileError, match="more than 10 rows"):
            chunks(content)


def test_a_quote_that_is_not_closed_takes_one_record_and_no_more():
    long = b'sku,name\n1,a\n2,"' + b"x" * 60 + b"\n" * 3 + b"y" * (limits.CELL_LIMIT + 10)
    content = long + b"\n3,c\n"

    assert [row["sku"] for row in rows(content)] == ["1", "3"]
    assert [row for row, _ in refused(content)] == [2]


def test_rows_that_are_no_rows_are_refused_one_by_one():
    content = b'a;b\n1;2\n1\n1;2;3\n\n\xff;2\n"x";"y\nz"\n'

    assert rows(content) == [{"a": "1", "b": "2"}, {"a": "x", "b": "y\nz"}]
    assert refused(content) == [
        (2, "has 1 cells, the header has 2"),
        (3, "has 3 cells, the header has 2"),
        (4, "is not text in UTF-8"),
    ]


def test_lines_that_are_no_objects_are_refused_one_by_one():
    content = b'\xef\xbb\xbf{"a": 1}\n[1]\n{"a": \n{"a": "\\u0000"}\n\n{"a": 2}'

    (chunk,) = chunks(content)
    good, bad = chunk.read()

    assert good == [(1, {"a": 1}), (5, {"a": 2})]
    assert [(refusal.row, refusal.field) for refusal in bad] == [(2, "row"), (3, "row"), (4, "a")]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("content", [b"a,b\n" + b'1,"x\ny"\n\n' * 50, b'{"a": 1}\n\n' * 50])
def test_a_file_goes_on_from_any_chunk(content, compressed, monkeypatch):
    monkeypatch.setattr(text_tables, "CHUNK_ROWS", 7)
    content = gzip.compress(content) if compressed else content
    whole = chunks(content)
    assert whole[-1].rows == 50

    for at, chunk in enumerate(whole):
        rest = chunks(content, Place(chunk.rows, chunk.offset))
        assert [c.numbers for c in rest] == [c.numbers for c in whole[at + 1 :]]


@pytest.mark.parametrize("after", [0, 1, 9, 10, 11, 35, 49, 50])
def test_a_parquet_file_goes_on_from_any_row(after, monkeypatch):
    monkeypatch.setattr(parquet_table, "CHUNK_ROWS", 7)
    file = io.BytesIO()
    pq.write_table(pa.table({"n": range(1, 51), "x": ["y"] * 50}), file, row_group_size=10)

    rest = chunks(file.getvalue(), Place(after, columns=["n"]))

    found = [(number, row["n"]) for chunk in rest for number, row in chunk.read()[0]]
    assert found == [(number, number) for number in range(after + 1, 51)]
    assert all(chunk.table.column_names == ["n"] for chunk in rest)


@given(st.text())
def test_a_guarded_cell_comes_back_as_it_was(text):
    assert cell_unescape(cell_escape(text)) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), (" =1+1", "' =1+1"), ("\"=1", "'\"=1"), ("@x", "'@x"), ("\tx", "'\tx"),
        ("+49 170", "'+49 170"), ("-5", "-5"), ("-5,5", "-5,5"), ("-5+1", "'-5+1"), ("a=b", "a=b"),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_would_run_is_guarded(text, cell):
    assert cell_escape(text) == cell
