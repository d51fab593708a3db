"""Means over replicates: Student's t intervals, and sign-flip tests with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from theory.arrays import FloatArray
from theory.errors import InputError

# Largest number of samples for which all sign flips are enumerated, and the number of flips drawn for more samples.
# Each flip is used with its mirror image.
MOST_ENUMERATED, N_DRAWN = 20, 2**17
# A difference below this share of the optimum counts as 0.
RESOLUTION = 1e-4


@dataclass(frozen=True, eq=False)
class MeanInterval:
    """Means and their 95% limits.

    Attributes
    ----------
    mean, low, high : arrays (...,)
        All equal if the samples do not vary.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class SignFlips(MeanInterval):
    """Sign-flip tests of means, for samples that are symmetric about the truth.

    Attributes
    ----------
    mean, low, high : arrays (...,)
        The 95% limits hold all values that the two-sided test does not reject at 5%. So 0 is between them if and only
        if `p_value` is above 0.05. They are infinite for fewer than six samples.
    p_value : array (...,)
        Two-sided: the share of all sign flips whose mean is at least as far from 0. It is never below 2^(1 - n).
        Student's t has no such bound: for a few samples with two values its p-value may be arbitrarily small.
    p_positive : array (...,)
        One-sided, against means of at most 0.
    """

    p_value: FloatArray
    p_positive: FloatArray


@dataclass(frozen=True, eq=False)
class _Flips:
    """Sign flips of n samples, and the parts of a test that do not depend on the samples. Arrays are read-only.

    Attributes
    ----------
    signs : array (flips, n - 1)
        Signs of all samples except the first, whose sign is fixed. The other half of the flips are mirror images.
    turn_some : array (flips,)
        Whether any sign is turned.
    divisors : array (flips that turn some + flips,)
        Twice the number of turned signs, for the flips that turn some, and then for all mirror images.
    n_below : int
        Number of means below the lower limit; negative if no p-value can be as low as 5%.
    """

    signs: FloatArray
    turn_some: NDArray[np.bool_]
    divisors: FloatArray
    n_below: int


def mean_interval(samples: FloatArray) -> MeanInterval:
    """Student's t interval of the mean over the first axis, (n, ...).

    Raises
    ------
    InputError
        If there are fewer than two samples.
    """
    _check(samples)
    n, mean = len(samples), samples.mean(axis=0)
    half = stdtrit(n - 1, 0.975) * samples.std(axis=0, ddof=1) / np.sqrt(n)
    return MeanInterval(mean, mean - half, mean + half)


def sign_flip_test(samples: FloatArray) -> SignFlips:
    """Sign-flip test of a mean of 0 over the first axis, (n, ...). With differences of pairs it is a paired test.

    For up to 20 samples all flips are enumerated. For more, 2^18 flips are drawn, always the same ones; the observed
    signs are one of them. Rare events that no sample shows are not covered by the limits.

    Raises
    ------
    InputError
        If there are fewer than two samples.

    References
    ----------
    R. A. Fisher, *The Design of Experiments* (1935), section 21; J. A. Hartigan, "Using Subsample Values as Typical
    Values", Journal of the American Statistical Association 64 (1969), for the limits.
    """
    _check(samples)
    flat = np.asarray(samples, dtype=np.float64).reshape(len(samples), -1)
    flips = _flips(len(flat))
    found = np.transpose([_flipped(column, flips) for column in flat.T]).reshape(4, *samples.shape[1:])
    low, high, p_value, p_positive = found
    return SignFlips(samples.mean(axis=0), low, high, p_value, p_positive)


def _flipped(sample: FloatArray, flips: _Flips) -> tuple[float, float, float, float]:
    """Limits, two-sided p-value and one-sided p-value of one sample (n,)."""
    seen = sample.sum()
    sums = sample[0] + flips.signs @ sample[1:]
    # Sums that differ by rounding count as equal.
    near = 1e-12 * np.abs(sample).sum()
    p_value = float((np.abs(sums) >= abs(seen) - near).mean())
    p_positive = float(((sums >= seen - near).mean() + (-sums >= seen - near).mean()) / 2)
    if flips.n_below < 0:
        return -math.inf, math.inf, p_value, p_positive
    # After a shift, a flip gives at least the observed sum if the mean of the turned samples is at most the shift. The
    # flip that turns no sample always does.
    means = np.concatenate([seen - sums[flips.turn_some], seen + sums])
    means /= flips.divisors
    # One end at a time, because numpy is three times slower for both at once.
    means.partition(flips.n_below)
    low = float(means[flips.n_below])
    means.partition(len(means) - 1 - flips.n_below)
    return low, float(means[-1 - flips.n_below]), p_value, p_positive


def paired_differences(first: FloatArray, second: FloatArray, optimum: float) -> FloatArray:
    """Differences of values. A difference below 1e-4 of the optimum counts as 0, since it has no practical meaning."""
    differences = np.subtract(first, second)
    return np.where(np.abs(differences) <= RESOLUTION * abs(optimum), 0.0, differences)


@lru_cache(maxsize=1)
def _flips(n: int) -> _Flips:
    """Flips of n samples. The last ones used are kept: 90 MB for 20 samples, and 1 MB per sample for more."""
    signs = _signs(n)
    turned = (n - 1 - signs.sum(axis=1)) / 2
    turn_some = turned > 0
    divisors = 2 * np.concatenate([turned[turn_some], n - turned])
    for array in (signs, turn_some, divisors):
        array.setflags(write=False)
    n_below = int(0.025 * 2 * len(signs)) - int((~turn_some).sum())
    return _Flips(signs, turn_some, divisors, n_below)


def _signs(n: int) -> FloatArray:
    """Signs of all samples except the first, (flips, n - 1)."""
    if n <= MOST_ENUMERATED:
        turned = np.arange(2 ** (n - 1), dtype=np.int64)[:, None] & (1 << np.arange(n - 1))
        return np.where(turned, -1.0, 1.0)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (N_DRAWN, n - 1))
    signs[0] = 1
    return signs


def _check(samples: FloatArray) -> None:
    if len(samples) < 2:
        raise InputError(f"samples must be at least two for an interval, got {len(samples)}")
