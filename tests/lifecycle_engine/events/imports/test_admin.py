"""Imports in the admin."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from lifecycle_engine.customers.privacy_models import Access, AccessAction
from lifecycle_engine.events.imports.services import imports_advance
from lifecycle_engine.events.models import Import, ImportState, Product
from tests.lifecycle_engine.events.imports.conftest import AT
from tests.lifecycle_engine.events.imports.test_services import CSV, _storage  # noqa: F401


@pytest.fixture
def admin_user(db):
    return User.objects.create(username="admin", is_staff=True, is_superuser=True)


def page(name, run=None):
    return reverse(f"admin:events_import_{name}", args=[run.pk] if run else [])


def sent(client, content=CSV, **other):
    form = {"kind": "products", "source": "shop"} | other
    file = SimpleUploadedFile("products.csv", content)
    return client.post(page("add"), form | {"upload": file}, follow=True)


@pytest.mark.django_db
def test_staff_upload_choose_try_and_import(admin_client):
    # A file is uploaded, and its columns are shown with what they seem to be
    shown = sent(admin_client)
    run = Import.objects.get()
    assert shown.redirect_chain == [(page("change", run), 302)]
    assert (run.state, run.created_by) == (ImportState.DRAFT, "admin")
    assert '<option value="name" selected>name</option>' in shown.text
    assert '<span class="le-sub le-mono">cheap</span>' in shown.text

    # It is tried: nothing is kept
    chosen = {"column-0": "sku", "column-1": "name", "column-2": "price", "column-3": "stock"}
    admin_client.post(page("start", run), chosen | {"dry_run": "1"})
    imports_advance(at=AT, seconds=10)
    tried = admin_client.get(page("change", run))
    assert "wants a number, got &#x27;cheap&#x27;" in tried.text
    assert "Import it now" in tried.text
    assert Product.objects.count() == 0

    # And it is imported
    admin_client.post(page("start", run), {"import": "1"})
    imports_advance(at=AT, seconds=10)
    done = Import.objects.latest("pk")
    assert (done.pk != run.pk, done.dry_run, done.created, done.rejected) == (True, False, 2, 1)
    assert Product.objects.count() == 2


@pytest.mark.django_db
def test_rejected_rows_are_downloaded(admin_client):
    sent(admin_client)
    run = Import.objects.get()
    admin_client.post(
        page("start", run), {"column-0": "sku", "column-1": "name", "column-2": "price"}
    )
    imports_advance(at=AT, seconds=10)

    answer = admin_client.get(page("rejected", run))

    assert answer["Content-Disposition"] == f'attachment; filename="rejected-{run.pk}.csv"'
    assert answer.getvalue().decode().splitlines() == [
        "rejected row,rejected field,rejected reason,sku,title,price,stock",
        "2,price,\"wants a number, got 'cheap'\",2,Jam,cheap,",
    ]


@pytest.mark.django_db
def test_who_takes_rejected_rows_of_customers_out_is_written_down(admin_client):
    for kind in ("products", "customers"):
        run = Import.objects.create(kind=kind, name="rows.csv", state=ImportState.SUCCEEDED)
        admin_client.get(page("rejected", run))

    (access,) = Access.objects.filter(action=AccessAction.EXPORTED)
    assert (access.actor, access.ip_address) == ("admin", "127.0.0.1")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "content", "field", "message"),
    [
        ({}, b"", "upload", "The submitted file is empty."),
        ({}, b"PK\x03\x04abc", "upload", "products.csv is a ZIP archive: take the file out of it"),
        ({"source": "engine"}, CSV, "source", "source can&#x27;t be &#x27;engine&#x27;"),
    ],
)
def test_what_can_t_be_imported_is_refused_at_its_field(
    form, content, field, message, admin_client
):
    answer = sent(admin_client, content, **form)

    assert list(answer.context["adminform"].form.errors) == [field]
    assert message in answer.text
    assert Import.objects.count() == 0


@pytest.mark.django_db
def test_columns_that_can_t_be_are_told_and_stay_chosen(admin_client):
    sent(admin_client)
    run = Import.objects.get()

    answer = admin_client.post(
        page("start", run), {"column-1": "name", "column-3": "stock", "import": "1"}, follow=True
    )

    assert "has no column for sku" in answer.text
    assert Import.objects.get().state == ImportState.DRAFT
    assert '<option value="stock" selected>stock</option>' in answer.text
    assert '<option value="price" selected>' not in answer.text


@pytest.mark.django_db
def test_progress_is_a_part_of_the_page_that_asks_again_until_the_end(admin_client):
    sent(admin_client)
    run = Import.objects.get()
    admin_client.post(page("start", run), {"column-0": "sku", "column-1": "name"})

    under_way = admin_client.get(page("progress", run))
    imports_advance(at=AT, seconds=10)
    ended = admin_client.get(page("progress", run))

    assert 'hx-trigger="every 2s"' in under_way.text
    assert "HX-Refresh" not in under_way
    assert "hx-trigger" not in ended.text
    assert ended["HX-Refresh"] == "true"


@pytest.mark.django_db
def test_an_import_is_stopped_and_goes_on(admin_client):
    sent(admin_client)
    run = Import.objects.get()
    admin_client.post(page("start", run), {"column-0": "sku", "column-1": "name"})

    stopped = admin_client.post(page("stop", run), follow=True)
    assert "It is stopped." in stopped.text
    assert "Go on" in stopped.text
    again = admin_client.post(page("stop", run), follow=True)
    assert "products.csv is Stopped." in again.text
    admin_client.post(page("go_on", run))
    imports_advance(at=AT, seconds=10)

    run.refresh_from_db()
    assert run.state == ImportState.SUCCEEDED


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["start", "stop", "go_on", "progress", "rejected", "change", "add"]
)
def test_who_may_not_may_not(name, admin_client):
    sent(admin_client)
    run = Import.objects.get()
    staff = User.objects.create(username="staff", is_staff=True)
    client = Client()
    client.force_login(staff)
    url = page(name, None if name == "add" else run)
    reads = name in {"progress", "rejected", "change"}

    assert (client.get(url) if reads else client.post(url)).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_import"))
    assert (client.get(url) if reads else client.post(url)).status_code == (200 if reads else 403)
    assert Import.objects.get().state == ImportState.DRAFT


@pytest.mark.django_db
def test_a_file_s_text_is_only_text(admin_client):
    attack = "<img src=x onerror=alert(1)>"
    sent(admin_client, f'sku,"{attack}"\n"{attack}",y\n'.encode())
    run = Import.objects.get()

    draft = admin_client.get(page("change", run))
    admin_client.post(page("start", run), {"column-0": "sku", "column-1": "name"})
    Import.objects.update(state="failed", error=attack, name=attack)
    ended = admin_client.get(page("change", run))

    assert attack not in draft.text + ended.text
    assert "&lt;img src=x" in draft.text
    assert "&lt;img src=x" in ended.text
