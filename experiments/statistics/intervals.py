"""Means over replicates: Student's t intervals, and tests and intervals by flipping signs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from theory.arrays import FloatArray
from theory.errors import InputError

# Samples up to which all flips of their signs are tried, and the number drawn beyond, each with its mirror image.
MOST_ENUMERATED, N_DRAWN = 20, 2**17
# Share of the optimum below which two values are the same for all purposes.
RESOLUTION = 1e-4


@dataclass(frozen=True, eq=False)
class MeanInterval:
    """Means and their 95% limits.

    Attributes
    ----------
    mean, low, high : arrays (...,)
        Equal where the samples do not vary.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class SignFlips(MeanInterval):
    """Means of samples that are symmetric about the truth, with what flips of signs say of it.

    Attributes
    ----------
    mean, low, high : arrays (...,)
        The 95% limits are those of all values that the two-sided test does not reject at 5%: 0 is between them where
        `p_value` is above 0.05 and nowhere else. Infinite for fewer than six samples.
    p_value : array (...,)
        Two-sided: the share of all ways to flip signs that give a mean as far from 0. Never below 2^(1 - n), where t of
        a few samples of two values can promise anything.
    p_positive : array (...,)
        One-sided, against means of at most 0.
    """

    p_value: FloatArray
    p_positive: FloatArray


@dataclass(frozen=True, eq=False)
class _Flips:
    """Ways to flip the signs of n samples, and what of a test does not depend on the samples. Arrays are read-only.

    Attributes
    ----------
    signs : array (flips, n - 1)
        Of all samples but the first, whose sign is held: the other half of the flips are mirror images.
    turn_some : array (flips,)
        Whether any sign is turned.
    divisors : array (flips that turn some + flips,)
        Twice the number of signs turned, by those flips that turn some and then by all mirror images.
    n_below : int
        Means below the lower limit; negative if no p-value is as low as 5%.
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
    """Test of a mean of 0 over the first axis, (n, ...), by flipping signs; differences of pairs make it a paired test.

    The flips of up to 20 samples are enumerated; of more, 2^18 are drawn, the same ones always, among them that which
    was seen. It cannot know of rare falls that no sample shows.

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
    """Limits, two-sided and one-sided p-value of one sample (n,)."""
    seen = sample.sum()
    sums = sample[0] + flips.signs @ sample[1:]
    # Sums that differ in rounding alone are equal.
    near = 1e-12 * np.abs(sample).sum()
    p_value = float((np.abs(sums) >= abs(seen) - near).mean())
    p_positive = float(((sums >= seen - near).mean() + (-sums >= seen - near).mean()) / 2)
    if flips.n_below < 0:
        return -math.inf, math.inf, p_value, p_positive
    # After a shift, a flip gives no less than what was seen if the mean of the samples it turns is at most the shift;
    # that which turns none never gives less.
    means = np.concatenate([seen - sums[flips.turn_some], seen + sums])
    means /= flips.divisors
    # One end at a time: numpy is three times slower when asked for both.
    means.partition(flips.n_below)
    low = float(means[flips.n_below])
    means.partition(len(means) - 1 - flips.n_below)
    return low, float(means[-1 - flips.n_below]), p_value, p_positive


def paired_differences(first: FloatArray, second: FloatArray, optimum: float) -> FloatArray:
    """Differences of values, 0 where they are below 1e-4 of the optimum: nobody would choose a method for those."""
    differences = np.subtract(first, second)
    return np.where(np.abs(differences) <= RESOLUTION * abs(optimum), 0.0, differences)


@lru_cache(maxsize=1)
def _flips(n: int) -> _Flips:
    """Flips of n samples. The last ones asked for are kept: 90 MB for 20 samples, and 1 MB a sample beyond that."""
    signs = _signs(n)
    turned = (n - 1 - signs.sum(axis=1)) / 2
    turn_some = turned > 0
    divisors = 2 * np.concatenate([turned[turn_some], n - turned])
    for array in (signs, turn_some, divisors):
        array.setflags(write=False)
    n_below = int(0.025 * 2 * len(signs)) - int((~turn_some).sum())
    return _Flips(signs, turn_some, divisors, n_below)


def _signs(n: int) -> FloatArray:
    """Signs of all samples but the first, (flips, n - 1)."""
    if n <= MOST_ENUMERATED:
        turned = np.arange(2 ** (n - 1), dtype=np.int64)[:, None] & (1 << np.arange(n - 1))
        return np.where(turned, -1.0, 1.0)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (N_DRAWN, n - 1))
    signs[0] = 1
    return signs


def _check(samples: FloatArray) -> None:
    if len(samples) < 2:
        raise InputError(f"samples must be at least two for an interval, got {len(samples)}")
