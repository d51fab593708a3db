"""Limits and tests for bounded observations of any law, valid for every number of them: no shape can fool them.

References
----------
W. Hoeffding, "Probability Inequalities for Sums of Bounded Random Variables", Journal of the American Statistical
Association 58 (1963), section 5b for statistics of two samples; I. Waudby-Smith and A. Ramdas, "Estimating Means of
Bounded Random Variables by Betting", Journal of the Royal Statistical Society B 86 (2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr

from experiments.statistics.intervals import RESOLUTION
from theory.arrays import FloatArray
from theory.errors import InputError

# Bets on the mean, as shares of the largest possible one, and how the first capital is shared among them. Most of it
# is on the largest bets, which win most where nearly all values lie near one end.
_BETS = 2.0 ** -np.arange(10)
_SHARES = _BETS / _BETS.sum()
_BISECTIONS = 32
# Bounds this close together differ by rounding.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Improvement:
    """Probability that a run of the first method ends above one of the second. Ties count half.

    Attributes
    ----------
    probability, low, high : arrays (...,)
        Estimate, and 95% limits.
    p_value : array (...,)
        Two-sided, against 1/2. It is at most 0.05 if and only if 1/2 is not between the limits.
    """

    probability: FloatArray
    low: FloatArray
    high: FloatArray
    p_value: FloatArray


def improvement(first: FloatArray, second: FloatArray, optimum: float) -> Improvement:
    """Compare independent samples, (n, ...) each, by all their pairs.

    The estimate is a mean over n independent pairs, averaged over all ways to pair. So Chernoff's bound of n tosses of
    a coin holds for it, whatever the two laws are.

    Parameters
    ----------
    first, second : arrays (n, ...)
    optimum : float
        A difference below 1e-4 of it is a tie.

    Raises
    ------
    InputError
        If there are fewer than two observations, or the samples are of different sizes.
    """
    if len(first) != len(second) or len(first) < 2:
        raise InputError(f"samples must be of one size, at least two, got {len(first)} and {len(second)}")
    return chernoff(improvement_scores(first, second, optimum).mean(axis=(0, 1)), len(first))


def chernoff(share: FloatArray, n: int) -> Improvement:
    """Limits and p-values of shares, as of n tosses of a coin."""
    p_value = np.minimum(1.0, 2 * np.exp(-n * _divergence(share, 0.5)))
    return Improvement(share, _chernoff_low(share, n), np.asarray(1 - _chernoff_low(1 - share, n)), p_value)


def improvement_scores(first: FloatArray, second: FloatArray, optimum: float) -> FloatArray:
    """1 where the first value is above the second, 1/2 for a tie, 0 below it: all pairs of (n, ...) and (m, ...)."""
    apart = np.asarray(first)[:, None] - np.asarray(second)[None]
    return np.where(np.abs(apart) <= RESOLUTION * abs(optimum), 0.5, apart > 0)


def _divergence(p: FloatArray, q: FloatArray | float) -> FloatArray:
    """Kullback-Leibler divergence of one coin from another."""
    return np.asarray(rel_entr(p, q) + rel_entr(1 - p, 1 - np.asarray(q)))


def _chernoff_low(share: FloatArray, n: int, outside: float = 0.05) -> FloatArray:
    """Largest rate so far below the share that the share would have probability outside / 2 at most."""
    low, high = np.zeros_like(share), np.array(share)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        refused = n * _divergence(share, middle) > np.log(2 / outside)
        low, high = np.where(refused, middle, low), np.where(refused, high, middle)
    return low


def mean_limits(samples: FloatArray, least: float, most: float, outside: float = 0.05) -> tuple[FloatArray, FloatArray]:
    """Limits of the mean over the first axis, (n, ...), of values between `least` and `most`.

    A gambler bets against each mean in turn; a mean at which the capital would grow by 2 / outside is refused.

    Parameters
    ----------
    samples : array (n, ...)
    least, most : float
        Values beyond them by rounding are moved to them.
    outside : float
        Largest probability that the limits miss the mean.

    Raises
    ------
    InputError
        If `least` is above `most`, or a value is not between them.
    """
    if least > most:
        raise InputError(f"least must be at most most, got {least} and {most}")
    if most - least <= _SAME * max(1.0, abs(most)):
        return np.full(samples.shape[1:], least), np.full(samples.shape[1:], most)
    shares = (np.asarray(samples, dtype=np.float64) - least) / (most - least)
    if not ((shares > -1e-9) & (shares < 1 + 1e-9)).all():
        raise InputError(f"samples must lie between {least} and {most}, got {samples.min()} to {samples.max()}")
    shares = shares.clip(0, 1)
    low, high = _betting_low(shares, outside), 1 - _betting_low(1 - shares, outside)
    return least + (most - least) * low, least + (most - least) * high


def _betting_low(shares: FloatArray, outside: float) -> FloatArray:
    """Lower limit of the mean of values in [0, 1]. The capital falls as the mean grows, so it is bisected."""
    low, high = np.zeros(shares.shape[1:]), shares.mean(axis=0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        refused = _log_capital(shares, middle) > np.log(2 / outside)
        low, high = np.where(refused, middle, low), np.where(refused, high, middle)
    return low


def _log_capital(shares: FloatArray, mean: FloatArray) -> FloatArray:
    """Log of the capital after bets that the mean is larger than stated; it starts at 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(mean > 0, shares / mean, np.where(shares > 0, np.inf, 1.0))
        logs = [
            np.log(share) + np.log1p(bet * (ratio - 1)).sum(axis=0) for bet, share in zip(_BETS, _SHARES, strict=True)
        ]
    return np.asarray(np.logaddexp.reduce(logs, axis=0))
