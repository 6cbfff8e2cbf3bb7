"""The API: a scorer's model versions and their cards."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import exceptions, serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView

from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.models import Scope
from lifecycle_engine.scoring.models import ModelVersion


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """A model version, without its card."""

    class Meta:
        model = ModelVersion
        fields: tuple[str, ...] = (
            *("id", "number", "state", "algorithm", "as_of", "trained_at", "train_seconds"),
            *("rows", "plugin_version", "sha256"),
        )


class ModelCardSerializer(ModelVersionSerializer):
    """A model version with its card: metrics, curves, slices, drift, cost and manifest."""

    card = serializers.JSONField()
    classes = serializers.JSONField(
        help_text="What the numbers are called that a scorer of classes gives; else empty."
    )

    class Meta(ModelVersionSerializer.Meta):
        fields = (*ModelVersionSerializer.Meta.fields, "features", "classes", "config", "card")


class _OwnOnly:
    """What counts all customers is not for a partner, who may know only some of them."""

    scopes = {"GET": Scope.CUSTOMERS_READ}
    kwargs: dict[str, Any]
    request: Any

    def get_queryset(self) -> QuerySet[ModelVersion]:
        """The versions of the scorer that the address names."""
        if getattr(self, "swagger_fake_view", False):
            return ModelVersion.objects.none()
        if key_of(self.request).partner:
            raise exceptions.PermissionDenied("A partner's key can't read models.")
        return ModelVersion.objects.filter(scorer_key=self.kwargs["key"])


class ScorerModels(_OwnOnly, ListAPIView[ModelVersion]):
    """The model versions of a scorer, oldest first."""

    queryset = ModelVersion.objects.all()
    serializer_class = ModelVersionSerializer


class ScorerModelCard(_OwnOnly, RetrieveAPIView[ModelVersion]):
    """One model version with its card."""

    queryset = ModelVersion.objects.all()
    serializer_class = ModelCardSerializer

    def get_object(self) -> ModelVersion:
        """The version of that number; 404 when there is none."""
        return get_object_or_404(self.get_queryset(), number=self.kwargs["number"])
