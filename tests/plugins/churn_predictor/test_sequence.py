"""The sequence network keeps a scorer's promises, and its arrays say what Keras says."""

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.scorers import no_progress
from lifecycle_engine.sdk.sequences import Sequences, SequenceSpec
from lifecycle_engine.sdk.testing.scorers import check_scorer, training_data
from plugins.churn_predictor.recurrent import Recurrent, RecurrentConfig, _model
from plugins.churn_predictor.sequence import ChurnSequence, ChurnSequenceConfig

SPEC = SequenceSpec(last=6, of="events")
SMALL = RecurrentConfig(last=6, units=4, embedding=2, epochs=2, token_least=5, learning_rate=0.05)


def sequences(rows=300, seed=0):
    """Customers of 0 to 6 events; who has done something of kind 5 does not churn."""
    rng = np.random.default_rng(seed)
    count = rng.integers(0, 7, rows)
    known = np.arange(6) < count[:, None]
    token = rng.choice([3, 5, 9], (rows, 6), p=[0.7, 0.2, 0.1]).astype(float)
    days = np.sort(rng.uniform(0, 90, (rows, 6)), axis=1)
    amount = rng.lognormal(3, 1, (rows, 6))
    fields = [np.where(known, one, np.nan) for one in (token, days, amount)]
    frame = pd.DataFrame(np.hstack(fields), columns=list(SPEC.columns()), dtype=np.float32)
    return frame, pd.Series(1.0 - (known & (token == 5)).any(axis=1))


@pytest.fixture(scope="module")
def trained():
    """Once for all tests: each training of Keras takes seconds."""
    frame, target = sequences()
    given = {"spec": SPEC, "seed": 4, "progress": no_progress}
    fitted = [Recurrent.fit(frame, target, config=SMALL, **given) for _ in range(2)]
    return frame, fitted


def test_the_arrays_alone_say_what_keras_says(trained):
    import keras  # noqa: PLC0415 - not where tests are collected.

    frame, (network, _) = trained
    kept = network.arrays
    model = _model(keras, tokens=len(kept["vocabulary"]) + 1, config=SMALL)
    model.get_layer("embedding").set_weights([kept["embedding"]])
    gates = [kept[name] for name in ("gates", "gates_state", "gates_bias")]
    model.get_layer("steps").set_weights(gates)
    for name in ("hidden", "output"):
        model.get_layer(name).set_weights([kept[f"{name}_weights"], kept[f"{name}_bias"]])

    inputs = network.inputs(Sequences.of(frame, SPEC))

    said = np.asarray(model(inputs, training=False))[:, 0]
    assert network.log_odds(*inputs) == pytest.approx(said, abs=1e-4)


def test_equal_seeds_give_equal_networks(trained):
    _, (first, second) = trained

    assert first.arrays.keys() == second.arrays.keys()
    assert all(np.array_equal(first.arrays[name], second.arrays[name]) for name in first.arrays)


def test_the_vocabulary_is_of_training_and_what_it_lacks_is_one_token(trained):
    frame, (network, _) = trained
    other = frame.copy()
    other.iloc[0, :6] = 77.0
    tokens, _, known = network.inputs(Sequences.of(other, SPEC))

    assert network.arrays["vocabulary"].tolist() == [3, 5, 9]
    assert set(tokens[0][known[0]]) <= {0}
    assert set(np.unique(tokens[1:][known[1:]])) == {1, 2, 3}


def test_steps_that_are_missing_say_nothing(trained):
    frame, (network, _) = trained
    tokens, numbers, known = network.inputs(Sequences.of(frame, SPEC))
    noise = np.where(known[:, :, None], numbers, 3.0).astype(np.float32)

    said = network.log_odds(tokens, numbers, known)
    assert np.array_equal(network.log_odds(tokens, noise, known), said)


def made_up(frame, target, *, spec, config, seed, progress):
    """A network that was not trained, in no time: the others see what training makes."""
    rng = np.random.default_rng(seed)
    shapes = {
        "embedding": (4, 2),
        "gates": (5, 12),
        "gates_state": (4, 12),
        "gates_bias": (2, 12),
        "hidden_weights": (4, 4),
        "hidden_bias": (4,),
        "output_weights": (4, 1),
        "output_bias": (1,),
    }
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    scale = {"mean": np.zeros(3, np.float32), "spread": np.ones(3, np.float32)}
    arrays |= scale | {"vocabulary": np.array([1, 7, 20])}
    return Recurrent(arrays, last=config.last)


def test_churn_sequence_conforms(monkeypatch):
    monkeypatch.setattr(Recurrent, "fit", made_up)

    check_scorer(ChurnSequence, config=ChurnSequenceConfig(network=SMALL), rows=80)


def test_a_calibration_is_kept_where_it_helps_and_the_card_tells(monkeypatch):
    monkeypatch.setattr(Recurrent, "fit", made_up)
    frame, target = training_data(ChurnSequence, cutoffs=4, rows=80, rng=np.random.default_rng(1))
    newest = frame.index.get_level_values("cutoff") == frame.index[-1][0]
    scorer = ChurnSequence(ChurnSequenceConfig(network=SMALL))

    scorer.fit(
        *(frame[~newest], target[~newest]),
        validation=(frame[newest], target[newest]),
        rng=np.random.default_rng(2),
    )

    # What was not trained is not honest either.
    assert scorer.report()["calibration"] == "platt"
    assert scorer.report()["brier"]["platt"] < scorer.report()["brier"]["none"]
    assert (scorer.report()["tokens"], scorer.report()["last"]) == (3, 6)
    assert scorer.algorithm.endswith("calibrated")
