"""The customers' API: read one, or page through all."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers import selectors
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.profile import profiles_compose
from lifecycle_engine.customers.serializers import CustomerProfileSerializer, CustomerSerializer

_EMAIL = OpenApiParameter("email", str, description="Only customers with this address.")


@extend_schema(parameters=[_EMAIL], responses={200: CustomerSerializer(many=True), **ERRORS})
class CustomerListView(ListAPIView[Customer]):
    """Customers by the page."""

    scopes = {"GET": Scope.CUSTOMERS_READ}
    serializer_class = CustomerSerializer

    def get_queryset(self) -> QuerySet[Customer]:
        """All customers, or those that the query names."""
        return selectors.customers_list(email=self.request.query_params.get("email"))

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
    def get(self, request: Request, external_id: str) -> Response:  # noqa: ARG002
        """A customer by the shop's own number, with all that the engine knows."""
        customer = selectors.customer_by_external_id(external_id=external_id)
        if customer is None:
            raise exceptions.NotFound(f"There is no customer {external_id!r}.")
        profiles = profiles_compose(customer_ids=[customer.pk], at=business_now())
        context: dict[str, Any] = {"profiles": profiles}
        return Response(CustomerProfileSerializer(customer, context=context).data)
