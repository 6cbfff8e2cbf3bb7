"""Exporting and erasing a customer from the customer's page."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from lifecycle_engine.console.site import site_context
from lifecycle_engine.core.addresses import client_address
from lifecycle_engine.customers.erasure import ErasureError, customer_erase
from lifecycle_engine.customers.exports import export_lines
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.privacy_models import AccessAction
from lifecycle_engine.customers.trail import access_note


class EraseForm(forms.Form):
    """The customer's number once more, so that nobody is erased by a slip, and why."""

    number = forms.CharField(max_length=200)
    reason = forms.CharField(max_length=500, required=False)


def staff_access_note(
    request: HttpRequest, action: AccessAction, customer_id: int | None = None
) -> None:
    """Write down that a member of staff sees or takes out personal data."""
    access_note(
        actor=request.user.get_username(),
        action=action,
        customer_id=customer_id,
        address=client_address(request),
    )


@require_POST
def customer_export_view(request: HttpRequest, customer_id: int) -> StreamingHttpResponse:
    """All that is kept of the customer, as a file."""
    customer = _customer(request, customer_id, "customers.export_customer")
    staff_access_note(request, AccessAction.EXPORTED, customer.pk)
    return StreamingHttpResponse(
        export_lines(customer_id=customer.pk),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="customer-{customer.pk}.json"'},
    )


def customer_erase_view(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Say what an erasure means; by POST, with the number typed once more, erase."""
    customer = _customer(request, customer_id, "customers.erase_customer")
    number = customer.external_id or str(customer.pk)
    form = EraseForm(request.POST or None)
    error = ""
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["number"].strip() != number:
            error = _("“%(typed)s” is not the number of this customer.") % {
                "typed": form.cleaned_data["number"]
            }
        else:
            return _erased(request, customer, form.cleaned_data["reason"])
    context: dict[str, Any] = {
        **site_context(request),
        "opts": Customer._meta,  # noqa: SLF001 - the admin's templates want it
        "title": _("Erase %(name)s") % {"name": customer},
        "customer": customer,
        "number": number,
        "form": form,
        "error": error,
    }
    return TemplateResponse(request, "console/erase.html", context)


def _erased(request: HttpRequest, customer: Customer, reason: str) -> HttpResponse:
    try:
        customer_erase(
            customer_id=customer.pk,
            actor=request.user.get_username(),
            reason=reason,
            at=timezone.now(),
        )
    except ErasureError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("The customer is erased. The columnar copy follows within minutes.")
        )
    return HttpResponseRedirect(reverse("admin:customers_erasure_changelist"))


def _customer(request: HttpRequest, customer_id: int, permission: str) -> Customer:
    if not request.user.has_perm(permission):
        raise PermissionDenied
    return get_object_or_404(Customer, pk=customer_id, merged_into=None, erased_at=None)
