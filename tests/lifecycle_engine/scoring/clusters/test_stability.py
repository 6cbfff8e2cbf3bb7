"""Whether the same clusters are found in other customers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from lifecycle_engine.scoring.clusters.stability import explained, paired, stability_measure
from lifecycle_engine.sdk.clusters import ClusterScorer
from lifecycle_engine.sdk.scorers import no_progress


class Means(ClusterScorer):
    """k-means beside one cluster for all."""

    key = "test.means"
    features = ("a", "b")
    resamples = 6

    def fit_clusters(self, frame, *, rng, progress=None):
        seed = int(rng.integers(2**31))
        self.model = KMeans(3, n_init=3, random_state=seed).fit(frame.to_numpy())

    def assign(self, frame):
        return self.model.predict(frame.to_numpy()).astype(np.int64)

    def assign_baseline(self, frame):
        return (frame["a"].to_numpy() > np.median(self.model.cluster_centers_[:, 0])).astype(int)


def measured(values):
    frame = pd.DataFrame(
        values, columns=["a", "b"], index=pd.RangeIndex(len(values), name="customer_id")
    )
    rng = np.random.default_rng(1)
    return stability_measure(Means(), frame, rng=rng, progress=no_progress)


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    return np.concatenate([centre + rng.normal(size=(100, 2)) for centre in centres])


def test_blobs_that_lie_apart_are_found_again(blobs):
    found = measured(blobs)

    assert found.comparisons["stability"].model == pytest.approx(1.0)
    assert found.comparisons["jaccard"].model == pytest.approx(1.0)
    assert len(found.held) == 90
    assert found.comparisons["explained"].model > 0.8


def test_clusters_of_noise_are_not():
    found = measured(np.random.default_rng(0).normal(size=(300, 2)))

    assert found.comparisons["stability"].model < 0.8
    low, high = (
        found.comparisons["stability"].model_low,
        found.comparisons["stability"].model_high,
    )
    assert low < found.comparisons["stability"].model < high


def test_each_cluster_is_told_how_far_it_is_found_again(blobs):
    found = measured(blobs)
    places = (found.held["a"] > 10).to_numpy().astype(np.int64)

    # The right one is one of the three; the other two are one here, so half of it is found.
    assert found.found_again(places) == pytest.approx({0: 0.5, 1: 1.0}, abs=0.1)
    assert found.found_again(places * 2) == pytest.approx({0: 0.5, 2: 1.0}, abs=0.1)


def test_what_is_explained_is_the_variance_between_the_clusters():
    values = np.array([[0.0, 1.0], [0.0, 3.0], [4.0, 1.0], [4.0, 3.0]])
    places = np.array([0, 0, 1, 1])

    assert explained(values, places)(np.ones((1, 4))).tolist() == pytest.approx([0.5])
    assert explained(values, np.arange(4))(np.ones((1, 4))).tolist() == pytest.approx([1.0])


def test_the_interval_is_that_of_a_paired_t_test():
    found = paired(np.array([0.9, 0.8, 0.85, 0.95]), np.array([0.7, 0.75, 0.7, 0.72]))
    # Worked out by hand: differences 0.2, 0.05, 0.15, 0.23; s 0.0789; t(3) 3.182.
    assert found.difference == pytest.approx(0.1575)
    assert (found.low, found.high) == pytest.approx((0.0320, 0.2830), abs=5e-4)
    assert found.better
