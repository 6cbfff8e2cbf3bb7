"""Imports of uploaded files: in the background, stopped, gone on with, cleared away."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.utils import timezone

from lifecycle_engine.events.imports import text_tables
from lifecycle_engine.events.imports.limits import ImportFileError
from lifecycle_engine.events.imports.selectors import import_columns, rejected_csv
from lifecycle_engine.events.imports.services import (
    ImportStateError,
    import_go_on,
    import_start,
    import_stop,
    import_upload,
    imports_advance,
    imports_sweep,
)
from lifecycle_engine.events.models import Import, ImportRejection, ImportState, Product
from lifecycle_engine.events.services import SourceError
from lifecycle_engine.events.tasks import run_imports
from tests.lifecycle_engine.events.imports.conftest import AT

CSV = b"sku,title,price,stock\n1,Tea,2.5,3\n2,Jam,cheap,\n3,Ink,4,\n"


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path):
    """Uploaded files in a folder of the test's own."""
    default = settings.STORAGES["default"] | {"OPTIONS": {"location": tmp_path / "storage"}}
    settings.STORAGES = settings.STORAGES | {"default": default}
    assert storages["default"].location == str(tmp_path / "storage")


@pytest.fixture
def upload():
    def uploaded(content=CSV, *, name="products.csv", mapping=None, kind="products", **how):
        return import_upload(
            kind=kind,
            source=how.pop("source", "shop"),
            file=ContentFile(content, name=name),
            mapping=mapping,
            dry_run=how.pop("dry_run", False),
            by="ada",
        )

    return uploaded


@pytest.mark.django_db
def test_an_uploaded_file_waits_for_its_columns(upload):
    run = upload()

    assert (run.state, run.columns) == (ImportState.DRAFT, ["sku", "title", "price", "stock"])
    assert (run.name, run.size, run.created_by) == ("products.csv", len(CSV), "ada")
    columns = import_columns(run=run)
    assert [(column.name, column.field) for column in columns] == [
        ("sku", "sku"), ("title", "name"), ("price", "price"), ("stock", "stock"),
    ]  # fmt: skip
    assert columns[2].samples == ["2.5", "cheap", "4"]
    assert not imports_advance(at=AT, seconds=10)
    assert Product.objects.count() == 0


@pytest.mark.django_db
def test_a_file_is_tried_and_then_imported(upload, figures):
    draft = upload()
    mapping = {"sku": "sku", "title": "name", "price": "price", "stock": ""}

    tried = import_start(import_id=draft.pk, mapping=mapping, dry_run=True, by="bob")
    imports_advance(at=AT, seconds=10)
    tried.refresh_from_db()
    assert (tried.pk, tried.state, figures(tried)) == (draft.pk, "succeeded", (3, 2, 0, 0, 1))
    assert Product.objects.count() == 0

    done = import_start(import_id=tried.pk, mapping=tried.mapping, dry_run=False, by="bob")
    imports_advance(at=AT, seconds=10)
    done.refresh_from_db()
    assert (done.state, figures(done), done.created_by) == ("succeeded", (3, 2, 0, 0, 1), "bob")
    assert done.pk != tried.pk
    assert dict(Product.objects.values_list("sku", "stock")) == {"1": None, "3": None}


@pytest.mark.django_db
def test_a_task_is_told_of_an_upload(upload, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        upload(mapping={})
    assert len(callbacks) == 1

    run_imports()

    assert Import.objects.get().state == ImportState.SUCCEEDED


@pytest.mark.django_db
def test_an_upload_s_own_name_names_no_file(upload):
    run = upload(name="../../etc/passwd\0.csv")

    assert default_storage.listdir("imports")[1] == [Path(run.stored).name]
    assert ".." not in run.stored
    assert "\0" not in run.name


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("_case", "content", "message"),
    [
        ("nothing", b"", "is empty"),
        ("blank lines", b"\n\n", "is empty"),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "has no header that can be read"),
        ("a program", b"\x7fELF\2\1\1\0\0\0", "is neither CSV, nor JSON Lines"),
        ("an archive", b"PK\x03\x04" + b"x" * 50, "is a ZIP archive"),
        ("broken gzip", b"\x1f\x8b\x08\0" + b"x" * 50, "is damaged"),
        ("broken Parquet", b"PAR1" + b"x" * 50, "is no Parquet file"),
        ("two alike", b"sku,sku,name\n", "two columns with one name: sku"),
        ("too many", b",".join(b"c%d" % n for n in range(501)), "has 501 columns"),
        ("no SKU", b"name\nTea\n", "has no column for sku"),
    ],
)
def test_a_file_that_is_none_is_refused_and_not_kept(_case, content, message, upload):
    with pytest.raises(ImportFileError, match=message):
        upload(content, mapping={})

    assert Import.objects.count() == 0
    assert not default_storage.exists("imports")


@pytest.mark.django_db
def test_the_engine_s_own_source_is_refused(upload):
    with pytest.raises(SourceError, match="'engine'"):
        upload(source="engine")

    assert Import.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"colour": "name"}, "has no column 'colour'"),
        ({"title": "nonsense"}, "can't fill 'nonsense'"),
        ({"title": "name", "price": "name"}, "two columns for name"),
        ({"sku": ""}, "has no column for sku"),
    ],
)
def test_columns_that_can_t_be_are_refused(mapping, message, upload):
    run = upload()

    with pytest.raises(ImportFileError, match=message):
        import_start(import_id=run.pk, mapping=mapping, dry_run=False, by="bob")

    run.refresh_from_db()
    assert (run.state, run.mapping) == (ImportState.DRAFT, {})


@pytest.mark.django_db
def test_an_import_is_stopped_and_goes_on(upload, monkeypatch, figures):
    monkeypatch.setattr(text_tables, "CHUNK_ROWS", 1)
    run = upload(mapping={})
    assert imports_advance(at=AT, seconds=0)

    import_stop(import_id=run.pk)
    assert not imports_advance(at=AT, seconds=10)
    with pytest.raises(ImportStateError, match=r"products\.csv is Stopped"):
        import_stop(import_id=run.pk)
    run.refresh_from_db()
    assert (run.state, figures(run)) == (ImportState.STOPPED, (1, 1, 0, 0, 0))

    import_go_on(import_id=run.pk)
    assert not imports_advance(at=AT, seconds=10)
    run.refresh_from_db()
    assert (run.state, figures(run)) == (ImportState.SUCCEEDED, (3, 2, 0, 0, 1))
    with pytest.raises(ImportStateError):
        import_go_on(import_id=run.pk)


@pytest.mark.django_db
def test_a_file_that_is_gone_fails_the_import(upload):
    run = upload(mapping={})
    default_storage.delete(run.stored)

    imports_advance(at=AT, seconds=10)

    run.refresh_from_db()
    assert (run.state, run.error) == (
        ImportState.FAILED,
        "products.csv can't be read: No such file or directory",
    )
    with pytest.raises(ImportStateError, match="no longer there"):
        import_start(import_id=run.pk, mapping={}, dry_run=False, by="bob")


@pytest.mark.django_db
def test_files_and_rejected_rows_go_after_two_weeks(upload):
    old, new, waiting = upload(mapping={}), upload(mapping={}), upload()
    imports_advance(at=AT, seconds=10)
    ago = timezone.now() - timedelta(days=14, hours=1)
    Import.objects.filter(pk__in=[old.pk, waiting.pk]).update(created_at=ago)

    removed = imports_sweep(at=timezone.now())

    assert removed == 2
    assert default_storage.listdir("imports")[1] == [Path(new.stored).name]
    assert list(ImportRejection.objects.values_list("imported", flat=True)) == [new.pk]
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error) == (ImportState.FAILED, "was not started")


@pytest.mark.django_db
def test_a_file_that_another_import_still_needs_stays(upload):
    old = upload()
    Import.objects.filter(pk=old.pk).update(state=ImportState.SUCCEEDED)
    again = import_start(import_id=old.pk, mapping={}, dry_run=False, by="bob")
    ago = timezone.now() - timedelta(days=20)
    Import.objects.filter(pk=old.pk).update(created_at=ago)

    assert imports_sweep(at=timezone.now()) == 0
    assert default_storage.exists(again.stored)


@pytest.mark.django_db
def test_rejected_rows_can_be_mended_and_imported(upload, figures):
    content = (
        "sku,title,price,attributes.note\n"
        '1,"=HYPERLINK(""http://x.example"")",cheap,-5\n2,"Tea, ""green""",,\n,x,,\n'
    )
    upload(content.encode(), mapping={})
    imports_advance(at=AT, seconds=10)

    text = "".join(rejected_csv(run=Import.objects.get()))

    header, first, second = text.splitlines()
    assert header == ("rejected row,rejected field,rejected reason,sku,title,price,attributes.note")
    # The formula is guarded, the negative number is not.
    assert first == (
        """1,price,"wants a number, got 'cheap'",1,"'=HYPERLINK(""http://x.example"")",cheap,-5"""
    )
    assert second == "3,sku,is missing,,x,,"
    mended = text.replace(",cheap,", ",7,").replace("\r\n", "\n")
    upload(mended.encode(), mapping={})
    imports_advance(at=AT, seconds=10)
    assert figures(Import.objects.latest("pk")) == (2, 1, 0, 0, 1)
    assert Product.objects.get(sku="1").name == '=HYPERLINK("http://x.example")'
    assert Product.objects.get(sku="1").attributes == {"note": -5}


@pytest.mark.django_db
def test_rejections_are_kept_up_to_a_limit(upload, monkeypatch):
    monkeypatch.setattr("lifecycle_engine.events.imports.running.REJECTIONS_KEPT", 3)
    monkeypatch.setattr(text_tables, "CHUNK_ROWS", 2)
    rows = [{"sku": "", "name": str(number)} for number in range(5)]
    upload("\n".join(map(json.dumps, rows)).encode(), mapping={})

    imports_advance(at=AT, seconds=10)

    assert Import.objects.get().rejected == 5
    assert list(ImportRejection.objects.order_by("row").values_list("row", flat=True)) == [1, 2, 3]
