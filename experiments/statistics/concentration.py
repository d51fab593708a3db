"""Bounds of the distance between a sample mean and its expectation, with a false-alarm rate valid for every size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from theory.arrays import FloatArray
from theory.errors import InputError


def bernstein(variance: ArrayLike, bound: ArrayLike, n: int, false_alarm: float) -> FloatArray:
    """Distance of the mean of n independent variables from its expectation, exceeded with at most this probability.

    The variance is known.

    Parameters
    ----------
    variance : array (...,)
    bound : array (...,)
        Largest distance of a variable from its expectation.
    n : int
    false_alarm : float
        Two-sided.

    References
    ----------
    S. Bernstein (1946); Boucheron, Lugosi and Massart, *Concentration Inequalities* (2013), section 2.8.
    """
    log = math.log(2 / _rate(false_alarm))
    linear = np.asarray(bound, dtype=np.float64) * log / (3 * n)
    return np.asarray(linear + np.sqrt(linear**2 + 2 * np.asarray(variance, dtype=np.float64) * log / n))


def empirical_bernstein(sample: FloatArray, spread: ArrayLike, false_alarm: float) -> FloatArray:
    """The same if only the range of the variables is known. Their variance is estimated from the sample.

    Parameters
    ----------
    sample : array (n, ...)
        Independent rows, at least two.
    spread : array (...,)
        Length of an interval that holds every variable.
    false_alarm : float
        Two-sided.

    Raises
    ------
    InputError
        If there are fewer than two rows.

    References
    ----------
    Maurer and Pontil, "Empirical Bernstein Bounds and Sample Variance Penalization", arXiv:0907.3740, theorem 4.
    """
    n = len(sample)
    if n < 2:
        raise InputError(f"sample must have at least two rows, got {n}")
    log = math.log(4 / _rate(false_alarm))
    variance = sample.var(axis=0, ddof=1)
    return np.asarray(np.sqrt(2 * variance * log / n) + 7 * np.asarray(spread) * log / (3 * (n - 1)))


def dvoretzky_kiefer_wolfowitz(n: int, false_alarm: float) -> float:
    """Distance of an empirical distribution function from the true one, exceeded with at most this probability.

    References
    ----------
    P. Massart, "The Tight Constant in the Dvoretzky-Kiefer-Wolfowitz Inequality", Annals of Probability 18 (1990).
    """
    return math.sqrt(math.log(2 / _rate(false_alarm)) / (2 * n))


def _rate(false_alarm: float) -> float:
    if not 0 < false_alarm < 1:
        raise InputError(f"false_alarm must lie strictly between 0 and 1, got {false_alarm}")
    return false_alarm
