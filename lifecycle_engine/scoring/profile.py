"""What the customer API and the customer page show of this app."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from lifecycle_engine.customers.profile import JSON, profile_section
from lifecycle_engine.scoring.models import Score
from lifecycle_engine.scoring.selectors import recommendations_of

#: How many products a profile shows.
RECOMMENDATIONS = 10


def sections_register() -> None:
    """Add ``scores`` and ``recommendations`` to the profile."""
    profile_section("scores")(scores_section)
    profile_section("recommendations")(recommendations_section)


def scores_section(*, customer_ids: Sequence[int], at: datetime) -> Mapping[int, JSON]:
    """The newest score by each scorer."""
    del at  # Scores are as the last run left them.
    found: dict[int, dict[str, JSON]] = defaultdict(dict)
    rows = Score.objects.filter(customer_id__in=list(customer_ids)).order_by("scorer_key")
    for score in rows:
        found[score.customer_id][score.scorer_key] = {
            "value": score.value,
            "percentile": score.percentile,
            "as_of": score.as_of.isoformat(),
        }
    return found


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
