"""Means over replicates with Student's t: intervals and paired tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from theory.errors import InputError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeanInterval:
    """Means, their 95% limits, and the evidence that they are not 0.

    Attributes
    ----------
    mean, low, high : arrays (...,)
        Equal where the samples do not vary.
    p_value : array (...,)
        Two-sided, of a mean of 0.
    p_positive : array (...,)
        One-sided, of a mean of at most 0.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    p_value: FloatArray
    p_positive: FloatArray


def mean_interval(samples: FloatArray) -> MeanInterval:
    """Interval of the mean over the first axis, (n, ...); differences of pairs make the test a paired one.

    Raises
    ------
    InputError
        If there are fewer than two samples.
    """
    n = len(samples)
    if n < 2:
        raise InputError(f"samples must be at least two for an interval, got {n}")
    mean = samples.mean(axis=0)
    error = samples.std(axis=0, ddof=1) / np.sqrt(n)
    half = stdtrit(n - 1, 0.975) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        t = mean / error
    # Samples that do not vary are known: equal to 0 or not, for certain.
    known = error <= 1e-15 * np.abs(mean)
    p_value = np.where(known, mean == 0, 2 * stdtr(n - 1, -np.abs(t)))
    return MeanInterval(mean, mean - half, mean + half, p_value, np.where(known, mean <= 0, stdtr(n - 1, -t)))
