"""Looking for customers who may be one."""

from celery import shared_task

from lifecycle_engine.customers.identity import suggestions_find


@shared_task(name="customers.suggest_merges")
def suggest_merges() -> None:
    """Suggest customers who share an address or a number to staff."""
    suggestions_find()
