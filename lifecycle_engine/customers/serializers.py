"""Customers as the API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lifecycle_engine.customers.models import Customer


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    """A customer."""

    class Meta:
        model = Customer
        fields = (
            "external_id",
            "email",
            "phone",
            "first_name",
            "last_name",
            "language",
            "time_zone",
            "country",
            "attributes",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class CustomerProfileSerializer(serializers.ModelSerializer[Customer]):
    """A customer with everything that the engine knows: scores, stage, coupons and so on."""

    profile = serializers.SerializerMethodField(
        help_text="What each part of the engine knows, by its name; null where that is nothing."
    )

    class Meta:
        model = Customer
        fields = (*CustomerSerializer.Meta.fields, "profile")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_profile(self, customer: Customer) -> Any:
        """The sections, which the view composed."""
        return self.context["profiles"][customer.pk]
