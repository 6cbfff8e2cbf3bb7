"""Personas: an embedding, groups in it, and how many of them."""

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.agreement import adjusted_rand
from lifecycle_engine.sdk.scorers import ModelState, scorers
from lifecycle_engine.sdk.testing.scorers import check_scorer
from lifecycle_engine.warehouse.features import features_known
from plugins.persona.autoencoder import AutoencoderConfig
from plugins.persona.behaviour import WORDS
from plugins.persona.scorers import Persona, PersonaConfig

TINY = AutoencoderConfig(
    hidden=(12,), bottleneck=3, epochs=8, patience=3, batch_size=32, learning_rate=0.02
)
CONFIG = PersonaConfig(least=2, most=4, resamples=3, network=TINY)
QUICK = CONFIG.model_copy(update={"network": TINY.model_copy(update={"epochs": 1})})


def shoppers(seed, rows=240):
    """Three kinds of customers who differ in several features; and which kind each is."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(3, size=rows)
    values = rng.lognormal(1.0, 0.2, (rows, len(WORDS)))
    values[:, :12] *= np.array([1.0, 12.0, 1.0])[kinds][:, None]
    values[:, 12:24] *= np.array([1.0, 1.0, 12.0])[kinds][:, None]
    index = pd.RangeIndex(rows, name="customer_id")
    return pd.DataFrame(values, columns=list(WORDS), index=index), kinds


def fitted(seed=5):
    frame, _kinds = shoppers(1)
    scorer = Persona(CONFIG)
    rng = np.random.default_rng(seed)
    scorer.choose(frame, rng=rng)
    scorer.fit_clusters(frame, rng=rng)
    return scorer


@pytest.fixture(scope="module")
def scorer():
    return fitted()


def test_it_keeps_the_promises_of_a_scorer():
    check_scorer(Persona, config=QUICK, rows=60)


def test_it_finds_the_kinds_that_are_there_in_customers_whom_it_has_not_seen(scorer):
    frame, kinds = shoppers(2)
    assert scorer.report()["personas"] == 3
    assert adjusted_rand(scorer.assign(frame), kinds) > 0.95
    assert adjusted_rand(scorer.assign_baseline(frame), kinds) > 0.95


def test_the_same_seed_gives_the_same_personas(scorer):
    frame, _kinds = shoppers(2)
    again = fitted()
    assert np.array_equal(again.assign(frame), scorer.assign(frame))
    assert np.array_equal(again.project(frame), scorer.project(frame))


def test_a_stored_one_says_the_same(scorer):
    frame, _kinds = shoppers(2)
    other = Persona(CONFIG)
    other.restore(scorer.state())
    assert np.array_equal(other.assign(frame), scorer.assign(frame))
    assert other.report() == scorer.report()
    assert other.algorithm == scorer.algorithm


def test_the_map_has_those_of_a_kind_together(scorer):
    frame, kinds = shoppers(2)
    places = scorer.project(frame)
    middles = np.array([places[kinds == kind].mean(axis=0) for kind in range(3)])
    distances = np.linalg.norm(places[:, None] - middles, axis=2)
    assert (distances.argmin(axis=1) == kinds).mean() > 0.95


def test_its_features_are_the_library_s_and_staff_switch_it_on():
    assert set(WORDS) <= {feature.name for feature in features_known()}
    assert scorers.get("persona.behaviour").opt_in


def test_a_configuration_in_the_wrong_order_is_refused():
    with pytest.raises(ValueError, match="least=5 is more than most=3"):
        PersonaConfig(least=5, most=3)


def test_reasons_sum_to_how_much_nearer_the_own_persona_is(scorer):
    frame, _kinds = shoppers(2)
    said, centres = scorer._network.said_again(frame), scorer._arrays["centres"]
    away = np.sort(((said[:, None] - centres) ** 2).sum(axis=2), axis=1)

    found = scorer.explain(frame)

    nearer = away[:, 1] - away[:, 0]
    missing = np.abs(found.totals() - nearer) / np.maximum(1.0, np.abs(nearer - found.base))
    assert missing.max() < 5e-3
    assert found.own.to_numpy().tolist() == scorer.predict(frame).tolist()


@pytest.mark.parametrize("method", ["explain", "explain_baseline"])
def test_reasons_are_what_the_kinds_differ_in(scorer, method):
    frame, kinds = shoppers(2)

    found = getattr(scorer, method)(frame)

    sizes = found.values.abs().mean()
    # The first 24 features tell the kinds apart; the rest are the same of all.
    assert sizes.iloc[:24].mean() > 3 * sizes.iloc[24:].mean()
    # Who has much of the first twelve is in that group for them, whichever one came closest.
    many = found.values[kinds == 1]
    assert (many.iloc[:, :12].sum(axis=1) > 0).mean() > 0.95


def test_a_single_persona_needs_no_reason(scorer):
    frame, _kinds = shoppers(2)
    one = Persona(CONFIG)
    state = scorer.state()
    alone = {name: state.arrays[name][:1] for name in ("centres", "plain_centres")}
    one.restore(ModelState(arrays={**state.arrays, **alone}, params=state.params))

    assert one.explain(frame) is None
    assert one.explain_baseline(frame) is None
