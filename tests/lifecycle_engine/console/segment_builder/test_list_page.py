"""Segments by list in the admin: making one, uploading, pasting, taking out."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.translation import override

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.privacy_models import Access, AccessAction
from lifecycle_engine.events.imports.services import imports_advance
from lifecycle_engine.events.models import Import, ImportState
from lifecycle_engine.segments.models import Membership, Segment
from tests.factories.segments import NOW, SegmentFactory
from tests.lifecycle_engine.events.imports.test_services import _storage  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture
def vip():
    return SegmentFactory(key="vip", name="Best", kind="static", rule={}, as_of=NOW, size=0)


def _page(name, segment):
    return reverse(f"admin:segments_segment_{name}", args=[segment.pk])


def _import_page(name, run):
    return reverse(f"admin:events_import_{name}", args=[run.pk])


def test_staff_make_a_list_upload_try_and_import(admin_client):
    for name in ("ada", "bob"):
        Customer.objects.create(external_id=name, email=f"{name}@example.com")

    # A name is enough for a list
    admin_client.post(reverse("admin:segments_segment_add"), {"name": "Best", "by_list": "1"})
    segment = Segment.objects.get()
    assert (segment.key, segment.kind, segment.size) == ("best", "static", 0)
    assert _page("list", segment) in admin_client.get(_page("change", segment)).text

    # A file is uploaded, and its columns are to be chosen
    file = SimpleUploadedFile("best.csv", b"Mail,Name\nADA@example.com,Ada\nx@example.com,X\n")
    shown = admin_client.post(
        _page("list", segment), {"mode": "add", "field": "email", "upload": file}, follow=True
    )
    run = Import.objects.get()
    assert (run.state, run.created_by) == (ImportState.DRAFT, "admin")
    assert '<option value="email" selected>email</option>' in shown.text
    assert "Best: Put on the list" in shown.text

    # It is tried, and the rows that name nobody are told in the reader's language
    admin_client.post(_import_page("start", run), {"column-0": "email", "dry_run": "1"})
    imports_advance(at=NOW, seconds=10)
    tried = admin_client.get(_import_page("change", run)).text
    assert "Would come and go" in tried
    assert "+1 −0" in tried
    assert "no customer has it" in tried
    assert not Membership.objects.exists()
    with override("zh-hans"):
        rejected = admin_client.get(
            _import_page("rejected", run), headers={"accept-language": "zh-hans"}
        )
        assert "没有客户" in rejected.getvalue().decode()

    # And it is imported; the segment's page says who did it
    admin_client.post(_import_page("start", run), {"import": "1"})
    imports_advance(at=NOW, seconds=10)
    page = admin_client.get(_page("change", segment)).text
    assert [row.customer.external_id for row in Membership.objects.all()] == ["ada"]
    assert "best.csv" in page
    assert "First version: a list." in page


def test_what_is_pasted_goes_straight_to_the_trial(admin_client, vip):
    answer = admin_client.post(
        _page("list", vip), {"mode": "remove", "field": "external_id", "pasted": "ada\nbob"}
    )

    run = Import.objects.get()
    assert answer["Location"] == _import_page("change", run)
    assert (run.dry_run, run.mode, run.state) == (True, "remove", ImportState.QUEUED)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({}, "one of the two"),
        ({"pasted": " ,"}, "Nobody is named."),
        ({"upload": b"PK\x03\x04abc"}, "is a ZIP archive"),
        ({"pasted": "a", "mode": "burn"}, "Nothing changes yet"),
    ],
)
def test_what_can_t_be_taken_is_said_and_nothing_is_kept(form, message, admin_client, vip):
    form = {"mode": "add", "field": "email"} | form
    if "upload" in form:
        form["upload"] = SimpleUploadedFile("list.csv", form["upload"])

    answer = admin_client.post(_page("list", vip), form)

    assert (answer.status_code, message in answer.text) == (200, True)
    assert not Import.objects.exists()


def test_only_live_lists_have_the_page(admin_client):
    for segment in (
        SegmentFactory(),
        SegmentFactory(key="old", kind="static", rule={}, state="archived"),
    ):
        assert admin_client.get(_page("list", segment)).status_code == 404


def test_who_may_only_import_changes_no_list(client, vip):
    clerk = User.objects.create(username="clerk", is_staff=True)
    clerk.user_permissions.set(
        Permission.objects.filter(codename__in=("add_import", "view_import", "view_segment"))
    )
    client.force_login(clerk)
    run = Import.objects.create(
        kind="members", target="vip", mode="replace", name="x.csv", state=ImportState.DRAFT
    )

    assert client.post(_page("list", vip), {"pasted": "ada"}).status_code == 403
    for name in ("start", "stop", "go_on"):
        assert client.post(_import_page(name, run)).status_code == 403
    assert client.post(_page("members", vip)).status_code == 403
    assert Import.objects.get().state == ImportState.DRAFT


def test_who_takes_the_members_out_is_written_down(admin_client, vip):
    ada = Customer.objects.create(external_id="ada")
    Membership.objects.create(segment=vip, customer=ada, joined_at=NOW)

    answer = admin_client.post(_page("members", vip))

    assert answer["Content-Disposition"] == 'attachment; filename="vip.csv"'
    assert answer.getvalue().decode().splitlines() == [
        "external_id,joined_at",
        "ada,2017-12-01T00:00:00+00:00",
    ]
    assert Access.objects.filter(action=AccessAction.EXPORTED, actor="admin").count() == 1
