"""What a feature is, and which there are."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc

import ibis.expr.types as ir

from lifecycle_engine.warehouse.features.sources import SOURCES

#: An expression over the rows of one customer before a moment.
Aggregate = Callable[[ir.Table], ir.Scalar]


class FeatureRegistrationError(Exception):
    """A feature can't be registered: its name is taken, or its source or docstring is missing."""


class UnknownFeatureError(LookupError):
    """There is no feature of that name."""


class FeatureLeakageError(Exception):
    """A feature reads more than what happened before its moment."""


@dataclass(frozen=True)
class Feature:
    """One number about a customer as of a point in time.

    Attributes:
        name: what scorers ask for it by.
        source: the table it aggregates, one of ``sources.SOURCES``.
        unit: what is counted, such as ``days`` or ``money``, the shop's currency; ``share`` is a
            number from 0 to 1, ``ratio`` any number without a unit.
        window_days: how far it looks back; None where it looks at the whole history.
        missing: its value for a customer for whom it has none: 0 for what counts, NaN for what
            then does not exist.
        description: what it says, in a sentence.
        aggregate: how it is computed.
        note: how it is meant, and where its formula is from; empty where that is plain.
    """

    name: str
    source: str
    unit: str
    window_days: int | None
    missing: float
    description: str
    aggregate: Aggregate
    note: str = ""

    @property
    def is_zero_when_missing(self) -> bool:
        """Whether having no such rows means 0, and not that there is no such thing."""
        return not math.isnan(self.missing)


_features: dict[str, Feature] = {}


def feature(
    *,
    source: str,
    unit: str,
    window_days: int | None = None,
    missing: float = math.nan,
    name: str = "",
    description: str = "",
) -> Callable[[Aggregate], Aggregate]:
    """Register a function of a table as a feature; use it as a decorator.

    Each row of the table has, beside the columns of its source, ``age_seconds``: how long before
    the moment from which the feature looks back it happened, in seconds. The table holds only rows
    before that moment, and a feature that reads anything else is refused when it is computed, so it
    can't see the future whatever it does. Features of one source
    are computed together, in one pass over its rows, and for any number of moments at once. They
    are Ibis without any engine's own SQL.

    Args:
        source: the table that the function gets, one of ``sources.SOURCES``.
        unit: see ``Feature``.
        window_days: see ``Feature``.
        missing: see ``Feature``.
        name: the function's own name by default.
        description: the first paragraph of the function's docstring by default.

    Raises:
        FeatureRegistrationError: the name is taken, or the source or the description is missing.
    """

    def register(aggregate: Aggregate) -> Aggregate:
        said, _, note = cleandoc(aggregate.__doc__ or "").partition("\n\n")
        made = Feature(
            name=name or aggregate.__name__,
            source=source,
            unit=unit,
            window_days=window_days,
            missing=missing,
            description=description or said,
            note=note,
            aggregate=aggregate,
        )
        if made.name in _features:
            raise FeatureRegistrationError(f"Feature {made.name!r} is registered already")
        if source not in SOURCES or not made.description:
            raise FeatureRegistrationError(
                f"Feature {made.name!r} wants a description and a source from {sorted(SOURCES)}, "
                f"not {source!r}"
            )
        _features[made.name] = made
        return aggregate

    return register


def features_known() -> list[Feature]:
    """All features, by name."""
    return [_features[name] for name in sorted(_features)]


def feature_get(name: str) -> Feature:
    """The feature of that name.

    Raises:
        UnknownFeatureError: there is none; the message names it and what there is.
    """
    try:
        return _features[name]
    except KeyError:
        known = ", ".join(sorted(_features))
        raise UnknownFeatureError(f"No feature {name!r}; there is: {known}") from None
