"""Files for lists: who is known, what becomes of the list, and that it changes all at once."""

import pytest
from django.core.files.base import ContentFile

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.events.imports import running, text_tables
from lifecycle_engine.events.imports.services import import_start, imports_advance
from lifecycle_engine.events.models import Import, ImportState, ListMode
from lifecycle_engine.segments import lists, touched, uploads
from lifecycle_engine.segments.exports import members_csv
from lifecycle_engine.segments.lists import ListError, list_change
from lifecycle_engine.segments.models import (
    Membership,
    MembershipChange,
    Segment,
    StagedProfile,
)
from tests.factories.segments import NOW, SegmentFactory, rule
from tests.lifecycle_engine.events.imports.test_services import _storage  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(settings):
    settings.ENGINE_NOW = NOW


@pytest.fixture
def vip():
    return SegmentFactory(key="vip", kind="static", rule={}, as_of=NOW, size=0)


@pytest.fixture
def people():
    """Ada and Bob, Cy who shares Bob's telephone, and old-ada who is part of Ada."""
    made = {
        name: Customer.objects.create(
            external_id=name,
            email=f"{name}@example.com",
            phone="+49 30 1" if name == "ada" else "+49 30 2",
        )
        for name in ("ada", "bob", "cy")
    }
    made["old-ada"] = Customer.objects.create(external_id="old-ada", merged_into=made["ada"])
    return made


def _upload(segment, text, *, mode=ListMode.ADD, mapping=None, dry_run=False):
    file = ContentFile(text.encode(), name="list.csv")
    run = uploads.list_upload(segment=segment, file=file, mode=mode, by="eve")
    import_start(import_id=run.pk, mapping=mapping or {}, dry_run=dry_run, by="eve")
    imports_advance(at=NOW, seconds=60)
    run.refresh_from_db()
    return run


def _names(segment):
    rows = Membership.objects.filter(segment=segment)
    return sorted(rows.values_list("customer__external_id", flat=True))


def test_customers_are_known_by_number_address_or_telephone(vip, people):
    text = (
        "customer_id,e-mail,phone,note\n"
        "ada,,,\n"
        ",BOB@example.com,,by address\n"
        ",,+49-30-1,ada again\n"
        "old-ada,,,a part of ada\n"
        "nobody,bob@example.com,,the number is what counts\n"
        ",,+49 30 2,of two\n"
        ",,,empty\n"
    )
    run = _upload(vip, text)

    assert run.state == ImportState.SUCCEEDED
    assert (run.rows, run.created, run.unchanged, run.rejected) == (7, 3, 1, 3)
    assert run.figures == {"customers": 2, "merged": 1, "joined": 2, "left": 0}
    assert list(run.rejections.order_by("row").values_list("row", "field", "message")) == [
        (5, "external_id", "no customer has it"),
        (6, "phone", "more than one customer has it"),
        (7, "row", "names nobody: it is empty"),
    ]
    assert _names(vip) == ["ada", "bob"]
    changes = MembershipChange.objects.values_list("kind", "cause", "at")
    assert set(changes) == {("joined", f"import:{run.pk}", NOW)}
    assert Segment.objects.get(pk=vip.pk).size == 2
    assert not StagedProfile.objects.exists()


@pytest.mark.parametrize(
    ("mode", "joined", "left", "after"),
    [
        (ListMode.ADD, 1, 0, ["ada", "bob", "cy"]),
        (ListMode.REMOVE, 0, 1, ["ada"]),
        (ListMode.REPLACE, 1, 1, ["bob", "cy"]),
    ],
)
def test_a_dry_run_tells_what_the_list_becomes_and_then_it_does(
    mode, joined, left, after, vip, people
):
    list_change(segment=vip, customers=["ada", "bob"], member=True, at=NOW, cause="api")
    text = "external_id\nbob\ncy\nbob\n"

    tried = _upload(vip, text, mode=mode, dry_run=True)
    assert _names(vip) == ["ada", "bob"]
    import_start(import_id=tried.pk, mapping=tried.mapping, dry_run=False, by="eve")
    imports_advance(at=NOW, seconds=60)

    done = Import.objects.latest("pk")
    assert (done.pk != tried.pk, done.mode, done.target) == (True, mode, "vip")
    told = {"customers": 2, "merged": 0, "joined": joined, "left": left}
    assert tried.figures == done.figures == told
    assert (tried.created, tried.unchanged) == (done.created, done.unchanged) == (2, 1)
    assert _names(vip) == after


def test_who_is_named_over_chunks_counts_once_also_in_a_dry_run(vip, people, monkeypatch):
    monkeypatch.setattr(text_tables, "CHUNK_ROWS", 2)

    run = _upload(vip, "external_id\nada\nbob\nada\nada\nbob\n", dry_run=True)

    assert (run.created, run.unchanged, run.figures["joined"]) == (2, 3, 2)
    assert (_names(vip), StagedProfile.objects.count()) == ([], 0)


def test_a_list_is_the_old_one_until_all_is_read_and_goes_on_where_it_stopped(
    vip, people, monkeypatch
):
    monkeypatch.setattr(text_tables, "CHUNK_ROWS", 1)
    file = ContentFile(b"external_id\nada\nbob\ncy\n", name="list.csv")
    run = uploads.list_upload(segment=vip, file=file, mode=ListMode.ADD, by="eve")
    import_start(import_id=run.pk, mapping={}, dry_run=False, by="eve")

    def killed(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(running, "_finished", killed)
        with pytest.raises(KeyboardInterrupt):
            imports_advance(at=NOW, seconds=60)
    assert (_names(vip), StagedProfile.objects.count()) == ([], 3)

    imports_advance(at=NOW, seconds=60)

    run.refresh_from_db()
    assert (run.state, run.rows, run.created) == (ImportState.SUCCEEDED, 3, 3)
    assert _names(vip) == ["ada", "bob", "cy"]


def test_nobody_known_empties_no_list(vip, people):
    list_change(segment=vip, customers=["ada"], member=True, at=NOW, cause="api")

    run = _upload(vip, "external_id\nx\ny\n", mode=ListMode.REPLACE)

    assert run.state == ImportState.FAILED
    assert "the list stays as it is" in run.error
    assert _names(vip) == ["ada"]


def test_a_list_that_is_archived_meanwhile_is_not_changed(vip, people):
    file = ContentFile(b"external_id\nada\n", name="list.csv")
    run = uploads.list_upload(segment=vip, file=file, mode=ListMode.ADD, by="eve")
    Segment.objects.update(state="archived")
    import_start(import_id=run.pk, mapping={}, dry_run=False, by="eve")
    imports_advance(at=NOW, seconds=60)

    run.refresh_from_db()
    assert (run.state, _names(vip)) == (ImportState.FAILED, [])
    with pytest.raises(ListError, match="archived"):
        uploads.list_upload(segment=Segment.objects.get(), file=file, mode=ListMode.ADD, by="eve")


def test_what_is_pasted_is_tried_at_once(vip, people):
    run = uploads.list_paste(
        segment=vip,
        text="ada@example.com, nobody@example.com;\nBob@Example.com\r\n\n",
        field="email",
        mode=ListMode.ADD,
        by="eve",
    )
    imports_advance(at=NOW, seconds=60)

    run.refresh_from_db()
    assert (run.dry_run, run.created, run.rejected, run.figures["joined"]) == (True, 2, 1, 2)
    assert _names(vip) == []


def test_telephones_that_look_like_formulas_are_pasted_as_they_are(vip, people):
    run = uploads.list_paste(
        segment=vip, text="+49 30 1", field="phone", mode=ListMode.ADD, by="eve"
    )
    imports_advance(at=NOW, seconds=60)

    run.refresh_from_db()
    assert (run.created, run.rejected) == (1, 0)


@pytest.mark.parametrize("text", ["", " , ;\n", "x\n" * 10_001])
def test_nobody_and_too_many_are_not_taken(text, vip):
    with pytest.raises(ListError):
        uploads.list_paste(segment=vip, text=text, field="email", mode=ListMode.ADD, by="eve")
    assert not Import.objects.exists()


@pytest.mark.parametrize("few", [True, False])
def test_segments_that_read_the_list_hear_of_it(few, vip, people, monkeypatch):
    reader = SegmentFactory(rule=rule({"condition": "segment.member", "segment": "vip"}), as_of=NOW)
    if not few:
        monkeypatch.setattr(lists, "LIST_AT_MOST", 1)

    _upload(vip, "external_id\nada\nbob\n")

    reader.refresh_from_db()
    touched_ids = set(touched.TouchedCustomer.objects.values_list("customer_id", flat=True))
    assert touched_ids == ({people["ada"].pk, people["bob"].pk} if few else set())
    assert (reader.refresh_due_at is None) is few


def test_members_come_out_as_a_file_that_can_go_in_again(vip, people):
    Customer.objects.create(external_id="=1+1")
    list_change(segment=vip, customers=["ada", "=1+1"], member=True, at=NOW, cause="api")

    text = "".join(members_csv(segment_id=vip.pk))
    assert "'=1+1" in text
    run = _upload(vip, text, mode=ListMode.REPLACE)

    assert (run.created, run.rejected, run.figures["joined"], run.figures["left"]) == (2, 0, 0, 0)
