"""Limits and tests for bounded observations: against sums over all outcomes, and on laws that fool others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import bdtr

from experiments.statistics.bounded import improvement, mean_limits
from experiments.statistics.intervals import mean_interval
from theory import InputError
from theory.arrays import FloatArray


def rankdata(values: FloatArray) -> FloatArray:
    """Mean ranks from 1 on."""
    return (values[:, None] > values).sum(axis=1) + ((values[:, None] == values).sum(axis=1) + 1) / 2


def test_the_probability_of_improvement_is_the_rank_sum_of_wilcoxon() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 1, (2, 15)).round(1)
    expected = (rankdata(np.r_[first, second])[:15].sum() - 15 * 16 / 2) / 15**2
    found = improvement(first, second, 1.0)
    assert found.probability == pytest.approx(expected)
    turned = improvement(second, first, 1.0)
    for one, other in (("probability", "probability"), ("low", "high"), ("high", "low")):
        assert getattr(found, one) == pytest.approx(1 - getattr(turned, other))
    assert turned.p_value == pytest.approx(found.p_value)
    many = improvement(np.stack([first, second], axis=1), np.stack([second, first], axis=1), 1.0)
    np.testing.assert_allclose(many.low, [found.low, turned.low])


def test_limits_and_p_value_are_those_of_chernoffs_bound_and_agree() -> None:
    """Solved a second way; 15 of 20 are above, so the share is 15/20 with 5 runs below all others."""
    first = np.r_[np.full(15, 3.0), np.full(5, 1.0)]
    second = np.full(20, 2.0)
    found = improvement(first, second, 5.0)

    def exponent(q: float) -> float:
        return 20 * (0.75 * np.log(0.75 / q) + 0.25 * np.log(0.25 / (1 - q)))

    roots = [brentq(lambda q: exponent(q) - np.log(40), *ends) for ends in ((0.01, 0.75), (0.75, 0.999))]
    assert (found.low, found.high) == pytest.approx(roots, rel=1e-9)
    assert found.p_value == pytest.approx(2 * np.exp(-exponent(0.5)))
    for k in range(21):
        one = improvement(np.r_[np.full(k, 3.0), np.full(20 - k, 1.0)], second, 5.0)
        assert (one.p_value <= 0.05) == (not one.low <= 0.5 <= one.high)


@pytest.mark.parametrize("n", [5, 20, 100])
@pytest.mark.parametrize("rate", [0.02, 0.3, 0.5])
def test_of_a_coin_both_limits_miss_the_rate_by_chance_at_most_as_promised(n: int, rate: float) -> None:
    """Exact sums over the outcomes of n runs of which each is above a constant or below it."""
    heads = np.arange(n + 1)
    weights = np.diff(np.r_[0.0, bdtr(heads, n, rate)])
    samples = (np.arange(n)[:, None] < heads).astype(float)
    found = improvement(samples, np.full((n, n + 1), 0.5), 1.0)
    low, high = mean_limits(samples, 0.0, 1.0)
    for ends in ((found.low, found.high), (low, high)):
        assert weights[(ends[0] > rate + 1e-9) | (ends[1] < rate - 1e-9)].sum() <= 0.05


def test_a_rare_end_that_no_run_shows_is_covered_by_the_limits_and_not_by_students_t() -> None:
    """3% of the runs end at 0 and the others near 1. Student's t misses the mean more than 30% of the time at n = 20.

    Of 1,000 samples limits that keep 95% miss it over 72 times with probability 0.001.
    """
    rng = np.random.default_rng(1)
    samples = np.where(rng.random((20, 1000)) < 0.03, 0.0, 1 - 0.01 * rng.random((20, 1000)))
    mean = 0.97 * 0.995
    low, high = mean_limits(samples, 0.0, 1.0)
    assert ((low > mean) | (high < mean)).sum() <= 72
    student = mean_interval(samples)
    assert ((student.low > mean) | (student.high < mean)).sum() > 300


def test_limits_of_a_mean_shrink_with_the_spread_and_the_number_of_runs() -> None:
    rng = np.random.default_rng(2)
    for n, wide, narrow in ((20, 0.75, 0.4), (200, 0.2, 0.06)):
        low, high = mean_limits(10 + 8 * np.c_[rng.random(n), 0.5 + 0.01 * rng.random(n)], 10, 18)
        assert ((high - low) / 8 < [wide, narrow]).all(), (high - low) / 8
        assert (low >= 10).all()
        assert (high <= 18).all()
    low, high = mean_limits(np.full(100, 18.0), 10, 18)
    assert high == pytest.approx(18)
    # (1 - 8 x / 8)^100 with half of the capital on the largest bet.
    expected = 18 - 8 * (1 - 80 ** (-1 / 100))
    assert low == pytest.approx(expected, abs=0.02)


def test_wrong_samples_are_refused() -> None:
    with pytest.raises(InputError, match="samples must be of one size, at least two, got 3 and 2"):
        improvement(np.ones(3), np.ones(2), 1.0)
    with pytest.raises(InputError, match=r"samples must lie between 0 and 1, got 0\.5 to 1\.5"):
        mean_limits(np.array([0.5, 1.5]), 0, 1)
    with pytest.raises(InputError, match=r"least must be at most most"):
        mean_limits(np.ones(3), 2, 1)
    # Where all policies have one value there is nothing to bound.
    assert mean_limits(np.ones(3), 1, 1 + 1e-12) == (1, 1 + 1e-12)


def test_values_that_cannot_vary_have_no_width_whatever_the_batch() -> None:
    for shape in ((4,), (4, 3), (4, 3, 2)):
        low, high = mean_limits(np.full(shape, 0.5), 0.5, 0.5)
        assert low.shape == high.shape == shape[1:]
        assert (low == 0.5).all()
        assert (high == 0.5).all()
    with pytest.raises(InputError, match=r"least must be at most most, got 0.6 and 0.5"):
        mean_limits(np.full(4, 0.5), 0.6, 0.5)
    for wrong in (-0.1, 1.1, np.nan):
        for place in (0, 3):
            samples = np.full((4, 2), 0.5)
            samples[place, 1] = wrong
            with pytest.raises(InputError, match=r"samples must lie between 0.0 and 1.0, got"):
                mean_limits(samples, 0.0, 1.0)
