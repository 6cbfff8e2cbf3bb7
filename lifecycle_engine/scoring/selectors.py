"""Reading scorers, models, scores and recommendations."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.apps import apps
from pydantic import ValidationError

from lifecycle_engine.events.models import Product
from lifecycle_engine.scoring.errors import ModelMissingError, ScorerConfigError
from lifecycle_engine.scoring.models import (
    ModelState,
    ModelVersion,
    Recommendation,
    Score,
    ScorerMode,
    ScorerSetting,
)
from lifecycle_engine.sdk.scorers import BaseScorer, scorers
from lifecycle_engine.segments.models import Segment
from lifecycle_engine.segments.rules import RuleError, rule_parse
from lifecycle_engine.segments.selectors import segments_dynamic


@dataclass(frozen=True)
class RecommendedProduct:
    """A product of the catalogue that a customer has a good chance of buying next."""

    sku: str
    name: str
    price: Decimal | None
    url: str
    reason: str


def scorer_build(*, scorer_key: str, config: dict[str, Any] | None = None) -> BaseScorer:
    """An unfitted scorer with the given configuration, by default the one that staff set.

    Raises:
        UnknownExtensionError: no plugin brings the scorer.
        ScorerConfigError: the configuration is wrong.
    """
    scorer_class = scorers.get(scorer_key)
    if config is None:
        setting = ScorerSetting.objects.filter(key=scorer_key).first()
        config = setting.config if setting else {}
    try:
        return scorer_class(scorer_class.Config.model_validate(config))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ScorerConfigError(
            f"Scorer {scorer_key}: configuration {field}={first['input']!r}: {first['msg']}"
        ) from None


def scorer_mode(*, scorer_key: str) -> ScorerMode:
    """Whether the scorer is off, shadow or live: what staff said, else live, or off by opt-in."""
    setting = ScorerSetting.objects.filter(key=scorer_key).first()
    return mode_of(scorer_key=scorer_key, setting=setting)


def mode_of(*, scorer_key: str, setting: ScorerSetting | None) -> ScorerMode:
    """As ``scorer_mode``, of a scorer whose setting is at hand."""
    if setting:
        return ScorerMode(setting.mode)
    waits = scorer_key in scorers and scorers.get(scorer_key).opt_in
    return ScorerMode.OFF if waits else ScorerMode.LIVE


def plugin_version(*, scorer_key: str) -> str:
    """The version of the plugin that brings the scorer; empty for one that is in no plugin."""
    config = apps.get_containing_app_config(scorers.get(scorer_key).__module__)
    return str(getattr(config, "version", ""))


def model_champion(*, scorer_key: str) -> ModelVersion:
    """The model that scores.

    Raises:
        ModelMissingError: the scorer was never trained.
    """
    version = ModelVersion.objects.filter(scorer_key=scorer_key, state=ModelState.CHAMPION).first()
    if version is None:
        raise ModelMissingError(f"Scorer {scorer_key} has no trained model: train it first")
    return version


def scores_of(*, customer_ids: Iterable[int], scorer_key: str) -> dict[int, Score]:
    """The newest score of each of the customers who has one."""
    found = Score.objects.filter(scorer_key=scorer_key, customer_id__in=list(customer_ids))
    return {score.customer_id: score for score in found}


def recommendations_of(
    *, customer_ids: Iterable[int], limit: int, scorer_key: str | None = None
) -> dict[int, list[RecommendedProduct]]:
    """The best products for each of the customers who has a recommendation, best first.

    Products that have left the catalogue or are not available are skipped.

    Args:
        customer_ids: the customers.
        limit: at most so many products for each.
        scorer_key: the scorer whose recommendations to take; by default the newest there are.
    """
    rows = Recommendation.objects.filter(customer_id__in=list(customer_ids))
    if scorer_key is not None:
        rows = rows.filter(scorer_key=scorer_key)
    newest = {row.customer_id: row.items for row in rows.order_by("as_of", "-scorer_key")}
    skus = {item["sku"] for items in newest.values() for item in items}
    catalogue = Product.objects.filter(sku__in=skus, available=True).in_bulk(field_name="sku")
    return {
        customer_id: [
            _recommended(catalogue[item["sku"]], item["reason"])
            for item in items
            if item["sku"] in catalogue
        ][:limit]
        for customer_id, items in newest.items()
    }


def _recommended(product: Product, reason: str) -> RecommendedProduct:
    return RecommendedProduct(
        sku=product.sku, name=product.name, price=product.price, url=product.url, reason=reason
    )


def scorer_readers(*, scorer_key: str) -> list[Segment]:
    """The live segments whose rule reads what the scorer says, by name.

    Those whose rule can't be read are left out; so are conditions that say no scorer.
    """
    return [
        segment
        for segment in segments_dynamic().order_by("name")
        if scorer_key in _scorers_read(segment)
    ]


def _scorers_read(segment: Segment) -> set[str | None]:
    try:
        leaves = rule_parse(segment.rule).leaves
    except RuleError:
        return set()
    return {getattr(leaf.condition.config, "scorer", None) for leaf in leaves}
