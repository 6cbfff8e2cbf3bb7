"""The page of what changed in a customer's attributes."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.privacy_models import Access
from lifecycle_engine.events.services import events_ingest
from tests.factories.events import identify

pytestmark = pytest.mark.django_db
AT = datetime(2017, 6, 1, tzinfo=UTC)


@pytest.fixture
def url():
    for number in range(60):
        said = {"size": f"<b>{number}</b>", "email": "ada@example.com"}
        item = identify(str(number), **said) | {
            "timestamp": (AT + timedelta(days=number)).isoformat()
        }
        events_ingest(source="shop", items=[item], received_at=AT + timedelta(days=90))
    return reverse("admin:customers_customer_attributes", args=[Customer.objects.get().pk])


def test_changes_are_paged_escaped_and_who_looks_is_written_down(admin_client, url):
    first = admin_client.get(url).text
    (earlier,) = re.findall(r'href="(\?at=[^"]+)"', first)
    second = admin_client.get(url + html.unescape(earlier)).text

    pages = [
        re.findall(r"<td>&lt;b&gt;(\d+)&lt;/b&gt;</td><td>shop", page) for page in (first, second)
    ]
    assert [int(number) for page in pages for number in page] == list(range(59, -1, -1))
    assert len(pages[0]) == 50
    assert "changed; the log does not hold it" in second
    assert "ada@example.com" not in first + second
    assert "<b>" not in first
    assert list(Access.objects.values_list("actor", "action")) == [("admin", "viewed")] * 2


@pytest.mark.parametrize(
    "place",
    ["?at=x", "?at=2017-06-01&event=x", "?name=%00", "?at=2017-06-01T00:00&event=" + "0" * 32],
)
def test_an_address_that_makes_no_sense_shows_the_newest(admin_client, url, place):
    assert admin_client.get(url + place).text.count('<th scope="row">size') == 50


def test_only_who_may_see_customers_sees_them(client, django_user_model, url):
    user = django_user_model.objects.create(username="other", is_staff=True)
    client.force_login(user)
    assert client.get(url).status_code == 403
    assert not Access.objects.exists()

    user.user_permissions.add(Permission.objects.get(codename="view_customer"))
    assert client.get(url).status_code == 200
    Customer.objects.all().delete()
    assert client.get(url).status_code == 404
