"""Model versions, scores and recommendations."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import factory
import numpy as np
from django.db.models.functions import Now
from factory.django import DjangoModelFactory

from lifecycle_engine.customers.models import Customer
from lifecycle_engine.scoring.backtests.results import Month, MonthState, Published
from lifecycle_engine.scoring.errors import Need
from lifecycle_engine.scoring.lookalike_models import Lookalike, LookalikeCustomer
from lifecycle_engine.scoring.lookalikes.ranking import Places
from lifecycle_engine.scoring.lookalikes.results import Result, areas, curve_measure, size_offered
from lifecycle_engine.scoring.lookalikes.traits import Trait
from lifecycle_engine.scoring.metrics import Comparison
from lifecycle_engine.scoring.models import ModelVersion, Recommendation, Score
from lifecycle_engine.segments.models import Segment
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


def lookalike_ready(segment: Segment, *, ranked: int = 30, **values: Any) -> Lookalike:
    """A search that is over, with a curve as of a good model and a few customers ranked."""
    rng = np.random.default_rng(1)
    seeds = np.arange(4_000) < 300
    scores = (rng.normal(np.where(seeds, 1.6, 0.0)), rng.normal(np.where(seeds, 0.6, 0.0)))
    places = [(np.argsort(np.argsort(-score)) + 0.5) / 4_000 for score in scores]
    found = Places(*places)
    points = curve_measure(found, seeds=seeds, rng=rng)
    result = Result(
        base_rate=0.075,
        points=points,
        **dict(zip(("area", "gain"), areas(found, seeds=seeds), strict=True)),
        traits=[Trait("products_90d", 31.0, 12.0, 0.81), Trait("gap_days_mean", None, 9.5, 0.3)],
        modelled=values.pop("modelled", []),
        unknown=values.pop("unknown", []),
        suspects=values.pop("suspects", []),
        offered=size_offered(points, base_rate=0.075, at_most=3_700),
    )
    run = Lookalike.objects.create(
        **{
            "segment": segment,
            "state": "ready",
            "as_of": AS_OF,
            "seeds": 300,
            "others": 3_700,
            "ranked": 3_700,
            "verdict": "better",
            "features": ["products_90d", "gap_days_mean"],
            "result": result.as_json(),
            "requested_by": "anna",
            "finished_at": Now(),
            **values,
        }
    )
    customers = Customer.objects.bulk_create(
        Customer(external_id=f"like-{run.pk}-{n}", created_at=AS_OF) for n in range(ranked)
    )
    LookalikeCustomer.objects.bulk_create(
        LookalikeCustomer(lookalike=run, customer=one, rank=n + 1, percentile=100 - n)
        for n, one in enumerate(customers)
    )
    return run


def backtest_month(
    month: int, *, low: float, high: float, published: str = "new", champion_of: str = ""
) -> dict[str, Any]:
    """The document of a month of 2017 that was judged, with an interval of the difference."""
    middle = (low + high) / 2
    found = Comparison(0.5 + middle, 0.5, middle, low, high, higher_is_better=True)
    as_of = datetime(2017, month, 1, tzinfo=UTC)
    return Month(
        month=f"2017-{month:02}",
        as_of=as_of,
        until=as_of + timedelta(days=30),
        state=MonthState.JUDGED,
        customers=2_400,
        target_mean=0.2,
        algorithm="Gradient boosting",
        reason="the first model",
        published=Published(published),
        champion_of=champion_of or f"2017-{month:02}",
        metrics={"average_precision": found},
        champion=found,
    ).as_json()


def backtest_unjudged(
    month: int, state: str, *, needs: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """The document of a month of 2017 that could not be judged."""
    as_of = datetime(2017, month, 1, tzinfo=UTC)
    until = as_of + timedelta(days=30)
    lacking = tuple(Need(**need) for need in needs)
    return Month(f"2017-{month:02}", as_of, until, MonthState(state), needs=lacking).as_json()
