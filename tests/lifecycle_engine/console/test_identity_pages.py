"""The pages on which staff say who is who."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from lifecycle_engine.console.dashboard import stage_sizes
from lifecycle_engine.customers.identity import customers_merge, suggestions_add
from lifecycle_engine.customers.models import Merge, MergeSuggestion, SuggestionCause
from lifecycle_engine.segments.models import CustomerStage
from tests.factories.customers import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return CustomerFactory(external_id="ada", first_name="Ada", email="ada@example.com")


@pytest.fixture
def eve():
    return CustomerFactory(external_id="eve", first_name="Eve", email="", phone="+12025550100")


def page_of(customer):
    return reverse("admin:customers_customer_change", args=[customer.pk])


def merge_page(customer, other=""):
    url = reverse("admin:customers_customer_merge", args=[customer.pk])
    return f"{url}?with={other}" if other else url


def test_two_customers_are_compared_merged_and_taken_apart(admin_client, ada, eve):
    # given
    assert merge_page(ada) in admin_client.get(page_of(ada)).text
    compared = admin_client.get(merge_page(ada, "eve")).text
    assert "ada@example.com" in compared
    assert "+12025550100" in compared

    # when
    answer = admin_client.post(
        merge_page(ada, "eve"), {"stays": "other", "reason": "same person"}, follow=True
    )

    # then
    merge = Merge.objects.get()
    assert (merge.profile, merge.into, merge.actor, merge.reason) == (
        ada, eve, "admin", "same person",
    )  # fmt: skip
    assert answer.redirect_chain == [(page_of(eve), 302)]
    assert "Ada is part of Eve now." in answer.text
    whole = admin_client.get(page_of(eve)).text
    assert "ada@example.com" in whole
    listed = admin_client.get(reverse("admin:customers_customer_changelist")).text
    assert "ada@example.com" in listed
    assert page_of(ada) not in listed
    assert "same person" in whole
    part = admin_client.get(page_of(ada)).text
    assert f'href="{page_of(eve)}"' in part

    # and
    undo = reverse("admin:customers_merge_undo", args=[merge.pk])
    assert admin_client.get(undo).status_code == 405
    assert "as before" in admin_client.post(undo, follow=True).text
    assert "undone before" in admin_client.post(undo, follow=True).text
    assert f'href="{page_of(eve)}"' not in admin_client.get(page_of(ada)).text


@pytest.mark.parametrize(
    ("other", "words"),
    [("nobody", "no customer “nobody”"), ("ada", "this customer itself"), ("%00", "no customer"),
     ("99999999999999999999", "no customer"), ("%23²", "no customer")],
)  # fmt: skip
def test_who_is_not_there_is_said_and_nothing_is_merged(admin_client, ada, other, words):
    assert words in admin_client.get(merge_page(ada, other)).text
    assert words in admin_client.post(merge_page(ada, other), {"stays": "customer"}).text
    assert not Merge.objects.exists()


def test_a_visitor_is_named_by_our_own_number_and_cannot_stay(admin_client, ada):
    visitor = CustomerFactory(external_id=None, email="")
    url = merge_page(ada, f"%23{visitor.pk}")
    assert admin_client.get(url).status_code == 200

    assert "no customer number" in admin_client.post(url, {"stays": "other"}).text
    assert not Merge.objects.exists()
    admin_client.post(url, {"stays": "customer"})
    assert Merge.objects.get().profile == visitor


def test_a_suggestion_is_followed_or_dismissed(admin_client, ada, eve):
    suggestions_add(pairs=[(ada.pk, eve.pk)], cause=SuggestionCause.ANONYMOUS_ID)
    suggestion = MergeSuggestion.objects.get()
    page = reverse("admin:customers_mergesuggestion_change", args=[suggestion.pk])
    dismiss = reverse("admin:customers_mergesuggestion_dismiss", args=[suggestion.pk])
    shown = admin_client.get(page).text
    assert f"{merge_page(ada)}?with=%23{eve.pk}" in shown
    assert dismiss in shown

    assert "not suggested again" in admin_client.post(dismiss, follow=True).text

    assert dismiss not in admin_client.get(page).text
    admin_client.post(merge_page(ada, f"%23{eve.pk}"), {"stays": "customer"})
    assert "nothing to decide" in admin_client.get(page).text


def test_who_may_look_only_may_not_merge(client, ada, eve):
    bert = User.objects.create(username="bert", is_staff=True)
    bert.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(bert)

    assert merge_page(ada) not in client.get(page_of(ada)).text
    assert client.get(merge_page(ada, "eve")).status_code == 403
    assert client.post(merge_page(ada, "eve"), {"stays": "customer"}).status_code == 403
    assert client.post(reverse("admin:customers_merge_undo", args=[1])).status_code == 403
    dismiss = reverse("admin:customers_mergesuggestion_dismiss", args=[1])
    assert client.post(dismiss).status_code == 403
    assert not Merge.objects.exists()


def test_the_dashboard_counts_a_merged_customer_once(ada, eve):
    for customer in (ada, eve):
        CustomerStage.objects.create(customer=customer, stage="loyal", since=ada.created_at)
    assert stage_sizes() == {"loyal": 2}

    customers_merge(customer_id=eve.pk, into_id=ada.pk, actor="anna")

    assert stage_sizes() == {"loyal": 1}
