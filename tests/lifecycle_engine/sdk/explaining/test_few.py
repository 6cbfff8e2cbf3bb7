"""Contributions in models that read few features, through links, and of mixtures."""

import numpy as np
import pandas as pd
import pytest

from lifecycle_engine.sdk.explaining import (
    Contributions,
    contributions_mixed,
    few_contributions,
)


def _product(rows):
    return (rows["a"] * rows["b"]).to_numpy() + 1.0


def test_a_product_is_shared_by_its_features_and_no_other():
    frame = pd.DataFrame({"a": [2.0, 1.0], "unread": [9.0, 9.0], "b": [5.0, 1.0]}, index=[4, 6])

    found = few_contributions(frame, average={"a": 1.0, "b": 1.0}, output=_product)

    # By hand, of 2 * 5 - 1 * 1: a first adds 1 and last 5; b first adds 4 and last 8.
    assert found.values.to_numpy().tolist() == [[3.0, 0.0, 6.0], [0.0, 0.0, 0.0]]
    assert found.base == 2.0
    assert found.totals().to_dict() == {4: 11.0, 6: 2.0}


def test_nobody_and_too_many_features():
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]})

    assert few_contributions(
        frame.iloc[:0], average={"a": 1.0, "b": 1.0}, output=_product
    ).values.shape == (0, 2)
    with pytest.raises(ValueError, match="9 features are more than 8"):
        few_contributions(frame, average={str(n): 0.0 for n in range(9)}, output=_product)


def test_a_link_shares_out_what_it_makes_of_the_whole_way():
    values = pd.DataFrame({"a": [1.0, 0.0, -1.0], "b": [0.5, 0.0, 1.0]})
    logs = Contributions(values, base=1.0)

    found = logs.through(np.exp)

    np.testing.assert_allclose(found.totals(), np.exp([2.5, 1.0, 1.0]))
    assert found.base == pytest.approx(np.e)
    np.testing.assert_allclose(found.values.loc[0, "a"], 2 * found.values.loc[0, "b"])
    # Where the way comes back to its beginning there is nothing to share out.
    assert found.values.loc[[1, 2]].to_numpy().tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_a_mixture_has_the_mixture_of_contributions():
    one = Contributions(pd.DataFrame({"a": [1.0], "b": [2.0]}), base=4.0)
    two = Contributions(pd.DataFrame({"a": [3.0], "b": [0.0]}), base=0.0)

    found = contributions_mixed([(0.75, one), (0.25, two)])

    assert found.values.to_numpy().tolist() == [[1.5, 1.5]]
    assert (found.base, found.totals()[0]) == (3.0, 6.0)
