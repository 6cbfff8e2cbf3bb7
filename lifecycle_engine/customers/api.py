"""The customers' API: read one, or page through all."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers import selectors
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.profile import profiles_compose
from lifecycle_engine.customers.serializers import CustomerProfileSerializer, CustomerSerializer
from lifecycle_engine.customers.sharing import customers_visible

_EMAIL = OpenApiParameter("email", str, description="Only customers with this address.")


@extend_schema(parameters=[_EMAIL], responses={200: CustomerSerializer(many=True), **ERRORS})
class CustomerListView(ListAPIView[Customer]):
    """Customers by the page."""

    scopes = {"GET": Scope.CUSTOMERS_READ}
    serializer_class = CustomerSerializer

    def get_queryset(self) -> QuerySet[Customer]:
        """All customers that the key may see, or those of them that the query names."""
        customers = selectors.customers_list(email=self.request.query_params.get("email"))
        return customers_visible(customers, partner=key_of(self.request).partner, at=business_now())

    def paginate_queryset(self, queryset: Any) -> Any:
        """A page of whole customers."""
        page = super().paginate_queryset(queryset)
        if page is not None:
            selectors.customers_complete(customers=page)
        return page


class CustomerDetailView(APIView):
    """One customer with its profile."""

    scopes = {"GET": Scope.CUSTOMERS_READ}

    @extend_schema(responses={200: CustomerProfileSerializer, **ERRORS, 404: ERRORS[400]})
    def get(self, request: Request, external_id: str) -> Response:
        """A customer by the shop's own number, with all that the engine knows."""
        customer = customer_asked(request, external_id)
        profiles = profiles_compose(customer_ids=[customer.pk], at=business_now())
        context: dict[str, Any] = {"profiles": profiles}
        return Response(CustomerProfileSerializer(customer, context=context).data)


def customer_asked(request: Request, external_id: str) -> Customer:
    """The customer with the shop's number, if the request's key may see it.

    Raises:
        NotFound: there is none, or it has not consented to sharing with the key's partner: who may
            not see a customer isn't told that there is one.
    """
    customer = selectors.customer_by_external_id(external_id=external_id)
    if customer is not None:
        this = Customer.objects.filter(pk=customer.pk)
        if customers_visible(this, partner=key_of(request).partner, at=business_now()).exists():
            return customer
    raise exceptions.NotFound(f"There is no customer {external_id!r}.")
