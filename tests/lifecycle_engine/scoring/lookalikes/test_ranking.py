"""Ranking and measuring on planted data: what is found, what is claimed, and what is true."""

import numpy as np
import pytest

from lifecycle_engine.scoring.lookalikes import ranking
from lifecycle_engine.scoring.lookalikes.ranking import places_find
from lifecycle_engine.scoring.lookalikes.results import Result, areas, curve_measure, size_offered
from lifecycle_engine.scoring.lookalikes.traits import traits_find

NAMES = ["recency_days", "orders_total", "revenue_total", "products_90d", "night_share_90d"]
CUSTOMERS = 6_000


@pytest.fixture(scope="module", autouse=True)
def _few_trees():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "TREES", 12)
        yield


def planted(*, drawn, seed=1, customers=CUSTOMERS):
    """Customers of whom some 10 % are of a kind that two features tell, with noise.

    Of that kind a share is drawn as seeds. Returns the features, who is of the kind, who a seed.
    """
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(customers, len(NAMES))).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.05] = np.nan
    hidden = np.nan_to_num(matrix[:, 3]) - np.nan_to_num(matrix[:, 4])
    kind = hidden + rng.normal(0, 0.4, customers) > 1.9
    return matrix, kind, kind & (rng.random(customers) < drawn)


def ranked(matrix, seeds, *, seed=5, names=NAMES):
    return places_find(
        matrix,
        names=names,
        seeds=seeds,
        rng=np.random.default_rng(seed),
        progress=lambda done, total: None,
    )


def measured(places, seeds, *, seed=6):
    return curve_measure(places, seeds=seeds, rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def half():
    """Half of the kind are seeds: (features, kind, seeds, places)."""
    matrix, kind, seeds = planted(drawn=0.5)
    return matrix, kind, seeds, ranked(matrix, seeds)


def test_customers_of_the_seeds_kind_come_first(half):
    _matrix, kind, seeds, places = half
    others = np.flatnonzero(~seeds)
    best = others[np.argsort(places.model[others])][:200]
    base = kind[others].mean()

    assert kind[best].mean() > 10 * base
    area, gain = areas(places, seeds=seeds)
    assert area.low > 0.9
    assert gain.low > 0.3  # recency, frequency and value say nothing here


def test_the_measured_precision_is_what_strangers_turn_out_to_be(half):
    matrix, _kind, seeds, places = half
    points = {point.size: point for point in measured(places, seeds)}

    # Everybody else of the same world, ranked beside those that were learned from.
    other_matrix, other_kind, other_seeds = planted(drawn=0.5, seed=2, customers=40_000)
    scores = ranking._model(0).fit(matrix, seeds).decision_function(other_matrix)
    order = np.argsort(-scores)
    outside = np.cumsum(~other_seeds[order])
    for size, point in points.items():
        share = size / (~seeds).sum()
        cut = np.searchsorted(outside, share * (~other_seeds).sum()) + 1
        if point.size < 100:
            continue  # too few for a point estimate to say much
        seeds_true = other_seeds[order[:cut]].mean()
        kind_true = other_kind[order[:cut]].mean()
        assert point.precision == pytest.approx(seeds_true, abs=0.06)
        # A lower bound of how many are of the kind; scaled by the share drawn, the number itself.
        assert point.precision <= kind_true + 0.02
        assert point.precision / 0.5 == pytest.approx(kind_true, abs=0.12)


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    # Places as they would be of a ranking of known quality, of which the precision is known.
    rng = np.random.default_rng(3)
    held = total = 0
    for trial in range(30):
        seeds = np.arange(4_000) < 400
        scores = rng.normal(np.where(seeds, 1.0, 0.0))
        order = np.argsort(-scores)
        places = ranking.Places(model=np.empty(4_000), simple=None)
        places.model[order] = (np.arange(4_000) + 0.5) / 4_000
        for point in measured(places, seeds, seed=trial):
            if point.size not in _truth():
                continue
            held += point.low <= _truth()[point.size] <= point.high
            total += 1
    assert total >= 300  # sizes of all trials
    assert 0.92 <= held / total <= 0.99


def _truth(cache={}):  # noqa: B006 - computed once
    """Precision at each size of the ranking above, by a sample that is large enough."""
    if not cache:
        rng = np.random.default_rng(4)
        ours, theirs = rng.normal(1.0, size=400_000), rng.normal(0.0, size=3_600_000)
        theirs.sort()
        known = np.unique(np.geomspace(20, 3_600, 40).round().astype(int))
        for size in known[12:34]:
            cut = theirs[-size * 1_000]
            found = (ours >= cut).sum() / 1_000
            cache[int(size)] = found / (found + size)
    return cache


def test_of_noise_hardly_ever_anything_better_than_chance_is_claimed():
    covered, verdicts = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        matrix = rng.normal(size=(2_000, len(NAMES))).astype(np.float32)
        seeds = rng.random(2_000) < 0.1

        places = ranked(matrix, seeds)
        points = measured(places, seeds)
        area, gain = areas(places, seeds=seeds)

        base = seeds.mean()
        covered += [point.low <= base <= point.high for point in points]
        assert size_offered(points, base_rate=base, at_most=2_000) is None
        traits, suspects = traits_find(matrix, names=NAMES, seeds=seeds, rng=rng)
        assert (traits, suspects) == ([], [])
        result = Result(base, points, area, gain, traits, [], [], suspects, None)
        verdicts.append(str(result.verdict))
    assert verdicts.count("chance") >= 9  # of 40 one is wrong in the long run
    assert np.mean(covered) > 0.8


def test_the_same_search_gives_the_same_ranking(half):
    matrix, _kind, seeds, places = half

    again = ranked(matrix, seeds)

    assert np.array_equal(again.model, places.model)
    assert np.array_equal(again.simple, places.simple)


def test_everybody_has_a_place_of_their_own(half):
    _matrix, _kind, seeds, places = half

    for found in (places.model, places.simple):
        assert np.array_equal(np.sort(found), (np.arange(len(seeds)) + 0.5) / len(seeds))


def test_a_model_never_ranks_whom_it_learned_from(monkeypatch):
    matrix, _kind, seeds = planted(drawn=0.5, customers=1_000)
    matrix[:, 0] = np.arange(1_000)  # so that rows can be told apart
    learned, ranked_rows = [], []

    class Watched:
        def fit(self, rows, target):
            learned.append(set(rows[:, 0]))
            return self

        def decision_function(self, rows):
            ranked_rows.append(set(rows[:, 0]))
            return np.zeros(len(rows))

    monkeypatch.setattr(ranking, "_model", lambda seed: Watched())
    ranked(matrix, seeds)

    assert set.union(*ranked_rows) == set(range(1_000))
    assert all(not ours & theirs for ours, theirs in zip(learned, ranked_rows, strict=True))


def test_a_model_learns_from_a_sample_of_bounded_size(monkeypatch):
    monkeypatch.setattr(ranking, "SEEDS_AT_MOST", 50)
    monkeypatch.setattr(ranking, "OTHERS_AT_LEAST", 100)
    monkeypatch.setattr(ranking, "OTHERS_AT_MOST", 200)
    monkeypatch.setattr(ranking, "BATCH", 300)
    matrix, _kind, seeds = planted(drawn=1.0, customers=2_000)
    sizes = []

    class Watched:
        def fit(self, rows, target):
            sizes.append((int(target.sum()), int((~target).sum())))
            return self

        def decision_function(self, rows):
            assert len(rows) <= 300
            return rows[:, 3]

    monkeypatch.setattr(ranking, "_model", lambda seed: Watched())
    ranked(np.nan_to_num(matrix), seeds)

    assert sizes == [(50, 200)] * 5


def test_what_nobody_has_and_what_everybody_has_alike_is_no_obstacle(half):
    matrix, _kind, seeds, _places = half
    matrix = matrix.copy()
    matrix[:, 0], matrix[:, 1] = np.nan, 7.0

    places = ranked(matrix, seeds)
    nothing = ranked(np.full_like(matrix, np.nan), seeds)

    assert areas(places, seeds=seeds)[0].low > 0.9
    assert areas(nothing, seeds=seeds)[0].value == pytest.approx(0.5, abs=0.06)
    rng = np.random.default_rng(1)
    assert traits_find(np.full_like(matrix, np.nan), names=NAMES, seeds=seeds, rng=rng) == ([], [])


def test_a_simple_ranking_needs_what_it_is_made_of(half):
    matrix, _kind, seeds, _places = half

    places = ranked(matrix[:, 3:], seeds, names=NAMES[3:])

    assert places.simple is None
    assert areas(places, seeds=seeds)[1] is None
    assert {point.simple for point in measured(places, seeds)} == {None}


def test_a_simple_ranking_turns_to_where_the_seeds_are():
    matrix, _kind, _seeds = planted(drawn=1.0)
    seeds = np.nan_to_num(matrix[:, 0]) > 1.0  # the long silent

    places = ranked(matrix, seeds)

    assert places.simple[seeds].mean() < 0.33


def test_what_sets_the_seeds_apart_is_named_strongest_first(half):
    matrix, _kind, seeds, _places = half

    traits, suspects = traits_find(matrix, names=NAMES, seeds=seeds, rng=np.random.default_rng(1))

    assert {trait.name for trait in traits} == {"products_90d", "night_share_90d"}
    more = next(trait for trait in traits if trait.name == "products_90d")
    assert more.area > 0.75
    assert more.seeds > 1.0 > more.others
    assert suspects == []


def test_a_feature_that_alone_gives_the_seeds_away_is_suspected():
    matrix, _kind, _seeds = planted(drawn=1.0)
    seeds = matrix[:, 1] > 1.0

    traits, suspects = traits_find(matrix, names=NAMES, seeds=seeds, rng=np.random.default_rng(1))

    assert suspects == ["orders_total"]
    assert traits[0].name == "orders_total"
    assert traits[0].area == pytest.approx(1.0)


def test_a_trait_s_area_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    matrix, _kind, seeds = planted(drawn=0.5)
    matrix[:, 3] = np.round(matrix[:, 3])  # with ties
    values = np.where(np.isnan(matrix[:, 3]), -99, matrix[:, 3])

    traits, _ = traits_find(matrix, names=NAMES, seeds=seeds, rng=np.random.default_rng(1))

    area = next(trait.area for trait in traits if trait.name == "products_90d")
    assert area == pytest.approx(roc_auc_score(seeds, values), abs=1e-9)
    places = ranking.Places(model=ranking._places(values, np.random.default_rng(2)), simple=None)
    assert areas(places, seeds=seeds)[0].value == pytest.approx(
        roc_auc_score(seeds, -places.model), abs=1e-9
    )


def test_the_largest_size_that_is_twice_as_good_as_chance_is_offered(half):
    _matrix, _kind, seeds, places = half
    points = measured(places, seeds)
    base = seeds.mean()

    offered = size_offered(points, base_rate=base, at_most=10**9)

    by_size = {point.size: point for point in points}
    assert by_size[offered].low >= 2 * base
    assert all(point.low < 2 * base for point in points if point.size > offered)
    assert size_offered(points, base_rate=base, at_most=100) <= 100


def test_a_result_is_read_as_it_was_kept(half):
    matrix, _kind, seeds, places = half
    points = measured(places, seeds)
    traits, suspects = traits_find(matrix, names=NAMES, seeds=seeds, rng=np.random.default_rng(1))
    result = Result(
        0.05, points, *areas(places, seeds=seeds), traits, ["score.value"], [], suspects, 300
    )

    assert Result.read(result.as_json()) == result
    middle = (points[20].size + points[21].size) // 2
    low, high = sorted([points[20].precision, points[21].precision])
    assert low <= result.at(middle).precision <= high
    assert result.at(points[20].size) == points[20]
