"""A customer's page: all the engine knows of one person, and what happened, page by page."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from lifecycle_engine.console.metrics import scorer_label
from lifecycle_engine.console.reason_pages import reasons_context
from lifecycle_engine.console.timeline import timeline_context
from lifecycle_engine.core.clock import business_now
from lifecycle_engine.customers.consents import consents_newest
from lifecycle_engine.customers.models import Customer, Identifier
from lifecycle_engine.customers.selectors import profile_ids_of
from lifecycle_engine.events.models import Product
from lifecycle_engine.messaging.models import Message
from lifecycle_engine.rewards.models import Coupon
from lifecycle_engine.scoring.models import Recommendation, Score, ScoreHistory
from lifecycle_engine.scoring.monitoring.uses import uses_published
from lifecycle_engine.scoring.use_models import Use
from lifecycle_engine.scoring.written import scores_written
from lifecycle_engine.segments.models import CustomerStage, Membership, StageTransition

_ROWS = 10
#: Earlier values of a score that its line shows.
_SCORES_BACK = 30


def customer_context(request: HttpRequest, customer: Customer) -> dict[str, Any]:
    """What the page shows; a fixed number of short queries, whatever the customer's history."""
    at = business_now()
    profile_ids = profile_ids_of(customer_ids=[customer.pk])
    return {
        "customer": customer,
        "title": str(customer),
        "attributes": sorted(customer.attributes.items()),
        "identifiers": Identifier.objects.filter(customer__in=profile_ids).order_by(
            "kind", "value"
        )[:_ROWS],
        "consents": [
            (entry, entry.stands(at=at))
            for entry in consents_newest(customer_id=customer.pk, at=at)
        ],
        "stage": CustomerStage.objects.filter(customer=customer).first(),
        "segments": Membership.objects.filter(customer=customer)
        .select_related("segment")
        .order_by("segment__name")[:_ROWS],
        "scores": scores_with_history(customer=customer),
        **reasons_context(customer=customer),
        "recommended": recommended_products(customer=customer),
        "coupons": Coupon.objects.filter(customer__in=profile_ids)
        .select_related("offer", "redemption")
        .order_by("-id")[:_ROWS],
        "messages_sent": Message.objects.filter(customer__in=profile_ids)
        .select_related("template")
        .order_by("-id")[:_ROWS],
        "stages": stage_path(customer=customer),
        **timeline_context(request, profile_ids=profile_ids, at=at),
    }


def scores_with_history(*, customer: Customer) -> list[dict[str, Any]]:
    """The scores by scorer, each with what it was before, oldest first."""
    found = []
    rows = Score.objects.filter(customer=customer).order_by("scorer_key")
    scores = list(rows.select_related("model_version").defer("model_version__card"))
    uses = uses_published(scores=scores)
    for score in scores:
        earlier = ScoreHistory.objects.filter(
            customer=customer, scorer_key=score.scorer_key, as_of__lt=score.as_of
        ).order_by("-as_of")[:_SCORES_BACK]
        path = [*reversed(earlier), score]
        by_baseline = uses.get((score.scorer_key, score.as_of)) is Use.BASELINE
        found.append({"score": score, "path": path, "by_baseline": by_baseline})
    _write(found)
    return found


def _write(found: Sequence[dict[str, Any]]) -> None:
    """Say what each score is of, and write it and what it was; classes have no percentile."""
    rows = [row for one in found for row in one["path"]]
    for row, written in zip(rows, scores_written(rows), strict=True):
        row.written = written
    for one in found:
        one["label"] = scorer_label(one["score"].scorer_key)
        one["ordered"] = not one["score"].model_version.classes


def stage_path(*, customer: Customer) -> list[StageTransition]:
    """The last changes of stage, newest first."""
    return list(StageTransition.objects.filter(customer=customer).order_by("-at", "-id")[:_ROWS])


def recommended_products(*, customer: Customer) -> list[dict[str, Any]]:
    """The recommended products with their names, best first."""
    newest = Recommendation.objects.filter(customer=customer).order_by("-as_of").first()
    items = newest.items[:_ROWS] if newest else []
    products = Product.objects.in_bulk([item["sku"] for item in items], field_name="sku")
    return [
        {
            "sku": item["sku"],
            "name": products[item["sku"]].name if item["sku"] in products else item["sku"],
            "reason": item.get("reason", ""),
        }
        for item in items
    ]
