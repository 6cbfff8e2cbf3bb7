"""The partner API: is a coupon good, and redeem it."""

import re
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import ApiKey, Scope
from lifecycle_engine.rewards import selectors, services
from lifecycle_engine.rewards.services import CouponRefusedError, IdempotencyError

_KEY = re.compile(r"[\x21-\x7e]{1,100}")


class CouponRefused(APIException):
    """The one answer to every coupon that isn't good, so that guessing teaches nothing."""

    status_code = 404
    default_code = "coupon_refused"


class KeyReused(APIException):
    """The idempotency key belongs to another request."""

    status_code = 409
    default_code = "idempotency_key_reused"


class OrderSerializer(serializers.Serializer[Any]):
    """What is said of the order that a coupon is to be redeemed for."""

    order_id = serializers.CharField(max_length=100)
    order_value = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=Decimal(0))
    currency = serializers.CharField(min_length=3, max_length=3)
    customer = serializers.CharField(max_length=200, required=False, allow_null=True, default=None)


class OrderQuerySerializer(serializers.Serializer[Any]):
    """What may be said of an order when asking whether a coupon is good."""

    order_value = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=Decimal(0), required=False
    )
    currency = serializers.CharField(min_length=3, max_length=3, required=False)
    customer = serializers.CharField(max_length=200, required=False)


class TermsSerializer(serializers.Serializer[Any]):
    """A valid coupon."""

    code = serializers.CharField()
    offer = serializers.CharField()
    kind = serializers.CharField()
    value = serializers.DecimalField(max_digits=10, decimal_places=2)
    max_discount = serializers.DecimalField(max_digits=10, decimal_places=2)
    minimum_order = serializers.DecimalField(max_digits=10, decimal_places=2)
    currency = serializers.CharField()
    expires_at = serializers.DateTimeField()
    discount = serializers.DecimalField(max_digits=10, decimal_places=2, allow_null=True)


class RedemptionSerializer(serializers.Serializer[Any]):
    """A redemption."""

    code = serializers.CharField()
    order_id = serializers.CharField()
    discount = serializers.DecimalField(max_digits=10, decimal_places=2)
    currency = serializers.CharField()
    replayed = serializers.BooleanField()


class CouponView(APIView):
    """One coupon."""

    scopes = {"GET": Scope.COUPONS_REDEEM}

    @extend_schema(parameters=[OrderQuerySerializer], responses=TermsSerializer)
    def get(self, request: Request, code: str) -> Response:
        """Say what a coupon is worth, or refuse it; nothing changes."""
        query = OrderQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        order = query.validated_data
        terms = selectors.coupon_validate(
            code=code,
            at=business_now(),
            order_value=order.get("order_value"),
            currency=order["currency"].upper() if "currency" in order else None,
            customer=order.get("customer"),
        )
        if terms is None:
            raise CouponRefused(str(CouponRefusedError()))
        return Response(TermsSerializer(asdict(terms)).data)


class CouponRedeemView(APIView):
    """Redemption of one coupon."""

    scopes = {"POST": Scope.COUPONS_REDEEM}

    @extend_schema(
        request=OrderSerializer,
        responses=RedemptionSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description="Names the request; sent again, it gets the same answer.",
            )
        ],
    )
    def post(self, request: Request, code: str) -> Response:
        """Redeem the coupon for an order, once."""
        key = request.headers.get("Idempotency-Key", "")
        if not _KEY.fullmatch(key):
            raise ValidationError(
                {"Idempotency-Key": [_("Send this header: 1 to 100 printable ASCII characters.")]}
            )
        body = OrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        order = body.validated_data
        partner = request.auth
        assert isinstance(partner, ApiKey)  # noqa: S101 - HasScope lets nobody else in.
        try:
            result = services.coupon_redeem(
                code=code,
                order_id=order["order_id"],
                order_value=order["order_value"],
                currency=order["currency"].upper(),
                customer=order["customer"],
                source=f"api:{partner.pk}",
                idempotency_key=key,
                at=business_now(),
            )
        except CouponRefusedError as error:
            raise CouponRefused(str(error)) from None
        except IdempotencyError as error:
            raise KeyReused(str(error)) from None
        return Response(RedemptionSerializer(asdict(result)).data)
