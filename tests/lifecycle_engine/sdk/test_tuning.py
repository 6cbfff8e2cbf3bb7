"""A search keeps to its budget, starts from the configuration, and is the same by the same seed."""

from itertools import count

import numpy as np
import pytest

from lifecycle_engine.sdk import tuning
from lifecycle_engine.sdk.tuning import SearchConfig, Span, judged_apart, searched

SPACE = {"x": Span(-2.0, 2.0), "n": Span(1, 64, whole=True, log=True)}
DEFAULT = {"x": 1.5, "n": 3}


def bowl(settings):
    """Least at x = 0.5 and n = 16."""
    return (settings["x"] - 0.5) ** 2 + (np.log2(settings["n"]) - 4) ** 2


def search(loss=bowl, *, seed=1, default=DEFAULT, progress=None, **budget):
    more = {} if progress is None else {"progress": progress}
    return searched(
        *(loss,),
        space=SPACE,
        default=default,
        budget=SearchConfig(**budget),
        seed=seed,
        metric="loss",
        **more,
    )


def test_the_first_trial_is_the_configuration_and_the_best_is_never_worse():
    found = search(trials=25)

    assert found.trials[0].settings == DEFAULT
    assert len(found.trials) == 25
    assert found.best.loss == min(one.loss for one in found.trials)
    assert found.best.loss < 0.5 < found.trials[0].loss
    assert all(1 <= one.settings["n"] <= 64 for one in found.trials)
    assert all(-2 <= one.settings["x"] <= 2 for one in found.trials)


def test_equal_seeds_try_the_same_and_others_do_not():
    first, second, other = (
        [one.settings for one in search(trials=14, seed=seed).trials] for seed in (1, 1, 2)
    )

    assert first == second
    assert first != other


def test_where_nothing_is_better_the_configuration_stays():
    found = search(lambda settings: 1.0, trials=4)

    assert not found.found
    assert found.best.settings == DEFAULT
    assert found.as_json()["won"] == 0.0


def test_seconds_end_it_and_the_card_has_the_number_reached(monkeypatch):
    seconds = count(step=1.0)
    monkeypatch.setattr(tuning, "perf_counter", lambda: next(seconds))
    told = []

    found = search(seconds=20, progress=lambda done, total: told.append((done, total)))

    assert 1 < len(found.trials) < 20
    assert len(found.as_json()["trials"]) == len(found.trials)
    assert found.as_json()["budget"] == {"trials": 0, "seconds": 20.0}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {20}


def test_the_job_is_told_of_each_trial():
    told = []

    search(trials=3, progress=lambda done, total: told.append((done, total)))

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_trial_without_a_figure_is_counted_and_never_best():
    found = search(lambda settings: bowl(settings) if settings == DEFAULT else np.nan, trials=3)

    assert (len(found.trials), found.failed, found.found) == (1, 2, False)
    with pytest.raises(ValueError, match="The configuration gives a loss of inf"):
        search(lambda settings: np.inf, trials=3)


def test_a_configuration_out_of_the_searched_range_widens_it():
    found = search(trials=3, default={"x": 5.0, "n": 500})

    assert found.trials[0].settings == {"x": 5.0, "n": 500}


def test_without_a_budget_or_with_other_names_nothing_is_searched():
    assert not SearchConfig().wanted
    with pytest.raises(ValueError, match="takes a budget"):
        search()
    with pytest.raises(ValueError, match="same names"):
        search(trials=2, default={"x": 1.0})


def test_what_it_is_worth_is_paired_by_customer():
    """Differences -1, 0, 1, -2: mean -0.5, standard error √(5/3 / 4)."""
    default, found = np.array([3.0, 3.0, 3.0, 3.0]), np.array([2.0, 3.0, 4.0, 1.0])

    judged = judged_apart(default, found)

    assert judged["difference"] == -0.5
    reach = 1.959964 * (5 / 3 / 4) ** 0.5
    assert (judged["low"], judged["high"]) == pytest.approx((-0.5 - reach, -0.5 + reach))
