"""k-means, and how many groups there are."""

import numpy as np
import pytest

from plugins.persona.grouping import (
    CountTried,
    centres_fit,
    count_chosen,
    counts_tried,
    nearest,
    plane,
)


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [9.0, 9.0, 3.0]])
    return np.concatenate([centre + rng.normal(size=(60, 3)) for centre in centres])


def test_as_many_groups_are_found_as_there_are(blobs):
    rng = np.random.default_rng(1)
    tried = counts_tried(blobs, counts=range(2, 7), resamples=4, rng=rng)
    assert count_chosen(tried) == 4
    assert {one.count: one.agreement for one in tried}[4] == pytest.approx(1.0)


def test_of_those_that_are_as_stable_the_most_groups_are_chosen():
    tried = [CountTried(2, 0.9, 0.05), CountTried(3, 0.87, 0.01), CountTried(4, 0.84, 0.3)]
    assert count_chosen(tried) == 3
    assert count_chosen([CountTried(2, 1.0, 0.0), CountTried(3, 0.995, 0.001)]) == 3


def test_the_nearest_centre_is_the_nearest(blobs):
    centres = centres_fit(blobs, count=4, rng=np.random.default_rng(2))
    distances = ((blobs[:, None] - centres) ** 2).sum(axis=2)
    assert np.array_equal(nearest(blobs, centres), distances.argmin(axis=1))


def test_there_are_no_more_groups_than_customers_who_differ():
    values = np.array([[0.0], [0.0], [1.0]])
    assert len(centres_fit(values, count=3, rng=np.random.default_rng(0))) == 2


def test_the_plane_has_the_directions_of_the_largest_variance(blobs):
    mean, axes = plane(blobs)
    assert mean == pytest.approx(blobs.mean(axis=0))
    assert axes @ axes.T == pytest.approx(np.eye(2))
    seen = (blobs - mean) @ axes.T
    whole = np.linalg.eigvalsh(np.cov(blobs.T))[::-1]
    assert np.diag(np.cov(seen.T)) == pytest.approx(whole[:2])
