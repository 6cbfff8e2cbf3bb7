"""Conditions of the rule language that read scores."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

import ibis.expr.types as ir
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import AfterValidator, Field, StrictInt, StrictStr

from lifecycle_engine.scoring.classes import classes_known, is_class_scorer
from lifecycle_engine.scoring.monitoring.uses import use_newest
from lifecycle_engine.scoring.schedule import is_momentary
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.conditions import Condition, conditions
from lifecycle_engine.sdk.errors import ConfigError
from lifecycle_engine.sdk.registry import Config
from lifecycle_engine.sdk.scorers import scorers
from lifecycle_engine.sdk.tables import Tables
from lifecycle_engine.segments.conditions.catalogue import Part

Figure = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Operator(StrEnum):
    """How a score is compared."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


def _known(key: str) -> str:
    if key not in scorers:
        raise ConfigError(
            f"no scorer {key!r}; there is: {', '.join(scorers.keys()) or 'none'}",
            gettext_noop("There is no such scorer; choose one of the list."),
        )
    if is_momentary(key):
        raise ConfigError(
            f"scores of {key!r} hold for a moment and are not kept: no rule can read them",
            gettext_noop("These scores hold for a moment and are not kept: choose another."),
        )
    return key


def _ordered(key: str) -> str:
    if is_class_scorer(scorer_key=_known(key)):
        raise ConfigError(
            f"scorer {key!r} gives classes, which have no order: use score.class",
            gettext_noop("This scorer gives classes: choose the condition for classes."),
        )
    return key


def _classed(key: str) -> str:
    if not is_class_scorer(scorer_key=_known(key)):
        raise ConfigError(
            f"scorer {key!r} gives no classes",
            gettext_noop("This scorer gives no classes: compare its score or its percentile."),
        )
    return key


class ScoreValueConfig(Config):
    """Which score is compared with what."""

    scorer: Annotated[StrictStr, AfterValidator(_ordered)]
    operator: Operator
    value: Figure


class ScorePercentileConfig(Config):
    """Which score's place among all customers is compared with what."""

    scorer: Annotated[StrictStr, AfterValidator(_ordered)]
    operator: Operator
    percentile: Annotated[Figure, Field(ge=0, le=100)]


class ScoreClassConfig(Config):
    """Which scorer's classes a customer may be in."""

    scorer: Annotated[StrictStr, AfterValidator(_classed)]
    classes: Annotated[
        tuple[Annotated[StrictInt, Field(ge=0)], ...], Field(min_length=1, max_length=100)
    ] = Field(
        title="Classes",
        description="Their numbers, as on the model's card.",
        json_schema_extra={"suggest": "class"},
    )


class RecommendationConfig(Part):
    """What is recommended, by which scorer, and how high up."""

    scorer: Annotated[StrictStr, AfterValidator(_known)] | None = Field(
        default=None, title="Scorer", description="Empty for any."
    )
    top: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(
        default=10, title="Among the first so many"
    )


@conditions.register
class ScoreValue(Condition[ScoreValueConfig]):
    """The customer has a score, and it is at least or at most a value."""

    key: ClassVar[str] = "score.value"
    label: ClassVar[Any] = gettext_lazy("Score")
    Config: ClassVar[type[Config]] = ScoreValueConfig
    timeless = True

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Whether the score is there and compares."""
        config = self.config
        return _score_holds(
            tables, customers, config.scorer, "value", config.operator, config.value
        )

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """The score."""
        return _score_of(tables, customers, self.config.scorer, "value")

    def note(self) -> str:
        """That the score is the baseline's, where it is."""
        return _score_note(self.config.scorer)

    def sentence(self) -> str:
        """The condition in words."""
        words = {
            Operator.AT_LEAST: _("has a %(score)s of at least %(value)g"),
            Operator.AT_MOST: _("has a %(score)s of at most %(value)g"),
        }[self.config.operator]
        return words % {"score": _score_name(self.config.scorer), "value": self.config.value}


@conditions.register
class ScorePercentile(Condition[ScorePercentileConfig]):
    """The customer has a score, and its percentile is at least or at most so much."""

    key: ClassVar[str] = "score.percentile"
    label: ClassVar[Any] = gettext_lazy("Score percentile")
    Config: ClassVar[type[Config]] = ScorePercentileConfig
    timeless = True

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Whether the score is there and its percentile compares."""
        config = self.config
        return _score_holds(
            tables, customers, config.scorer, "percentile", config.operator, config.percentile
        )

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """The score's percentile."""
        return _score_of(tables, customers, self.config.scorer, "percentile")

    def note(self) -> str:
        """That the score is the baseline's, where it is."""
        return _score_note(self.config.scorer)

    def sentence(self) -> str:
        """The condition in words."""
        score, percentile = _score_name(self.config.scorer), self.config.percentile
        if self.config.operator is Operator.AT_LEAST:
            return _("is in the top %(share)g %% by %(score)s") % {
                "share": 100 - percentile,
                "score": score,
            }
        return _("is in the bottom %(share)g %% by %(score)s") % {
            "share": percentile,
            "score": score,
        }


@conditions.register
class ScoreClass(Condition[ScoreClassConfig]):
    """The customer is in one of some classes, such as a group that a scorer has found."""

    key: ClassVar[str] = "score.class"
    label: ClassVar[Any] = gettext_lazy("Class of a score")
    Config: ClassVar[type[Config]] = ScoreClassConfig
    timeless = True

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Whether the score is there and is one of the classes' numbers."""
        scores, wanted = tables["scores"], [float(one) for one in self.config.classes]
        mine = scores.filter(scores.scorer_key == self.config.scorer, scores.value.isin(wanted))
        held: ir.BooleanValue = customers.id.isin(mine.customer_id)
        return held

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """The class's number."""
        return _score_of(tables, customers, self.config.scorer, "value")

    def note(self) -> str:
        """That the class is the baseline's, where it is."""
        return _score_note(self.config.scorer)

    def sentence(self) -> str:
        """Such as "is by Persona one of: Frequent, high spend"."""
        known = classes_known(scorer_key=self.config.scorer)
        names = [known[one].name if one in known else str(one) for one in self.config.classes]
        return _("is by %(score)s one of: %(classes)s") % {
            "score": _score_name(self.config.scorer),
            "classes": " / ".join(names),
        }


@conditions.register
class RecommendationContains(Condition[RecommendationConfig]):
    """Something of a part of the catalogue is recommended to the customer."""

    key: ClassVar[str] = "recommendation.contains"
    label: ClassVar[Any] = gettext_lazy("Recommended")
    Config: ClassVar[type[Config]] = RecommendationConfig
    timeless = True

    def expression(self, tables: Tables, customers: ir.Table) -> ir.BooleanValue:
        """Look into the stored recommendations."""
        held: ir.BooleanValue = customers.id.isin(self._items(tables).customer_id)
        return held

    def observed(self, tables: Tables, customers: ir.Table) -> ir.Value | None:
        """The rank of the best such product; 1 is the first."""
        items = self._items(tables)
        mine = items.semi_join(customers, items.customer_id == customers.id)
        return mine["rank"].min().as_scalar()

    def _items(self, tables: Tables) -> ir.Table:
        items = tables["recommendations"]
        items = items.filter(items["rank"] <= self.config.top)
        if self.config.scorer is not None:
            items = items.filter(items.scorer_key == self.config.scorer)
        kind, name = self.config.named
        if kind == "sku":
            return items.filter(items.sku == name)
        products = tables.products
        return items.semi_join(products.filter(products[kind] == name), "sku")

    def sentence(self) -> str:
        """Such as "is recommended something of PASTRY among the first 10"."""
        return _("is recommended something of %(part)s among the first %(top)s") % {
            "part": self.config.named[1],
            "top": self.config.top,
        }


def _score_holds(
    tables: Tables,
    customers: ir.Table,
    scorer: str,
    column: str,
    operator: Operator,
    bound: float,
) -> ir.BooleanValue:
    scores = tables["scores"]
    number = scores[column]
    compares = number >= bound if operator is Operator.AT_LEAST else number <= bound
    held: ir.BooleanValue = customers.id.isin(
        scores.filter(scores.scorer_key == scorer, compares).customer_id
    )
    return held


def _score_of(tables: Tables, customers: ir.Table, scorer: str, column: str) -> ir.Value:
    scores = tables["scores"]
    mine = scores.filter(scores.scorer_key == scorer).semi_join(
        customers, scores.customer_id == customers.id
    )
    return mine[column].max().as_scalar()


def _score_note(scorer: str) -> str:
    if use_newest(scorer_key=scorer) is Use.MODEL:
        return ""
    return _("The baseline said so; the model is not in use.")


def _score_name(scorer: str) -> str:
    return str(scorers.get(scorer).label)
