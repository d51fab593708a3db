"""Means over replicates: Student's t intervals, and tests by flipping signs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from theory.errors import InputError

FloatArray = NDArray[np.float64]

# Samples up to which all flips of their signs are tried, and the number drawn beyond.
MOST_ENUMERATED, N_DRAWN = 20, 2**17


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
class SignFlips:
    """Evidence that samples, symmetric about their mean, do not have mean 0.

    Attributes
    ----------
    p_value : array (...,)
        Two-sided: the share of all ways to flip signs that give a mean as far from 0. Never below 2^(1 - n), where t of
        a few samples of two values can promise anything.
    p_positive : array (...,)
        One-sided, against means of at most 0.
    """

    p_value: FloatArray
    p_positive: FloatArray


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

    The flips of up to 20 samples are enumerated; of more, 2^17 are drawn, the same ones always, among them that which
    was seen. It cannot know of rare falls that no sample shows.

    Raises
    ------
    InputError
        If there are fewer than two samples.

    References
    ----------
    R. A. Fisher, *The Design of Experiments* (1935), section 21.
    """
    _check(samples)
    flat = np.asarray(samples, dtype=np.float64).reshape(len(samples), -1)
    seen = flat.sum(axis=0)
    # Sums that differ in rounding alone are equal.
    far, near = np.abs(seen), 1e-12 * np.abs(flat).sum(axis=0)
    outside, above = np.zeros(flat.shape[1]), np.zeros(flat.shape[1])
    flips = _flips(len(samples))
    for piece in np.array_split(flips, -(-len(flips) // 2**14)):
        # The first sign is held: the other half of the flips are mirror images.
        sums = flat[0] + piece.astype(np.float64) @ flat[1:]
        outside += (np.abs(sums) >= far - near).sum(axis=0)
        above += (sums >= seen - near).sum(axis=0) + (-sums >= seen - near).sum(axis=0)
    shape = samples.shape[1:]
    return SignFlips((outside / len(flips)).reshape(shape), (above / (2 * len(flips))).reshape(shape))


@lru_cache(maxsize=4)
def _flips(n: int) -> NDArray[np.int8]:
    """Signs of all samples but the first, (flips, n - 1)."""
    if n <= MOST_ENUMERATED:
        bits = (np.arange(2 ** (n - 1), dtype=np.int64)[:, None] >> np.arange(n - 1)) & 1
        return (1 - 2 * bits).astype(np.int8)
    signs = np.random.default_rng(0).choice(np.array([-1, 1], dtype=np.int8), (N_DRAWN, n - 1))
    signs[0] = 1
    return signs


def _check(samples: FloatArray) -> None:
    if len(samples) < 2:
        raise InputError(f"samples must be at least two for an interval, got {len(samples)}")
