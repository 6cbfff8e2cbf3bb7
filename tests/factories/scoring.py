"""Model versions, scores and recommendations."""

from datetime import UTC, datetime

import factory
from factory.django import DjangoModelFactory

from lifecycle_engine.scoring.models import ModelVersion, Recommendation, Score
from tests.factories.customers import CustomerFactory

AS_OF = datetime(2017, 12, 1, tzinfo=UTC)


class ModelVersionFactory(DjangoModelFactory):
    class Meta:
        model = ModelVersion

    scorer_key = "dummy.lapse"
    number = factory.Sequence(lambda n: n + 1)
    as_of = AS_OF
    train_seconds = 1.0
    rows = 100
    algorithm = "Coin"
    artefact = "models/x"
    sha256 = "0" * 64
    plugin_version = "1.0"
    fingerprint = factory.Sequence("{:064}".format)


class ScoreFactory(DjangoModelFactory):
    class Meta:
        model = Score

    customer = factory.SubFactory(CustomerFactory)
    scorer_key = "dummy.lapse"
    value = 0.5
    percentile = 50.0
    model_version = factory.SubFactory(ModelVersionFactory)
    as_of = AS_OF


class RecommendationFactory(DjangoModelFactory):
    class Meta:
        model = Recommendation

    customer = factory.SubFactory(CustomerFactory)
    scorer_key = "dummy.again"
    items = factory.LazyFunction(lambda: items("sku-1"))
    model_version = factory.SubFactory(ModelVersionFactory)
    as_of = AS_OF


def items(*skus: str) -> list[dict[str, object]]:
    """Recommended products, best first."""
    return [{"sku": sku, "score": 1.0, "reason": f"Because of {sku}"} for sku in skus]
