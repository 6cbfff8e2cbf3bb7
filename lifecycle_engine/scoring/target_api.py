"""The API: targets that scorers are made of."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.api.serializers import ERRORS, ErrorSerializer
from lifecycle_engine.core.models import Scope
from lifecycle_engine.scoring.target_models import Target, TargetPopulation
from lifecycle_engine.scoring.targets.definitions import TargetError
from lifecycle_engine.scoring.targets.services import (
    Definition,
    TargetUsedError,
    target_archive,
    target_make,
)


class TargetUsed(exceptions.APIException):
    """409: something counts on the target's scores."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "in_use"


class TargetSerializer(serializers.ModelSerializer[Target]):
    """A target as it was made; nothing of it changes but that it is archived."""

    outcome = serializers.JSONField()
    population_rule = serializers.JSONField(allow_null=True)

    class Meta:
        model = Target
        fields = (
            *("id", "key", "name", "outcome", "horizon_days", "population", "population_rule"),
            *("made_by", "made_at", "archived_by", "archived_at"),
        )


class TargetMakeSerializer(serializers.Serializer[Any]):
    """A target to make; ``outcome`` and ``population_rule`` are rules about events."""

    family = serializers.CharField(default="propensity")
    slug = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=120)
    outcome = serializers.JSONField()
    horizon_days = serializers.IntegerField(min_value=1, max_value=365)
    population = serializers.ChoiceField(
        choices=TargetPopulation.choices, default=TargetPopulation.BUYERS
    )
    population_rule = serializers.JSONField(default=None, allow_null=True)


class Targets(ListAPIView[Target]):
    """All targets, oldest first, those that are archived too; and making one."""

    scopes = {"GET": Scope.TARGETS_READ, "POST": Scope.TARGETS_WRITE}
    serializer_class = TargetSerializer
    queryset = Target.objects.all()

    @extend_schema(request=TargetMakeSerializer, responses={201: TargetSerializer, **ERRORS})
    def post(self, request: Request) -> Response:
        """Make a target, and with it a scorer; its first training begins at once."""
        _own_only(request)
        asked = TargetMakeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        family, slug = given.pop("family"), given.pop("slug")
        try:
            target = target_make(
                family=family, slug=slug, definition=Definition(**given), by=key_of(request).name
            )
        except TargetError as error:
            raise exceptions.ValidationError({error.field: [str(error)]}) from error
        return Response(TargetSerializer(target).data, status=status.HTTP_201_CREATED)


class TargetDetail(RetrieveAPIView[Target]):
    """One target."""

    scopes = {"GET": Scope.TARGETS_READ}
    serializer_class = TargetSerializer
    queryset = Target.objects.all()
    lookup_field = "key"


class TargetArchive(APIView):
    """Putting a target away."""

    scopes = {"POST": Scope.TARGETS_WRITE}

    @extend_schema(request=None, responses={200: TargetSerializer, **ERRORS, 409: ErrorSerializer})
    def post(self, request: Request, key: str) -> Response:
        """Archive the target: it is neither trained nor run any more. Again changes nothing.

        Refused while live segments read its scores.
        """
        _own_only(request)
        try:
            target = target_archive(key=key, by=key_of(request).name)
        except TargetUsedError as error:
            raise TargetUsed(str(error)) from error
        except TargetError as error:
            raise Http404(str(error)) from error
        return Response(TargetSerializer(target).data)


def _own_only(request: Request) -> None:
    if key_of(request).partner:
        raise exceptions.PermissionDenied("A partner's key can't change targets.")
