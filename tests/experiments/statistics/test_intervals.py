"""Student's t intervals and sign-flip tests: against statsmodels, enumeration, coverage, and without variation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import bdtr, bdtrc
from statsmodels.stats.weightstats import DescrStatsW

from experiments.statistics.intervals import N_DRAWN, mean_interval, paired_differences, sign_flip_test
from theory import InputError

COVERED = 0.95


def test_limits_and_p_values_equal_those_of_statsmodels():
    samples = np.random.default_rng(0).normal([0.3, -1.0, 5.0], [1.0, 2.0, 0.1], (7, 3))
    found, reference = mean_interval(samples), DescrStatsW(samples)
    low, high = reference.tconfint_mean()
    for name, numbers in zip(("mean", "low", "high"), (reference.mean, low, high), strict=True):
        np.testing.assert_allclose(getattr(found, name), numbers, rtol=1e-10, err_msg=name)


def test_p_values_are_shares_of_all_flips_of_the_signs():
    samples = np.random.default_rng(0).normal([0.3, -1.0, 0.05], [1.0, 2.0, 0.1], (7, 3))
    sums = np.array([np.array(signs) @ samples for signs in product((1, -1), repeat=7)])
    found, seen = sign_flip_test(samples), samples.sum(axis=0)
    np.testing.assert_allclose(found.p_value, (np.abs(sums) >= np.abs(seen) - 1e-12).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.p_positive, (sums >= seen - 1e-12).mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("n", [2, 5, 6, 9, 14])
def test_limits_are_where_the_test_begins_to_reject(n):
    samples = np.random.default_rng(n).standard_t(3, (n, 20)) + 0.5
    found, little = sign_flip_test(samples), 1e-9
    if n < 6:
        assert np.isinf(found.low).all(), "no p-value is as low as 5%"
        assert np.isinf(found.high).all()
        return
    for end, inwards in ((found.low, little), (found.high, -little)):
        assert (sign_flip_test(samples - end + inwards).p_value <= 0.05).all()
        assert (sign_flip_test(samples - end - inwards).p_value > 0.05).all()


@pytest.mark.parametrize("n", [7, 20, 40])
def test_zero_is_outside_the_limits_exactly_where_p_is_at_most_5_percent(n):
    rng = np.random.default_rng(n)
    shift = rng.uniform(0, 3, 50) / np.sqrt(n)
    normal = rng.normal(shift, 1.0, (n, 50))
    # Ties, whole numbers, and one sample that outweighs the others.
    rough = np.concatenate(
        [np.rint(normal[:, :20]), normal[:, 20:] * np.where(np.arange(n) == 3, 50.0, 1.0)[:, None]], 1
    )
    found = sign_flip_test(np.concatenate([normal, rough], axis=1))
    outside = (found.low > 0) | (found.high < 0)
    np.testing.assert_array_equal(outside, found.p_value <= 0.05)
    assert 0 < outside.sum() < 100


def test_limits_hold_the_truth_of_symmetric_samples_19_times_in_20_whatever_their_shape():
    """10,000 samples of 8 with rare large values: a right interval fails with 1e-6, one of 93% is missed with 1e-4."""
    rng, n_samples = np.random.default_rng(5), 10_000
    samples = rng.normal(0.3, 0.01, (8, n_samples))
    samples += (rng.random(samples.shape) < 0.1) * rng.choice([-1.0, 1.0], samples.shape)
    found = sign_flip_test(samples)
    missed = int(((found.low > 0.3) | (found.high < 0.3)).sum())
    assert bdtrc(missed - 1, n_samples, 0.05) > 1e-6
    assert missed > 100, "limits without end would pass too"


def test_small_differences_are_none():
    found = paired_differences(np.array([1.0, 1.0, 1.0, 3.0]), np.array([1.0, 0.9998, 1.0003, 2.5]), 2.0)
    np.testing.assert_allclose(found, [0, 0, -0.0003, 0.5], rtol=1e-9, atol=0)


def test_many_samples_are_flipped_at_random_and_agree_with_student():
    samples = np.random.default_rng(2).normal([0.3, 0.1, -0.2], 1.0, (60, 3))
    found, reference = sign_flip_test(samples), DescrStatsW(samples)
    np.testing.assert_allclose(found.p_value, reference.ttest_mean()[1], atol=0.01)
    np.testing.assert_allclose(found.p_positive, reference.ttest_mean(alternative="larger")[1], atol=0.01)
    assert sign_flip_test(samples + 9).p_value.max() == 1 / N_DRAWN, "the flips seen count themselves"


def test_a_true_null_of_symmetric_samples_is_kept_whatever_their_shape():
    """5,000 samples of 8 with rare large values of either sign: at most 5% below 0.05, a right test fails with 1e-6."""
    rng = np.random.default_rng(3)
    samples = rng.normal(0, 0.01, (8, 5000)) + (rng.random((8, 5000)) < 0.1) * rng.choice([-1.0, 1.0], (8, 5000))
    below = int((sign_flip_test(samples).p_value <= 0.05).sum())
    assert bdtrc(below - 1, 5000, 0.05) > 1e-6
    assert below > 100, "a test that never rejects would pass too"


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


@pytest.mark.parametrize(("value", "two_sided", "positive"), [(0.0, 1.0, 1.0), (0.3, 2**-6, 2**-7), (-0.3, 2**-6, 1.0)])
def test_samples_that_do_not_vary_say_no_more_than_their_signs(value, two_sided, positive):
    # 0.3 has no exact sum: rounding must not pass for scatter.
    samples = np.full((7, 1), value)
    found, tested = mean_interval(samples), sign_flip_test(samples)
    assert (tested.p_value, tested.p_positive) == (two_sided, positive)
    np.testing.assert_allclose([found.low, found.high], value, atol=1e-15)


def test_one_sample_has_no_interval():
    with pytest.raises(InputError, match="at least two for an interval, got 1"):
        mean_interval(np.ones((1, 3)))
    with pytest.raises(InputError, match="at least two for an interval, got 1"):
        sign_flip_test(np.ones((1, 3)))
