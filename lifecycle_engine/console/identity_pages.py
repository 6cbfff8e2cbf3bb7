"""Pages on who is who: two customers beside each other, and what staff decide about them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from lifecycle_engine.console.site import site_context
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.customers.identity import MergeError, suggestion_dismiss
from lifecycle_engine.customers.models import Customer, Identifier, Merge, MergeSuggestion
from lifecycle_engine.customers.selectors import (
    customer_by_external_id,
    customers_whole,
    profile_ids_of,
)
from lifecycle_engine.events.identity import customers_merge, merge_undo

_SHOWN_IDENTIFIERS = 5
_SHOWN_MERGES = 10


@dataclass(frozen=True)
class Compared:
    """One line of the comparison."""

    label: str
    first: str
    second: str

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return self.first == self.second


def identity_context(request: HttpRequest, customer: Customer) -> dict[str, Any]:
    """What the customer's page says of who the customer is."""
    live = Merge.objects.filter(undone_at=None).select_related("profile", "into")
    whole = profile_ids_of(customer_ids=[customer.merged_into_id or customer.pk])
    return {
        "part_of": customer.merged_into,
        "merges": live.filter(profile__in=whole).order_by("merged_at")[:_SHOWN_MERGES],
        "may_merge": request.user.has_perm("customers.add_merge"),
    }


def suggestion_context(request: HttpRequest, suggestion: MergeSuggestion) -> dict[str, Any]:
    """Two customers who may be one."""
    pair = [suggestion.first_id, suggestion.second_id]
    whole = customers_whole(profile_ids=pair)
    first, second = (whole.get(customer_id) for customer_id in pair)
    one = first is None or second is None or first.pk == second.pk
    return {
        "suggestion": suggestion,
        "title": _("Possible duplicate"),
        "first": first,
        "second": second,
        "lines": [] if first is None or second is None or one else _compared(first, second),
        "may_merge": request.user.has_perm("customers.add_merge"),
    }


def merge_view(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Two customers beside each other; by POST one becomes part of the other."""
    _allowed(request)
    customer = _whole(customer_id)
    other, error = _other(request, customer)
    if request.method == "POST" and other is not None:
        stays, leaves = (
            (other, customer) if request.POST.get("stays") == "other" else (customer, other)
        )
        try:
            customers_merge(
                customer_id=leaves.pk,
                into_id=stays.pk,
                actor=request.user.get_username(),
                reason=request.POST.get("reason", "")[:500],
                at=business_now(),
            )
        except MergeError as problem:
            error = str(problem)
        else:
            names = {"part": leaves, "whole": stays}
            messages.success(request, _("%(part)s is part of %(whole)s now.") % names)
            return _to_customer(stays.pk)
    context = {
        **site_context(request),
        "opts": Customer._meta,  # noqa: SLF001 - the admin's templates want it
        "title": _("Merge %(name)s") % {"name": customer},
        "customer": customer,
        "other": other,
        "number": request.GET.get("with", ""),
        "error": error,
        "lines": _compared(customer, other) if other else [],
    }
    return TemplateResponse(request, "console/merge.html", context)


@require_POST
def merge_undo_view(request: HttpRequest, merge_id: int) -> HttpResponse:
    """Take two customers apart again."""
    _allowed(request)
    merge = get_object_or_404(Merge, pk=merge_id)
    try:
        merge_undo(merge_id=merge.pk, actor=request.user.get_username(), at=business_now())
    except MergeError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("They are two customers again, as before."))
    return _to_customer(merge.profile_id)


@require_POST
def suggestion_dismiss_view(request: HttpRequest, suggestion_id: int) -> HttpResponse:
    """Say that two customers are two."""
    _allowed(request)
    suggestion = get_object_or_404(MergeSuggestion, pk=suggestion_id)
    suggestion_dismiss(
        suggestion_id=suggestion.pk, actor=request.user.get_username(), at=business_now()
    )
    messages.success(request, _("They stay two customers, and are not suggested again."))
    return HttpResponseRedirect(reverse("admin:customers_mergesuggestion_changelist"))


def _allowed(request: HttpRequest) -> None:
    if not request.user.has_perm("customers.add_merge"):
        raise PermissionDenied


def _whole(customer_id: int) -> Customer:
    profile = get_object_or_404(Customer, pk=customer_id, erased_at=None)
    return customers_whole(profile_ids=[profile.pk])[profile.pk]


def _other(request: HttpRequest, customer: Customer) -> tuple[Customer | None, str]:
    """The customer to compare with, or why there is none."""
    number = request.GET.get("with", "").strip()
    if not number:
        return None, ""
    # A visitor has no number; a link from the suggestions names it by its own.
    found = customer_by_external_id(external_id=number)
    if found is None and number.removeprefix("#").isdecimal() and len(number) < 19:
        whole = customers_whole(profile_ids=[int(number.removeprefix("#"))])
        found = next(iter(whole.values()), None)
    if found is None:
        return None, _("There is no customer “%(number)s”.") % {"number": number}
    if found.pk == customer.pk:
        return None, _("“%(number)s” is this customer itself.") % {"number": number}
    return found, ""


def _compared(one: Customer, two: Customer) -> list[Compared]:
    lines: list[tuple[str, Callable[[Customer], str]]] = [
        (_("Customer number"), lambda c: c.external_id or ""),
        (_("Name"), lambda c: f"{c.first_name} {c.last_name}".strip()),
        (_("E-mail"), lambda c: c.email),
        (_("Telephone"), lambda c: c.phone),
        (_("Country"), lambda c: c.country),
        (_("Language"), lambda c: c.language),
        (_("First seen"), lambda c: date_format(localtime(c.created_at), "DATETIME_FORMAT")),
        (_("Known as"), _identifiers),
        (
            _("Attributes"),
            lambda c: ", ".join(f"{k}: {v}" for k, v in sorted(c.attributes.items())),
        ),
    ]
    return [Compared(label, value(one), value(two)) for label, value in lines]


def _identifiers(customer: Customer) -> str:
    ids = profile_ids_of(customer_ids=[customer.pk])
    found = Identifier.objects.filter(customer__in=ids).order_by("kind", "value")
    return ", ".join(found.values_list("value", flat=True)[:_SHOWN_IDENTIFIERS])


def _to_customer(customer_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:customers_customer_change", args=[customer_id]))
