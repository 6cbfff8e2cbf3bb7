"""The API: how models in use stand."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.api.serializers import ERRORS
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import Scope
from lifecycle_engine.scoring.check_models import CheckState
from lifecycle_engine.scoring.models import ScorerMode
from lifecycle_engine.scoring.monitoring.selectors import standings
from lifecycle_engine.scoring.use_models import Use, UseCause


class StandingSerializer(serializers.Serializer[Any]):
    """How a scorer in use stands."""

    scorer = serializers.CharField()
    state = serializers.ChoiceField(choices=CheckState.choices)
    model = serializers.IntegerField(help_text="The champion's number.")
    publishes = serializers.ChoiceField(choices=Use.choices)
    since = serializers.DateTimeField(allow_null=True)
    cause = serializers.ChoiceField(choices=UseCause.choices, allow_blank=True)
    reason = serializers.CharField()
    by = serializers.CharField()
    can_fall_back = serializers.BooleanField(help_text="Whether the baseline can stand in.")
    scores_as_of = serializers.DateTimeField(allow_null=True)
    findings = serializers.ListField(child=serializers.DictField())
    inputs = serializers.ListField(
        child=serializers.DictField(), help_text="The stability index of each feature."
    )
    scores = serializers.FloatField(allow_null=True, help_text="That of the scores.")
    outcomes = serializers.ListField(
        child=serializers.DictField(), help_text="Judged runs with their intervals, oldest first."
    )
    mode = serializers.ChoiceField(
        choices=ScorerMode.choices, help_text="In shadow nothing is published."
    )
    challengers = serializers.ListField(
        child=serializers.DictField(),
        help_text=(
            "Versions that wait, each on the newest run whose outcomes are known: the metric that "
            "decides beside the champion's and beside the baseline's, with paired 95 % intervals."
        ),
    )
    next_training = serializers.DateTimeField(
        allow_null=True, help_text="The night in which it is due; null of one that is off."
    )


class _OwnOnly(APIView):
    """What counts all customers is not for a partner, who may know only some of them."""

    scopes = {"GET": Scope.CUSTOMERS_READ}

    def _own(self, request: Request) -> None:
        if key_of(request).partner:
            raise exceptions.PermissionDenied("A partner's key can't read models.")


class Monitoring(_OwnOnly):
    """All scorers that have a model."""

    @extend_schema(
        operation_id="monitoring_list",
        responses={200: StandingSerializer(many=True), **ERRORS},
    )
    def get(self, request: Request) -> Response:
        """How each scorer in use stands, by its key."""
        self._own(request)
        found = [one.as_json() for one in standings(at=business_now())]
        return Response(StandingSerializer(found, many=True).data)


class ScorerMonitoring(_OwnOnly):
    """One scorer."""

    @extend_schema(
        operation_id="monitoring_retrieve", responses={200: StandingSerializer, **ERRORS}
    )
    def get(self, request: Request, key: str) -> Response:
        """How a scorer in use stands; 404 where it has no model."""
        self._own(request)
        for one in standings(at=business_now(), scorer_key=key):
            return Response(StandingSerializer(one.as_json()).data)
        raise Http404(f"Scorer {key} has no model.")
