"""The API: scores of a few customers, on demand."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lifecycle_engine.core.api.authentication import key_of
from lifecycle_engine.core.api.serializers import ERRORS, ErrorSerializer
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.models import Scope
from lifecycle_engine.customers.models import Customer
from lifecycle_engine.customers.sharing import customers_visible
from lifecycle_engine.scoring.classes import class_name
from lifecycle_engine.scoring.errors import ArtefactError, ModelMissingError
from lifecycle_engine.scoring.models import ModelVersion
from lifecycle_engine.scoring.profile import reasons_json
from lifecycle_engine.scoring.reasons.results import Explained
from lifecycle_engine.scoring.serializers import ScoreAskedSerializer, ScoredSerializer
from lifecycle_engine.sdk.scorers import Scorer, scorers


class NotNow(exceptions.APIException):
    """409: the scorer can't score on demand as things stand."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "not_now"


class WorkersOnly(exceptions.APIException):
    """503: the model can be had of workers only."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "workers_only"


class ScorerScore(APIView):
    """Scoring a few customers at once."""

    scopes = {"POST": Scope.CUSTOMERS_READ}

    @extend_schema(
        request=ScoreAskedSerializer,
        responses={200: ScoredSerializer, **ERRORS, 409: ErrorSerializer, 503: ErrorSerializer},
    )
    def post(self, request: Request, key: str) -> Response:
        """Score customers with the champion, by the features of the last run or of this moment."""
        # skops, and with it all of scikit-learn, is loaded when somebody asks.
        from lifecycle_engine.scoring import on_demand  # noqa: PLC0415

        if key not in scorers or not issubclass(scorers.get(key), Scorer):
            raise Http404(f"There is no scorer {key} that gives numbers.")
        asked = ScoreAskedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        partner = key_of(request).partner
        try:
            found = on_demand.customers_score(
                scorer_key=key,
                external_ids=list(dict.fromkeys(asked.validated_data["customers"])),
                customers=customers_visible(
                    Customer.objects.all(), partner=partner, at=business_now()
                ),
                reasons=asked.validated_data["reasons"],
            )
        except on_demand.WorkerNeededError as error:
            raise WorkersOnly(str(error)) from None
        except (on_demand.OnDemandError, ModelMissingError, ArtefactError) as error:
            raise NotNow(str(error)) from None
        answer = {
            "scorer": key,
            "model": found.version.number,
            "by": found.by,
            "features_as_of": found.features_as_of,
            "scores": [
                {
                    "customer": name,
                    "value": value,
                    "class": class_name(found.version, value),
                    **_reasons(found.version, found.explained.get(name)),
                }
                for name, value in found.values.items()
            ],
            "refused": [
                {"customer": name, "code": code, "message": _REFUSED[code]}
                for name, code in found.refused.items()
            ],
        }
        return Response(ScoredSerializer(answer).data)


def _reasons(version: ModelVersion, explained: Explained | None) -> dict[str, Any]:
    """Why, as in the customer's profile."""
    scorer_class = scorers.get(version.scorer_key)
    changes = explained.changes if explained else ()
    rival = explained.rival if explained else None
    return {
        "rather_than": None if rival is None else class_name(version, rival),
        **reasons_json(
            scorer_class, explained, then=[class_name(version, one.score) for one in changes]
        ),
    }


_REFUSED = {
    "unknown": "There is no such customer.",
    "objection": "The customer objects to profiling.",
    "features": "The scorer does not look at the customer, or its last run did not yet.",
}
