"""What sets a cluster's customers apart, and a name made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from django.utils.translation import gettext_noop

from lifecycle_engine.scoring.classes import ModelClass, Trait
from lifecycle_engine.scoring.measures import Floats
from lifecycle_engine.sdk.agreement import Labels

Words = Mapping[str, tuple[str, str]]

#: Cohen's names for differences, "Statistical Power Analysis for the Behavioral Sciences" (1988):
#: a name says what is at least of medium size, and holds while there is a small difference left.
MEDIUM, SMALL = 0.5, 0.2
#: Words in a name, and how many more where two clusters would be called the same.
WORDS, WORDS_MOST = 3, 5
_TRAITS_KEPT = 12


def cluster_traits(values: Floats, places: Labels, names: Sequence[str]) -> list[tuple[Trait, ...]]:
    """Of each cluster the features in which it differs from everybody else, the largest first.

    Args:
        values: (customers, features), on a scale on which differences mean something; NaN is left
            out.
        places: the place of each customer's cluster.
        names: of the features.
    """
    found = []
    for place in range(int(places.max(initial=-1)) + 1):
        inside = places == place
        sizes = standard_differences(values[inside], values[~inside])
        order = np.argsort(-np.abs(sizes), kind="stable")[:_TRAITS_KEPT]
        found.append(tuple(Trait(names[one], round(float(sizes[one]), 4)) for one in order))
    return found


def standard_differences(ours: Floats, others: Floats) -> Floats:
    """Cohen's d of each column: the difference of the means in pooled standard deviations."""
    (n, mean, square), (m, mean_others, square_others) = (_moments(one) for one in (ours, others))
    pooled = np.sqrt((square + square_others) / np.maximum(n + m - 2, 1))
    apart = np.where((n > 0) & (m > 0), mean - mean_others, 0.0)
    found: Floats = np.divide(apart, pooled, out=np.zeros_like(apart), where=pooled > 0)
    return found


def clusters_named(traits: Sequence[tuple[Trait, ...]], words: Words) -> list[tuple[str, ...]]:
    """A name for each cluster in a few words, no two of them the same where traits allow."""
    told = [_words(one, words) for one in traits]
    lengths = [min(WORDS, len(one)) for one in told]
    for _step in range(WORDS_MOST - WORDS):
        names = [one[:length] for one, length in zip(told, lengths, strict=True)]
        for place, name in enumerate(names):
            if names.count(name) > 1:
                lengths[place] = min(lengths[place] + 1, len(told[place]))
    names = [one[:length] for one, length in zip(told, lengths, strict=True)]
    return [name or (gettext_noop("like most"),) for name in names]


def names_kept(
    classes: Sequence[ModelClass], before: Mapping[int, ModelClass], words: Words
) -> list[ModelClass]:
    """The classes with the names that their numbers had, where these still say what is so."""
    return [
        replace(one, words=before[one.number].words)
        if one.number in before and _still_so(before[one.number], one, words)
        else one
        for one in classes
    ]


def _still_so(before: ModelClass, now: ModelClass, words: Words) -> bool:
    """Whether each word of the old name is of a feature that sets the cluster apart that way."""
    said = {
        (words[one.feature][0 if one.difference > 0 else 1])
        for one in now.traits
        if one.feature in words and abs(one.difference) >= SMALL
    }
    return set(before.words) <= said


def _words(traits: Sequence[Trait], words: Words) -> tuple[str, ...]:
    """Of each trait of at least medium size its word; features of one pair of words have one.

    A pair may be the other way round: a mean gap between orders is long where orders are rare.
    """
    found: dict[frozenset[str], str] = {}
    for trait in traits:
        pair = words.get(trait.feature)
        if pair is not None and abs(trait.difference) >= MEDIUM:
            found.setdefault(frozenset(pair), pair[0] if trait.difference > 0 else pair[1])
    return tuple(found.values())[:WORDS_MOST]


def _moments(values: Floats) -> tuple[Floats, Floats, Floats]:
    """How many values each column has, their mean, and their squared distances from it."""
    known = ~np.isnan(values)
    count = known.sum(axis=0).astype(np.float64)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean = total / np.maximum(count, 1.0)
    squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    return count, mean, squares
