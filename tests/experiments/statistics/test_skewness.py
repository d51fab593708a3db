"""Skewness, and the correction of Student's t for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.statistics.skewness import SkewedEstimate, of_mean, skewness


def test_skewness_is_that_of_pandas() -> None:
    y = np.random.default_rng(0).gamma(2.0, 0.5, (3, 11))
    np.testing.assert_allclose(skewness(y), pd.DataFrame(y).skew(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(skewness([[1.0, 5.0], [2.0, 2.0]]), 0)
    assert skewness(np.full(5, 0.1)) == 0


def test_the_correction_of_a_mean_is_that_of_hall() -> None:
    y = np.random.default_rng(1).gamma(2.0, 0.5, 60)
    found = of_mean(y)
    w, c = (y.mean() - 0.9) / y.std(ddof=1), pd.Series(y).skew()
    assert found.statistic(0.9) == pytest.approx(np.sqrt(60) * (w + c * w**2 / 3 + c**2 * w**3 / 27 + c / 360))
    # The limits are where the statistic has the quantiles of Student's t.
    for limit, quantile in zip(found.limits, (2.0010, -2.0010), strict=True):
        assert found.statistic(limit) == pytest.approx(quantile, abs=1e-4)


@pytest.mark.parametrize("bend", [-2.0, 0.0, 1e-9, 0.4])
def test_distance_and_statistic_are_inverse(bend: float) -> None:
    numbers = np.linspace(-4, 4, 9)
    found = SkewedEstimate(np.zeros(9), np.ones(9), np.full(9, bend), np.full(9, 0.3), 15)
    statistic = found.statistic(-numbers)
    assert (np.diff(statistic) > 0).all()
    np.testing.assert_allclose(found.distance_at(statistic), numbers, atol=1e-9)


def test_where_nothing_varies_the_statistic_is_huge() -> None:
    found = of_mean(np.ones(4))
    assert found.statistic(0.5) > 1e40
    assert found.statistic(1.5) < -1e40
    assert found.statistic(1.0) == 0
