"""The sequence network keeps a scorer's promises, and its arrays say what Keras says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle_engine.sdk.devices import Devices
from lifecycle_engine.sdk.fitting import Calibration
from lifecycle_engine.sdk.scorers import ModelState, no_progress
from lifecycle_engine.sdk.sequences import Sequences, SequenceSpec
from lifecycle_engine.sdk.testing.scorers import check_scorer, training_data
from plugins.churn_predictor.gated import Gated
from plugins.churn_predictor.recurrent import Recurrent, RecurrentConfig, _model
from plugins.churn_predictor.sequence import ChurnSequence, ChurnSequenceConfig

SPEC = SequenceSpec(last=6, of="events")
SMALL = RecurrentConfig(
    last=6, units=4, embedding=2, epochs=4, batch_size=32, token_least=5, learning_rate=0.02
)


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
    with_ = {"spec": SPEC, "seed": 6, "progress": no_progress}
    fitted = [Recurrent.fit(frame, target, config=SMALL, **with_) for _ in range(2)]
    return frame, fitted


def test_the_arrays_alone_say_what_keras_says(trained):
    import keras  # noqa: PLC0415 - not where tests are collected.

    frame, (network, _) = trained
    kept = network.arrays
    model = _model(Devices(keras), tokens=len(kept["vocabulary"]) + 1, config=SMALL)
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


def test_a_row_is_told_apart_from_who_is_asked_about_beside_it(trained):
    """Rows of like length are predicted together, and stepped through no further than these go."""
    frame, (network, _) = trained
    together = network.predict(frame, SPEC)

    for rows in (frame.iloc[::-1], frame.iloc[7:8], frame[frame["event_days_1"].isna()]):
        alone = pd.Series(network.predict(rows, SPEC), index=rows.index)
        expected = pd.Series(together, index=frame.index)[rows.index]
        assert len(rows)
        assert np.allclose(alone, expected, rtol=1e-5, atol=1e-7)


def points(network, frame):
    """What the gated units get of customers, and which steps are there, as doubles."""
    tokens, numbers, known = network.inputs(Sequences.of(frame, SPEC))
    given = np.concatenate([network.arrays["embedding"][tokens], numbers], axis=2)
    return known.astype(float), given.astype(float)


def test_the_gradient_is_the_answers_slope(trained):
    frame, (network, _) = trained
    gated, rng = Gated(network.arrays), np.random.default_rng(6)
    inputs = points(network, frame.iloc[:20])[1]
    # Between there and not there, too: that is where the lines of integrated gradients run.
    present = rng.uniform(0, 1, inputs.shape[:2])
    ways = rng.normal(size=present.shape), rng.normal(size=inputs.shape)

    found = gated.gradient(present, inputs)

    slope = sum(
        (one * way).reshape(20, -1).sum(axis=1) for one, way in zip(found, ways, strict=True)
    )
    little = 1e-5
    ahead, behind = (
        gated.log_odds(present + step * ways[0], inputs + step * ways[1])
        for step in (little, -little)
    )
    assert slope == pytest.approx((ahead - behind) / (2 * little), rel=1e-4, abs=1e-6)


@given(seed=st.integers(0, 10_000), size=st.floats(0.2, 0.6))
@settings(max_examples=15, deadline=None)
def test_reasons_sum_to_the_distance_from_the_average_customer(seed, size):
    frame, target = sequences(rows=12, seed=seed)
    network = made_up(frame, target, spec=SPEC, config=SMALL, seed=seed, progress=None, size=size)

    found = network.explain(frame, SPEC)

    distance = Gated(network.arrays).log_odds(*points(network, frame)) - found.base
    missing = np.abs(found.values.sum(axis=1) - distance) / np.maximum(1.0, np.abs(distance))
    assert missing.max() <= 1e-3
    average = network.arrays["average"].astype(float)[None]
    told = Gated(network.arrays).log_odds(average[:, :, 0], average[:, :, 1:])
    assert found.base == pytest.approx(told[0])


def test_the_average_customer_is_what_training_has_at_each_place(trained):
    frame, (network, _) = trained
    present, inputs = points(network, frame)
    there = present.astype(bool)

    for place, (share, *rest) in enumerate(network.arrays["average"]):
        assert share == pytest.approx(present[:, place].mean(), abs=1e-5)
        wanted = inputs[there[:, place], place].mean(axis=0)
        assert rest == pytest.approx(wanted, abs=1e-4)


def test_what_the_network_learned_from_is_what_reasons_name(trained):
    frame, (network, _) = trained
    kept = [*frame.columns[::-1], "recency_days"]
    values = network.explain(frame.assign(recency_days=1.0)[kept], SPEC).values

    assert [*values] == kept
    assert (values["recency_days"] == 0.0).all()
    tokens = [f"event_token_{place}" for place in range(1, 7)]
    # Who has done something of kind 5 does not churn; nothing else tells of that.
    fives, threes = (values[tokens].to_numpy()[frame[tokens] == kind] for kind in (5.0, 3.0))
    assert fives.mean() < threes.mean() - 0.2
    # Of what there isn't, only that there isn't can count: it is told by the days.
    nothing = frame.isna()
    for name in (*tokens, *(f"event_amount_{place}" for place in range(1, 7))):
        assert (values[name][nothing[name]] == 0.0).all()
    assert (values["event_days_6"][nothing["event_days_6"]] != 0.0).all()


def test_who_is_read_to_fewer_events_is_told_by_these_alone(trained):
    frame, (network, _) = trained
    arrays = network.arrays | {"average": network.arrays["average"][-2:]}

    values = Recurrent(arrays, last=2).explain(frame, SPEC).values

    told = {name for name in values if (values[name] != 0.0).any()}
    assert told == {f"event_{field}_{place}" for field in SPEC.FIELDS for place in (1, 2)}


def made_up(frame, target, *, spec, config, seed, progress, size=1.0):
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
    arrays = {
        name: (size * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()
    }
    there = rng.uniform(0, 1, (config.last, 1))
    arrays["average"] = np.hstack([there, rng.normal(0, 0.5, (config.last, 5))])
    scale = {"mean": np.zeros(3, np.float32), "spread": np.ones(3, np.float32)}
    arrays |= scale | {"vocabulary": np.array([1, 7, 20])}
    return Recurrent(arrays, last=config.last)


def test_churn_sequence_conforms(monkeypatch):
    monkeypatch.setattr(Recurrent, "fit", made_up)

    check_scorer(ChurnSequence, config=ChurnSequenceConfig(network=SMALL), rows=80)


def test_a_model_that_does_not_know_the_average_customer_gives_no_reasons(trained):
    frame, (network, _) = trained
    scorer = ChurnSequence(ChurnSequenceConfig(network=SMALL))
    arrays = {name: one for name, one in network.arrays.items() if name != "average"}
    params = {"last": 6, "calibration": Calibration().as_params()}

    scorer.restore(ModelState(estimators={"recency": None}, arrays=arrays, params=params))

    assert scorer.explain(frame) is None


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
