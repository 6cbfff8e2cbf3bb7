"""What the customer API and the customer page show of this app."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from lifecycle_engine.customers.profile import JSON, profile_section
from lifecycle_engine.scoring.classes import class_names
from lifecycle_engine.scoring.models import Score
from lifecycle_engine.scoring.monitoring.uses import uses_published
from lifecycle_engine.scoring.reasons.results import Change, Explained
from lifecycle_engine.scoring.reasons.selectors import reasons_of
from lifecycle_engine.scoring.reasons.telling import changes_tell, reasons_tell
from lifecycle_engine.scoring.selectors import recommendations_of
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.sdk.scorers import BaseScorer, scorers

#: How many products a profile shows.
RECOMMENDATIONS = 10


def sections_register() -> None:
    """Add ``scores`` and ``recommendations`` to the profile."""
    profile_section("scores")(scores_section)
    profile_section("recommendations")(recommendations_section)


def scores_section(*, customer_ids: Sequence[int], at: datetime) -> Mapping[int, JSON]:
    """The newest score by each scorer, with its reasons where they were worked out."""
    del at  # Scores are as the last run left them.
    found: dict[int, dict[str, JSON]] = defaultdict(dict)
    rows = list(Score.objects.filter(customer_id__in=list(customer_ids)).order_by("scorer_key"))
    reasons, uses = reasons_of(scores=rows), uses_published(scores=rows)
    keys = {row.scorer_key for row in rows if row.pk in reasons}
    scorer_classes = {key: scorers.get(key) for key in keys if key in scorers}
    names = class_names(scores=rows)
    explained = [reasons.get(row.pk) for row in rows]
    told = [(row, change) for row, one in zip(rows, explained, strict=True) for change in _of(one)]
    numbers = [one.rival if one else None for one in explained]
    # What the rivals and what changes come to are called, by one query.
    others = class_names(
        scores=[*rows, *(row for row, _ in told)],
        numbers=[*numbers, *(change.score for _, change in told)],
    )
    rivals, then = others[: len(rows)], iter(others[len(rows) :])
    for score, name, why, rival in zip(rows, names, explained, rivals, strict=True):
        found[score.customer_id][score.scorer_key] = {
            "value": score.value,
            "percentile": score.percentile if name is None else None,
            "class": name,
            "rather_than": rival,
            "as_of": score.as_of.isoformat(),
            "by": uses.get((score.scorer_key, score.as_of), Use.MODEL).value,
            **reasons_json(
                scorer_classes.get(score.scorer_key), why, then=[next(then) for _ in _of(why)]
            ),
        }
    return found


def _of(explained: Explained | None) -> Sequence[Change]:
    return explained.changes if explained else ()


def reasons_json(
    scorer_class: type[BaseScorer] | None,
    explained: Explained | None,
    *,
    then: Sequence[str | None],
) -> dict[str, JSON]:
    """The reasons in words, and what would change the score; null where there are none.

    Args:
        scorer_class: whose score it is; None where its plugin is gone.
        explained: the customer's reasons.
        then: what the classes are called that the changes would bring, in their order.
    """
    if explained is None or scorer_class is None:
        return {"reasons": None, "changes": None}
    return {
        "reasons": [
            {
                "text": told.sentence,
                "effect": "raises" if told.raises else "lowers",
                "contribution": told.reason.contribution,
                "features": list(told.reason.features),
                "value": told.reason.text or told.reason.value,
            }
            for told in reasons_tell(explained, scorer_class)
        ],
        "changes": [
            {
                "text": told.sentence,
                "feature": told.change.feature,
                "now": told.change.now,
                "then": told.change.then,
                "score": told.change.score,
                "class": name,
            }
            for told, name in zip(changes_tell(explained, scorer_class), then, strict=True)
        ],
    }


def recommendations_section(*, customer_ids: Sequence[int], at: datetime) -> Mapping[int, JSON]:
    """The products the customer has a good chance of buying next."""
    del at
    found = recommendations_of(customer_ids=customer_ids, limit=RECOMMENDATIONS)
    return {
        customer_id: [
            {
                "sku": product.sku,
                "name": product.name,
                "price": None if product.price is None else str(product.price),
                "url": product.url,
                "reason": product.reason,
            }
            for product in products
        ]
        for customer_id, products in found.items()
    }
