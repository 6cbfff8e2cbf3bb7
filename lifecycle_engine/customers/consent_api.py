"""The API that consents come in by."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.models import ApiKey, Scope
from lifecycle_engine.customers.consents import ConsentResult, ConsentRow, consents_record
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.rows import Rejection, text_problem

#: One request may bring this many consents.
BATCH_LIMIT = 2_500

#: Clocks differ; what was said further ahead than this was not said yet.
_AHEAD = timedelta(minutes=5)
_NUMBER_LIMIT = 200


class ConsentSerializer(serializers.Serializer[Any]):
    """One consent, or its withdrawal, of a customer."""

    external_id = serializers.CharField(max_length=_NUMBER_LIMIT, help_text="The shop's number.")
    purpose = serializers.CharField(
        max_length=70, help_text="marketing, profiling, sharing or sharing:<partner>."
    )
    channel = serializers.CharField(
        max_length=20, default="", allow_blank=True, help_text="Empty where there is none."
    )
    granted = serializers.BooleanField(help_text="False withdraws.")
    recorded_at = serializers.DateTimeField(
        required=False, help_text="When it was said; now, unless you say otherwise."
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=100, default="", allow_blank=True, help_text="Such as: checkout form."
    )
    text_version = serializers.CharField(max_length=40, default="", allow_blank=True)
    text_language = serializers.CharField(max_length=12, default="", allow_blank=True)
    text = serializers.CharField(
        max_length=10_000, default="", allow_blank=True, trim_whitespace=False,
        help_text="The wording that was agreed to; kept once for each version and language.",
    )  # fmt: skip
    ip_address = serializers.IPAddressField(required=False, allow_null=True)
    user_agent = serializers.CharField(max_length=400, default="", allow_blank=True)


@extend_schema_field(ConsentSerializer)
class _UncheckedConsent(serializers.Field[Any, Any, Any, Any]):
    """Takes a value as it is: each item of a batch is checked on its own, further down."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class ConsentBatchSerializer(serializers.Serializer[Any]):
    """A batch of consents."""

    consents = serializers.ListField(child=_UncheckedConsent(), max_length=BATCH_LIMIT)


class ConsentRejectionSerializer(serializers.Serializer[Any]):
    """Why one consent was refused."""

    index = serializers.IntegerField()
    external_id = serializers.CharField(source="key")
    field = serializers.CharField()
    message = serializers.CharField()


class ConsentResultSerializer(serializers.Serializer[Any]):
    """What became of a batch of consents."""

    recorded = serializers.IntegerField(help_text="Entries that were not in the ledger yet.")
    rejected = ConsentRejectionSerializer(many=True)


class ConsentsView(APIView):
    """Consents in batches."""

    scopes = {"POST": Scope.CONSENTS_WRITE}

    @extend_schema(
        request=ConsentBatchSerializer,
        responses={200: ConsentResultSerializer, **ERRORS, 413: ERRORS[400]},
    )
    def post(self, request: Request) -> Response:
        """Add consents and withdrawals to the ledger; each refused one is named with its reason."""
        batch = ConsentBatchSerializer(data=request.data)
        batch.is_valid(raise_exception=True)
        result = consent_items_record(
            items=batch.validated_data["consents"],
            source=f"api:{cast('ApiKey', request.auth).name}",
            at=timezone.now(),
        )
        return Response(ConsentResultSerializer(result).data)


def consent_items_record(*, items: list[Any], source: str, at: datetime) -> ConsentResult:
    """Record consents as a partner sends them; a bad one is named, the others are recorded.

    Args:
        items: unchecked, in the shape of :class:`ConsentSerializer`.
        source: who sends them; it goes before the source that an item gives.
        at: when they came in.
    """
    good: list[tuple[int, dict[str, Any]]] = []
    rejected = []
    for index, item in enumerate(items):
        consent = ConsentSerializer(data=item)
        if consent.is_valid():
            good.append((index, consent.validated_data))
        else:
            field, problems = next(iter(consent.errors.items()))
            rejected.append(Rejection(index, _number_shown(item), str(field), str(problems[0])))
    known = _customer_ids(said["external_id"] for _index, said in good)
    indexes, rows = [], []
    for index, said in good:
        number = said["external_id"]
        recorded_at = said.get("recorded_at", at)
        if number not in known:
            rejected.append(Rejection(index, number, "external_id", "names nobody"))
        elif recorded_at > at + _AHEAD:
            rejected.append(Rejection(index, number, "recorded_at", "is in the future"))
        else:
            indexes.append(index)
            rows.append(_row(said, known[number], source, recorded_at))
    result = consents_record(rows=rows)
    rejected += [
        Rejection(indexes[r.index], str(items[indexes[r.index]]["external_id"]), r.field, r.message)
        for r in result.rejected
    ]
    return ConsentResult(result.recorded, sorted(rejected, key=lambda found: found.index))


def _row(said: dict[str, Any], customer_id: int, source: str, recorded_at: datetime) -> ConsentRow:
    return ConsentRow(
        customer_id=customer_id,
        channel=said["channel"],
        purpose=said["purpose"],
        granted=said["granted"],
        source=f"{source}: {said['source']}" if said["source"] else source,
        recorded_at=recorded_at,
        text_version=said["text_version"],
        text_language=said["text_language"],
        text=said["text"],
        expires_at=said.get("expires_at"),
        ip_address=said.get("ip_address") or "",
        user_agent=said["user_agent"],
    )


def _customer_ids(numbers: Iterable[str]) -> dict[str, int]:
    wanted = {number for number in numbers if text_problem(number, _NUMBER_LIMIT) is None}
    rows = Customer.objects.filter(external_id__in=wanted).values_list("external_id", "pk")
    return {str(number): customer_id for number, customer_id in rows}


def _number_shown(item: Any) -> str:
    return str(item.get("external_id", ""))[:_NUMBER_LIMIT] if isinstance(item, dict) else ""
