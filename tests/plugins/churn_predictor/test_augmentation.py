"""Made-up churners: for training alone, kept only where seeds say so, the same by the same seed."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.devices import Devices
from plugins.churn_predictor import gan, scorers
from plugins.churn_predictor.augmentation import AugmentConfig, MadeUp, augmented
from plugins.churn_predictor.scorers import ChurnConfig, ChurnRisk

SMALL = AugmentConfig(tried=True, hidden=(8,), steps=40, critic_steps=2, learning_rate=5e-3)
CUTOFFS = pd.to_datetime(["2020-01-01", "2020-02-01", "2020-03-15"], utc=True)


def rows(count=600, seed=0, names=("recency_days", "orders_30d", "gap_days_mean")):
    """A tenth churn; of them recency is long, and the gap often unknown."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [CUTOFFS, range(count // 3)], names=["cutoff", "customer_id"]
    )
    target = pd.Series((rng.random(count) < 0.1).astype(float), index, name="target")
    frame = pd.DataFrame(rng.lognormal(1, 1, (count, len(names))), index, columns=list(names))
    frame["recency_days"] += 40 * target
    frame["orders_30d"] = np.round(frame["orders_30d"])
    frame["gap_days_mean"] = frame["gap_days_mean"].where(rng.random(count) > 0.5 * target)
    return frame, target


@pytest.fixture(scope="module")
def made():
    """Once for all tests: each training of Keras takes seconds."""
    frame, target = rows()
    return frame, target, [augmented(frame, target, config=SMALL, seed=3) for _ in range(2)]


def test_churners_are_added_up_to_the_ratio_and_nothing_else_changes(made):
    frame, target, ((both, truth, figures), _) = made

    assert both.iloc[: len(frame)].equals(frame)
    assert truth.iloc[: len(frame)].equals(target)
    assert (truth.iloc[len(frame) :] == 1.0).all()
    assert truth.sum() == round(0.5 * (target == 0).sum())
    assert figures.rows == len(both) - len(frame)
    assert figures.copies == 0.0


def test_made_up_churners_look_like_churners(made):
    frame, target, ((both, _, figures), _) = made
    made_up = both.iloc[len(frame) :]

    assert made_up["recency_days"].min() >= frame["recency_days"][target > 0].min() > 40
    assert (made_up["orders_30d"] % 1 == 0).all()
    assert not made_up["recency_days"].isna().any()
    assert figures.apart < 0.6


def test_equal_seeds_make_equal_rows(made):
    _, _, ((first, _, _), (second, _, _)) = made

    assert first.equals(second)


def test_where_the_memory_is_full_batches_are_half_as_large(monkeypatch):
    class FullError(Exception):
        """Stands for TensorFlow's ResourceExhaustedError."""

    def taught(_keras, _real, batch_size, *, rng, **_given):
        asked.append((batch_size, rng.random()))
        if batch_size > 40:
            raise FullError
        return lambda noise, training: noise[:, :2]

    asked, policies = [], []
    keras = SimpleNamespace(
        config=SimpleNamespace(dtype_policy=lambda: "", set_dtype_policy=policies.append),
        utils=SimpleNamespace(set_random_seed=lambda _seed: None),
        backend=SimpleNamespace(clear_session=lambda: None),
    )
    devices = Devices(keras, precision="mixed_float16", exhausted=FullError)
    monkeypatch.setattr(gan, "devices_found", lambda *_, **__: devices)
    monkeypatch.setattr(gan, "_taught", taught)

    found = gan.rows_made_up(np.zeros((100, 2)), flags=0, count=5, config=SMALL, seed=3)

    assert found.shape == (5, 2)
    # Begun anew each time, by the same seed.
    assert [size for size, _ in asked] == [100, 50, 25]
    assert len({drawn for _, drawn in asked}) == 1
    # Of 32 bits wherever: nothing scales the loss of a loop of one's own.
    assert policies == ["float32", ""] * 3


def test_nothing_is_made_up_where_churners_are_common_or_too_few():
    frame, target = rows()
    common = pd.Series(1.0, target.index).where(target > 0, target.index.codes[1] % 2)
    few = target.where(np.arange(len(target)) < 200, 0.0)

    for truth in (common, few):
        both, same, figures = augmented(frame, truth, config=SMALL, seed=1)
        assert both is frame
        assert same is truth
        assert figures == MadeUp()


class Stub:
    """A classifier that knows churners by their recency, or knows nothing."""

    def __init__(self, knows):
        self.knows = knows

    def predict(self, frame):
        away = frame["recency_days"].to_numpy() > 40
        return np.where(away & self.knows, 0.9, 0.1)


@pytest.fixture
def tried(monkeypatch):
    """A fitted scorer whose classifier made-up churners help or harm, and what they are made of."""

    def fitted(*, helps):
        frame, target = rows(names=ChurnRisk.feature_names())
        later, truth = rows(seed=1, names=ChurnRisk.feature_names())
        newest = later.index.get_level_values("cutoff") == CUTOFFS[-1]
        made_of = []

        def made_up(given, outcomes, *, config, seed):
            made_of.append(given.index)
            return given.assign(made_up=seed), outcomes, MadeUp(rows=1)

        def fit(given, outcomes, **_):
            return Stub(("made_up" in given) == helps)

        monkeypatch.setattr(scorers, "augmented", made_up)
        monkeypatch.setattr(scorers.Boosting, "fit", fit)
        scorer = ChurnRisk(ChurnConfig(candidates=("boosting",), augmentation=SMALL))
        rng = np.random.default_rng(0)
        scorer.fit(frame, target, validation=(later[newest], truth[newest]), rng=rng)
        scorer.fit(frame, target, validation=None, rng=rng)
        return scorer, made_of

    return fitted


def test_what_does_not_help_is_left_out_and_the_card_says_so(tried):
    scorer, made_of = tried(helps=False)
    (trial,) = scorer.report()["trials"]

    assert (trial["seeds"], trial["helps"], trial["metric"]) == (5, False, "log_loss")
    assert trial["low"] > 0
    assert scorer.report()["augmentation"]["used"] is False
    assert len(made_of) == 5
    assert "made-up" not in scorer.algorithm


def test_what_helps_is_used_and_made_of_no_row_that_calibrates(tried):
    scorer, made_of = tried(helps=True)
    (trial,) = scorer.report()["trials"]

    assert (trial["helps"], scorer.report()["augmentation"]["used"]) == (True, True)
    assert trial["high"] < 0
    assert "with made-up churners" in scorer.algorithm
    # Five times to see, once to be used; the newest cut-off date calibrates.
    assert len(made_of) == 6
    cutoffs = {date for index in made_of[:5] for date in index.get_level_values("cutoff")}
    assert cutoffs == set(CUTOFFS[:2])


def test_untried_the_card_says_that_it_was_not():
    assert ChurnRisk(ChurnConfig(candidates=("boosting",))).report()["augmentation"] == {
        "tried": False,
        "used": False,
        **MadeUp().as_json(),
    }
