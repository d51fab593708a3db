"""Student's t intervals: against statsmodels, by coverage, and where samples do not vary."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import bdtr, bdtrc
from statsmodels.stats.weightstats import DescrStatsW

from experiments.intervals import mean_interval
from theory import InputError

COVERED = 0.95


def test_limits_and_p_values_equal_those_of_statsmodels():
    samples = np.random.default_rng(0).normal([0.3, -1.0, 5.0], [1.0, 2.0, 0.1], (7, 3))
    found, reference = mean_interval(samples), DescrStatsW(samples)
    low, high = reference.tconfint_mean()
    expected = (reference.mean, low, high, reference.ttest_mean()[1], reference.ttest_mean(alternative="larger")[1])
    for name, numbers in zip(("mean", "low", "high", "p_value", "p_positive"), expected, strict=True):
        np.testing.assert_allclose(getattr(found, name), numbers, rtol=1e-10, err_msg=name)


def test_the_means_of_normal_samples_are_covered_19_times_in_20():
    """20,000 samples of 4: a right interval fails with probability 2e-6, and 94% or 96% would be seen with 99.99%.

    The same bounds catch normal quantiles used in place of Student's, which cover 85%.
    """
    n_samples = 20_000
    samples = np.random.default_rng(1).normal(0.7, 3.0, (4, n_samples))

    def plausible(half_widths: float) -> bool:
        found = mean_interval(samples)
        half = half_widths * (found.high - found.mean)
        covered = int((np.abs(found.mean - 0.7) <= half).sum())
        return bool(min(bdtr(covered, n_samples, COVERED), bdtrc(covered - 1, n_samples, COVERED)) > 1e-6)

    assert plausible(1.0)
    assert not plausible(1.96 / 3.182)


@pytest.mark.parametrize(("value", "two_sided", "positive"), [(0.0, 1.0, 1.0), (0.3, 0.0, 0.0), (-0.3, 0.0, 1.0)])
def test_samples_that_do_not_vary_are_known_for_certain(value, two_sided, positive):
    # 0.3 has no exact sum: rounding must not pass for scatter.
    found = mean_interval(np.full((7, 1), value))
    assert (found.p_value, found.p_positive) == (two_sided, positive)
    np.testing.assert_allclose([found.low, found.high], value, atol=1e-15)


def test_one_sample_has_no_interval():
    with pytest.raises(InputError, match="at least two for an interval, got 1"):
        mean_interval(np.ones((1, 3)))
