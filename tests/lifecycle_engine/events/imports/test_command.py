"""``manage.py import``."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from lifecycle_engine.events.imports.events import EventWriter
from lifecycle_engine.events.models import Import, ImportState, Product

pytestmark = pytest.mark.django_db
ROWS = [{"sku": "1", "Title of it": "Tea"}, {"sku": "", "Title of it": "Jam"}]


def command(*arguments):
    told, warned = io.StringIO(), io.StringIO()
    call_command("import", *map(str, arguments), stdout=told, stderr=warned)
    return told.getvalue(), warned.getvalue()


def test_what_became_of_the_rows_is_told(write):
    told, warned = command("products", write(ROWS, "p.csv"), "--map", "Title of it=name")

    assert told == "2 rows: 1 new, 0 changed, 0 known already, 1 rejected\n"
    assert warned == "row 2: sku: is missing\n"
    assert Product.objects.get().name == "Tea"
    assert Import.objects.get().created_by == "manage.py"


def test_a_dry_run_says_so(write):
    path = write(ROWS, "p.csv")

    told, _ = command("products", path, "--map", "Title of it=name", "--dry-run")

    assert told.endswith("1 rejected (dry run: nothing is kept)\n")
    assert Product.objects.count() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "p.csv has no column for name; it has 'sku', 'Title of it'"),
        (["--map", "title=name"], "p.csv has no column 'title'"),
        (["--map", "title"], "wants COLUMN=FIELD, got 'title'"),
        (["--map", "Title of it=name", "--source", "engine"], "source can't be 'engine'"),
        (["--map", "Title of it=name", "--source", ""], "source can't be ''"),
    ],
)
def test_what_can_t_be_imported_is_told(arguments, message, write):
    with pytest.raises(CommandError, match=message):
        command("products", write(ROWS, "p.csv"), *arguments)

    assert Import.objects.count() == 0


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CommandError, match=r"p\.csv can't be read: No such file"):
        command("products", tmp_path / "p.csv")


def test_a_database_that_is_away_leaves_an_import_that_goes_on(write, monkeypatch):
    path = write([{"user_id": "1", "event": "Seen"}], "e.csv")

    def away(*_):
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(EventWriter, "write", away)
        with pytest.raises(CommandError, match="server closed the connection: the same command"):
            command("events", path)
    assert Import.objects.get().state == ImportState.RUNNING

    told, _ = command("events", path)
    assert told.startswith("1 rows: 1 new")
    assert Import.objects.get().state == ImportState.SUCCEEDED


def test_a_mistake_of_ours_fails_the_import(write, monkeypatch):
    path = write([{"user_id": "1", "event": "Seen"}], "e.csv")

    def wrong(*_):
        raise LookupError("no such thing")

    monkeypatch.setattr(EventWriter, "write", wrong)
    with pytest.raises(LookupError):
        command("events", path)

    run = Import.objects.get()
    assert (run.state, run.error) == (ImportState.FAILED, "LookupError: no such thing")
