"""The network: its arrays say what Keras says, and it learns what is known of each task."""

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.devices import devices_found
from lifecycle_engine.sdk.scorers import no_progress
from plugins.lifecycle_multitask.losses import task_losses
from plugins.lifecycle_multitask.mixture import (
    Mixture,
    MixtureConfig,
    Wanted,
    _model,
    _Start,
    _start,
    _truth,
)

SMALL = MixtureConfig(
    experts=2, expert_units=5, tower_units=3, batch_size=32, learning_rate=0.02, dropout=0.0
)
AMOUNTS = (False, True, False)
WANTED = Wanted(amounts=AMOUNTS, weights=None, seed=4, epochs=12)


def rows(seed, count=300):
    """A rate and an amount that follow the first feature, and a rare rate that few know."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.lognormal(2.0, 1.0, (count, 3)), columns=list("abc"))
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    high = (frame["a"].fillna(0.0) > 8.0).astype(float)
    targets = pd.DataFrame({"buys": high, "spends": high * rng.gamma(2.0, 30.0, count)})
    targets["few"] = (1.0 - high).where(rng.random(count) < 0.3)
    return frame, targets


@pytest.fixture(scope="module")
def devices():
    import keras  # noqa: PLC0415 - not where tests are collected.
    import tensorflow  # noqa: PLC0415

    return devices_found(keras, tensorflow, name="test")


@pytest.fixture(scope="module")
def trained(devices):
    """Once for all tests: each training of Keras takes seconds."""
    given = {"config": SMALL, "progress": no_progress}
    monkeypatch = pytest.MonkeyPatch()
    # A loop over steps in the graph takes longer to make than these few steps.
    monkeypatch.setattr("plugins.lifecycle_multitask.mixture._STEPS_AT_ONCE", 1)
    first, second = (Mixture.fit(devices, *rows(0), wanted=WANTED, **given) for _ in range(2))
    fixed = Wanted(amounts=AMOUNTS, weights=(1.0, 2.0, 0.5), seed=4, epochs=3)
    stopped = Mixture.fit(devices, *rows(0), wanted=fixed, validation=rows(1), **given)
    monkeypatch.undo()
    return first, second, stopped


def test_the_arrays_alone_say_what_keras_says(devices, trained):
    network, frame = trained[0], rows(2)[0]
    kept, inputs = network.arrays, network.inputs(frame)
    model = _model(devices, inputs.shape[1], _Start(np.zeros(3), np.ones(3)), WANTED, SMALL)
    assert kept["experts"].shape == (6, 2 * 5)
    assert kept["gates"].shape == (6, 3 * 2)
    assert (kept["towers"].shape, kept["ends"].shape) == ((3, 5, 3), (3, 3))
    for name in ("experts", "gates"):
        model.get_layer(name).set_weights([kept[name], kept[f"{name}_bias"]])
    for task in range(3):
        tower = [kept["towers"][task], kept["towers_bias"][task]]
        model.get_layer(f"tower_{task}").set_weights(tower)
        end = [kept["ends"][task][:, None], kept["ends_bias"][task : task + 1]]
        model.get_layer(f"end_{task}").set_weights(end)
    model.get_layer("log_variances").set_weights([kept["log_variances"][None, :]])

    said = np.asarray(model(inputs.astype(np.float32), training=False))

    found = np.stack([network.signal(inputs, task) for task in range(3)], axis=1)
    assert found == pytest.approx(said[:, :3], abs=1e-4)
    assert said[:, 3:] == pytest.approx(np.tile(kept["log_variances"], (len(frame), 1)))


def test_equal_seeds_give_equal_networks(trained):
    first, second, _ = trained

    assert first.arrays.keys() == second.arrays.keys()
    assert all(np.array_equal(first.arrays[name], second.arrays[name]) for name in first.arrays)


def test_every_task_is_learned_from_those_who_know(trained):
    network, (frame, targets) = trained[0], rows(3)
    high = targets["buys"].to_numpy() > 0

    said = [network.predict(frame, task) for task in range(3)]

    assert said[0][high].mean() > 0.8
    assert said[0][~high].mean() < 0.3
    assert said[1][high].mean() > 4 * said[1][~high].mean()
    # Of the third a quarter as many rows are known, and none of the others counts as 0.
    assert said[2][~high].mean() > 0.7
    assert said[2][high].mean() < 0.3


def test_uncertainty_learns_weights_and_fixed_ones_stay(trained):
    network, (frame, targets) = trained[0], rows(0)
    truth = _truth(targets, network.arrays["levels"])
    begun = np.log(2 * _start(targets, truth, network.arrays["levels"], AMOUNTS).costs)
    said = np.stack([network.signal(network.inputs(frame), task) for task in range(3)], axis=1)
    losses = task_losses(np, truth[:, :3], said, amounts=AMOUNTS)
    # Where exp(-s) L + s / 2 is smallest.
    best = np.log(2 * (truth[:, 3:] * losses).mean(axis=0))
    learned = network.arrays["log_variances"]
    assert (best < begun - 0.5).all()
    way = (begun - learned) / (begun - best)
    assert ((way > 0.3) & (way < 1.1)).all()
    assert (trained[2].arrays["log_variances"] == 0).all()
    assert trained[0].task_weights == pytest.approx(np.exp(-trained[0].arrays["log_variances"]))
    assert (trained[0].epochs, 1 <= trained[2].epochs <= 3) == (12, True)


def test_gates_share_out_one_and_gradients_are_slopes(trained):
    network = trained[0]
    inputs = network.inputs(rows(5, count=8)[0])
    for task in range(3):
        gates = network.gates(inputs, task)
        assert gates.shape == (8, 2)
        assert gates.sum(axis=1) == pytest.approx(np.ones(8))
        slope = np.zeros_like(inputs)
        for column in range(inputs.shape[1]):
            step = np.zeros_like(inputs)
            step[:, column] = 1e-6
            ends = [network.signal(inputs + way * step, task) for way in (1, -1)]
            slope[:, column] = (ends[0] - ends[1]) / 2e-6
        assert network.gradient(inputs, task) == pytest.approx(slope, abs=1e-4)


def test_a_missing_feature_is_not_an_average_one(trained):
    known = pd.DataFrame(
        {"a": [np.nan, np.expm1(trained[0].arrays["mean"][0])], "b": 5.0, "c": 5.0}
    )
    inputs = trained[0].inputs(known)

    assert inputs[:, 0] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert inputs[:, 3].tolist() == [1.0, 0.0]


def test_each_task_s_known_rows_count_one_on_average():
    targets = pd.DataFrame({"a": [1.0, np.nan, 0.0, np.nan], "b": [8.0, 2.0, np.nan, 2.0]})

    found = _truth(targets, np.array([0.0, 4.0]))

    assert found[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert found[:, 1].tolist() == [2.0, 0.5, 0.0, 0.5]
    assert found[:, 2].tolist() == [2.0, 0.0, 2.0, 0.0]
    assert found[:, 3] == pytest.approx([4 / 3, 4 / 3, 0.0, 4 / 3])


def test_it_begins_by_saying_the_rate_and_the_mean():
    targets = pd.DataFrame({"a": [1.0, 0.0, 0.0, np.nan], "b": [9.0, 0.0, 0.0, 3.0]})
    levels = np.array([0.0, 3.0])

    found = _start(targets, _truth(targets, levels), levels, [False, True])

    assert found.says == pytest.approx([np.log(1 / 2), 0.0])
    # Of a third the entropy; of amounts in parts of 3 the mean of 2 (1 - √y)², y being 3, 0, 0, 1.
    entropy = -(np.log(1 / 3) + 2 * np.log(2 / 3)) / 3
    assert found.costs == pytest.approx([entropy, (2 * (1 - 3**0.5) ** 2 + 2 + 2 + 0) / 4])
