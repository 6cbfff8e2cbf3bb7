"""A target is made in one process and trained and run in another, on what its rule says."""

import os
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest
from django.conf import settings

from lifecycle_engine.core.bulk import adbc_url
from lifecycle_engine.events.services import events_ingest
from lifecycle_engine.scoring import datasets
from lifecycle_engine.scoring.models import ModelVersion, Score
from lifecycle_engine.scoring.selectors import scorer_build
from lifecycle_engine.scoring.target_models import Target
from lifecycle_engine.scoring.targets.services import Definition, target_make
from lifecycle_engine.sdk.scorers import MinimumData
from lifecycle_engine.warehouse.mirror import mirror_run
from plugins.propensity import past
from plugins.propensity.learning import Propensity
from tests.lifecycle_engine.scoring.conftest import AS_OF

DAY = timedelta(days=1)
OUTCOME = {
    "version": 1,
    "rule": {"all": [{"condition": "event.count", "name": "Order Completed", "at_least": 2}]},
}


@pytest.fixture(autouse=True)
def _few_windows(monkeypatch):
    """Each cut-off date asks the target's question of each window: two of both will do."""
    monkeypatch.setattr(past, "windows_for", lambda _days: 2)
    monkeypatch.setattr(Propensity, "cutoff_count", 3)


@pytest.fixture
def _few_features(monkeypatch):
    """Making a query of forty features takes longer than answering it for this shop."""
    monkeypatch.setattr(Propensity, "features", ("recency_days", "orders_30d"))


_OTHER = """
import django
django.setup()
from lifecycle_engine.scoring.targets.services import Definition, target_make
from lifecycle_engine.sdk.scorers import scorers
assert "propensity.twice" not in scorers
target_make(
    family="propensity", slug="twice", by="anna", train=False,
    definition=Definition("Orders twice", {outcome!r}, 10),
)
print(scorers.get("propensity.twice").label)
"""


def made_elsewhere():
    environment = {
        **os.environ,
        "DATABASE_URL": adbc_url(),
        "WAREHOUSE_URL": settings.WAREHOUSE_URL,
        "DJANGO_SETTINGS_MODULE": "lifecycle_engine.config.settings",
    }
    code = _OTHER.replace("{outcome!r}", repr(OUTCOME))
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    return said.stdout.split("\n")[-2]


@pytest.mark.usefixtures("_few_features")
def test_what_one_process_makes_another_trains_and_runs(shop, monkeypatch):
    # Once Django is set up; skops loads all of scikit-learn.
    from lifecycle_engine.scoring import running, services  # noqa: PLC0415

    monkeypatch.setattr(Propensity, "minimum", MinimumData(20, 2, 2))
    assert made_elsewhere() == "Orders twice"
    version = services.model_train(scorer_key="propensity.twice", as_of=AS_OF, at=AS_OF)
    assert version.card["report"]["target"].startswith("A customer who did “Order Completed” at le")
    published = running.scorer_run(scorer_key="propensity.twice", as_of=AS_OF)
    assert published.customers == 40
    assert Score.objects.filter(scorer_key="propensity.twice").count() == 40


@pytest.mark.usefixtures("_few_features")
def test_too_little_data_is_refused_with_the_numbers(shop):
    from lifecycle_engine.scoring import services  # noqa: PLC0415
    from lifecycle_engine.scoring.errors import TrainingDataError  # noqa: PLC0415

    target("twice", OUTCOME)
    with pytest.raises(
        TrainingDataError, match=r"needs 200 customers and 50 .* not come true; there are 40 and 24"
    ):
        services.model_train(scorer_key="propensity.twice", as_of=AS_OF, at=AS_OF)
    assert not ModelVersion.objects.exists()


def test_outcomes_are_what_the_rule_says_of_the_days_ahead(shop):
    target("twice", OUTCOME)
    cutoff = AS_OF - 30 * DAY
    ordered = [
        item["userId"]
        for item in shop
        if cutoff.isoformat() <= item["timestamp"] < (cutoff + 10 * DAY).isoformat()
    ]
    twice = {name for name in ordered if ordered.count(name) >= 2}
    assert 0 < len(twice) < 40

    scorer = scorer_build(scorer_key="propensity.twice")
    names = names_by_id()
    found = datasets.outcomes(scorer, customer_ids={cutoff: np.array(sorted(names))})[cutoff]

    assert {names[pk] for pk in found.index[found == 1]} == twice
    assert set(found.unique()) == {0.0, 1.0}


def test_what_happens_later_moves_no_feature_and_nobody_in_the_population(shop):
    for population, rule in (("everybody", None), ("buyers", None), ("rule", NOT_BOUGHT)):
        target(f"for_{population}", OUTCOME, population=population, population_rule=rule)
    cutoff = AS_OF - 20 * DAY
    keys = sorted(Target.objects.values_list("key", flat=True))
    before = {key: frame(key, cutoff) for key in keys}
    assert {key: len(found) for key, found in before.items()} == {
        "propensity.for_buyers": 40,
        "propensity.for_everybody": 40,
        "propensity.for_rule": len(before["propensity.for_rule"]),
    }

    track("customer-00", "customer-late", event="Order Completed", at=cutoff + DAY, times=30)

    after = {key: frame(key, cutoff) for key in keys}
    assert all(after[key].equals(before[key]) for key in keys)
    # It is there: as of later it moves both.
    later = frame("propensity.for_everybody", cutoff + 2 * DAY)
    assert len(later) == 41


NOT_BOUGHT = {
    "version": 1,
    "rule": {"none": [{"condition": "event.count", "name": "Order Completed", "at_least": 20}]},
}


def target(slug, outcome, **values):
    definition = Definition("Orders twice", outcome, 10, **values)
    return target_make(
        family="propensity", slug=slug, definition=definition, by="anna", train=False
    )


def track(*names, event, at, times):
    items = [
        {
            "type": "track",
            "messageId": f"late-{name}-{number}",
            "userId": name,
            "event": event,
            "timestamp": at.isoformat(),
            "properties": {"order_id": f"late-{name}-{number}", "total": 5.0, "products": []},
        }
        for name in names
        for number in range(times)
    ]
    result = events_ingest(source="shop", items=items, received_at=AS_OF + 31 * DAY)
    assert result.rejected == []
    mirror_run()


def frame(key, moment):
    return datasets.feature_frame(scorer_build(scorer_key=key), as_of=moment)


def names_by_id():
    from lifecycle_engine.customers.models import Customer  # noqa: PLC0415

    return dict(Customer.objects.values_list("pk", "external_id"))
