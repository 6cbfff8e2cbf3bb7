"""The four tasks keep a scorer's promises; who they are about, and what comes true of whom."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from lifecycle_engine.scoring.artefacts import artefact_load, artefact_save
from lifecycle_engine.scoring.errors import ArtefactError
from lifecycle_engine.scoring.on_demand import without_tensorflow
from lifecycle_engine.scoring.task_groups import task_keys, tasks_beside
from lifecycle_engine.sdk.scorers import Amount, scorers
from lifecycle_engine.sdk.testing.scorers import check_scorer, training_data
from lifecycle_engine.sdk.testing.tables import MemoryTables
from lifecycle_engine.sdk.testing.tasks import check_tasks
from plugins.lifecycle_multitask.comparison import sharing_judged
from plugins.lifecycle_multitask.mixture import Mixture, _levels
from plugins.lifecycle_multitask.model import LifecycleConfig
from plugins.lifecycle_multitask.scorers import AcquisitionCost, Activation, Purchase, Retention

AT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TASKS = [AcquisitionCost, Activation, Purchase, Retention]


def made_up(devices, frame, targets, *, wanted, config, progress, validation=None):
    """A network that was not trained, in no time: other tests see what training makes."""
    rng, count = np.random.default_rng(wanted.seed), len(wanted.amounts)
    shapes = {
        "experts": (2 * frame.shape[1], 6),
        "experts_bias": (6,),
        "gates": (2 * frame.shape[1], count * 2),
        "gates_bias": (count * 2,),
        "towers": (count, 3, 2),
        "towers_bias": (count, 2),
        "ends": (count, 2),
        "ends_bias": (count,),
        "log_variances": (count,),
    }
    arrays = {name: rng.normal(0, 0.3, shape) for name, shape in shapes.items()}
    scale = {"mean": np.full(frame.shape[1], 2.0), "spread": np.ones(frame.shape[1])}
    levels = _levels(targets, wanted.amounts)
    return Mixture(arrays | scale | {"levels": levels}, epochs=wanted.epochs)


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr("plugins.lifecycle_multitask.comparison._RESAMPLES", 30)


@pytest.fixture
def untrained(monkeypatch):
    monkeypatch.setattr(Mixture, "fit", made_up)
    monkeypatch.setattr("plugins.lifecycle_multitask.model.devices_found", lambda *_, **__: None)


@pytest.mark.parametrize("task", TASKS)
def test_they_conform(task, untrained):
    check_scorer(task, rows=60)


def test_they_can_be_learned_together(untrained):
    check_tasks(*TASKS, rows=40)


def fitted():
    """All four together, with what they learned from."""
    tasks = tasks_beside(Retention(LifecycleConfig()), [task.key for task in TASKS])
    frame, target = training_data(Activation, cutoffs=2, rows=80, rng=np.random.default_rng(1))
    targets = target.to_frame(tasks[0].key)
    for place, task in enumerate(tasks[1:], start=1):
        amount = 30.0 if task in (tasks[0], tasks[2]) else 1.0
        targets[task.key] = (target * amount).where(np.arange(len(target)) % (place + 1) == 0)
    newest = frame.index.get_level_values("cutoff") == frame.index[-1][0]
    outputs = {task.key: task.output for task in tasks}
    rng = np.random.default_rng(3)
    older, later = (frame[~newest], targets[~newest]), (frame[newest], targets[newest])
    tasks[0].shared.fit(*older, outputs=outputs, validation=later, rng=rng)
    tasks[0].shared.fit(*older, outputs=outputs, validation=None, rng=rng)
    return tasks, later


def test_the_card_compares_each_task_with_a_network_of_its_own(untrained):
    tasks, (frame, targets) = fitted()

    for task in tasks:
        known = targets[task.key].notna()
        found = task.report() | task.report_judged(frame[known], targets[task.key][known])
        assert json.loads(json.dumps(found)) == found
        assert found["learned_with"] == [*found["task_weights"]] == [one.key for one in tasks]
        assert sum(found["gates"].values()) == pytest.approx(1.0)
        is_amount = task.output == Amount("money")
        assert found["sharing"]["metric"] == ("mae" if is_amount else "average_precision")
        assert found["sharing"]["low"] <= found["sharing"]["high"]
    assert tasks[0].algorithm == "Multi-gate mixture of experts, 4 tasks"


def test_what_is_stored_scores_the_same_without_tensorflow_and_tampered_not_at_all(
    untrained, settings, tmp_path
):
    settings.STORAGES = {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        },
        "staticfiles": settings.STORAGES["staticfiles"],
    }
    tasks, (frame, _) = fitted()
    stored = [artefact_save(folder=task.key, state=task.state()) for task in tasks]
    assert len({one.sha256 for one in stored}) == 1

    for task, one in zip(tasks, stored, strict=True):
        restored = type(task)()
        with without_tensorflow(task.key):
            restored.restore(artefact_load(path=one.path, sha256=one.sha256))
            assert restored.predict(frame).equals(task.predict(frame))
            assert restored.baseline(frame).equals(task.baseline(frame))
    path = stored[0].path
    default_storage.delete(path)
    default_storage.save(path, ContentFile(b"something else"))
    with pytest.raises(ArtefactError):
        artefact_load(path=path, sha256=stored[0].sha256)


@pytest.mark.parametrize("is_amount", [False, True])
def test_sharing_is_said_to_help_only_where_it_is_shown(is_amount):
    rng = np.random.default_rng(2)
    truth = (rng.random(400) < 0.3).astype(float)

    def networks(*spreads):
        return [truth + rng.normal(0, spread, 400) for spread in spreads]

    def verdict(shared, single):
        given = {"is_amount": is_amount, "rng": np.random.default_rng(1)}
        found = sharing_judged(truth, shared, single, **given)
        assert found.low <= found.shared - found.single <= found.high
        return found.verdict

    good, bad = networks(0.3, 0.3, 0.3), networks(3.0, 3.0, 3.0)
    assert verdict(good, bad) == "helps"
    assert verdict(bad, good) == "hurts"
    assert verdict(good, good) == "unclear"
    # Better by one seed in three is luck.
    assert verdict(networks(0.3, 3.0, 3.0), bad) == "unclear"


def test_they_wait_to_be_switched_on_and_are_tasks_of_one_model():
    assert task_keys(Retention()) == sorted(task.key for task in TASKS)
    assert all(task.opt_in and task.horizon_days == 30 for task in TASKS)
    assert all(scorers.get(task.key) is task for task in TASKS)


def test_who_each_task_is_about_and_what_comes_true():
    def acquired(customer, cost):
        return {
            "customer_id": customer,
            "name": "Customer Acquired",
            "occurred_at": AT - 2 * DAY,
            "properties": f'{{"acquisition_cost": {cost}}}',
        }

    orders = [(1, 20), (1, 3), (2, 2), (2, 1)]
    tables = MemoryTables(
        as_of=AT,
        customers=[{"id": n, "created_at": AT - 30 * DAY} for n in (1, 2, 3, 4)],
        events=[acquired(2, 9.5), acquired(2, 0.5), acquired(3, '"a lot"'), acquired(4, -1)],
        orders=[
            {"customer_id": n, "occurred_at": AT - days * DAY, "value": 10.0 * n}
            for n, days in orders
        ],
    )
    cutoff = AT - 10 * DAY
    past, window = tables.window(AT - 900 * DAY, cutoff), tables.window(cutoff, AT)

    def about(task):
        return sorted(past.execute(task().population(past))["customer_id"].to_pylist())

    def true(task):
        rows = window.execute(task().outcome(window)).to_pylist()
        return {row["customer_id"]: float(row["target"]) for row in rows}

    assert about(Retention) == [1]
    assert about(Activation) == about(AcquisitionCost) == [2, 3, 4]
    assert about(Purchase) == [1, 2, 3, 4]
    assert true(Retention) == true(Activation) == {1: 1.0, 2: 1.0}
    assert true(Purchase) == {1: 10.0, 2: 40.0}
    # What is no number, or less than nothing, is no cost that the shop has told.
    assert true(AcquisitionCost) == {2: 10.0}
    assert np.isnan(AcquisitionCost.outcome_missing)
