"""Skewness, and the correction of Student's t for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import bdtrc, stdtr

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
    # Skewed to the right: the correction moves the upper limit out, and Student's t has the lower one.
    low, high = found.limits
    assert (found.value - low) / found.standard_error == pytest.approx(2.0010, abs=1e-4)
    assert found.statistic(high) == pytest.approx(-2.0010, abs=1e-4)


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


@pytest.mark.parametrize("both", [True, False])
def test_far_out_the_plain_test_keeps_the_level(both: bool) -> None:
    """8 normal replicates, 400,000 times, at 1e-4 on either side: 80 wrong calls are expected, and no more are made.

    False-alarm rate 1e-6. Planted: with the corrected statistic alone, whose skewness is estimated, there are too many.
    """
    found = of_mean(np.random.default_rng(5).standard_normal((400_000, 8)))
    t = found.statistic(0.0)
    p = np.stack([found.p_less(0.0), found.p_greater(0.0)]) if both else stdtr(7, np.stack([t, -t]))
    count = int((p <= 1e-4).sum())
    assert (bdtrc(count - 1, 800_000, 1e-4) > 1e-6) == both, count
    assert count > 40, "a test that never calls keeps any level"


def test_skewness_of_three_values_is_worked_out_and_of_two_is_none():
    """The unbiased third cumulant of three values is 3 / 2 of the sum of cubes."""
    values = np.array([0.0, 0.0, 3.0])
    centred = values - 1
    assert skewness(values) == pytest.approx(1.5 * (centred**3).sum() / 3**1.5)
    assert skewness([[0.0, 5.0], [1.0, 1.0]]).tolist() == [0.0, 0.0]
    assert skewness(np.ones((2, 4))).tolist() == [0.0, 0.0]
    # The mean of three equal numbers may differ from them by rounding.
    alike = np.full(3, 0.1)
    assert alike.mean() != alike[0]
    assert skewness(np.stack([alike, -alike, alike * [1, 1, 1 + 1e-12]])).tolist()[:2] == [0.0, 0.0]
    assert skewness(1 + 1e-6 * values) == pytest.approx(skewness(values), rel=1e-6)
