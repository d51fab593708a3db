"""Intervals of the rate at which something happens."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv


def clopper_pearson(count: int, n: int, outside: float = 0.05) -> tuple[float, float]:
    """Exact interval of a binomial rate, which misses it with probability at most ``outside``."""
    low = float(betaincinv(count, n - count + 1, outside / 2)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - outside / 2)) if count < n else 1.0
    return low, high


def rate_of(happened: NDArray[np.bool_]) -> dict[str, float]:
    """How often something happened: ``count, n, rate``, and an exact 95% interval ``low, high``."""
    count, n = int(happened.sum()), happened.size
    low, high = clopper_pearson(count, n)
    return {"count": count, "n": n, "rate": count / n, "low": low, "high": high}


def shown_outside(
    count: ArrayLike, n: ArrayLike, low: ArrayLike, high: ArrayLike, outside: float = 0.05
) -> NDArray[np.bool_]:
    """Which of several rates are shown to lie outside their limits, (k,).

    By exact intervals that hold together with probability ``1 - outside`` (Bonferroni). With single 95% intervals one
    rate in twenty would be outside by chance.

    Parameters
    ----------
    count, n, low, high : arrays (k,) or scalars
        A rate that has one limit only gets 0 or 1 for the other.
    outside : float, default 0.05
        Largest probability that any rate within its limits is named.
    """
    columns = np.broadcast_arrays(*map(np.atleast_1d, (count, n, low, high)))
    each = outside / max(1, columns[0].size)
    intervals = [clopper_pearson(int(k), int(size), each) for k, size in zip(columns[0], columns[1], strict=True)]
    found = np.array(intervals).reshape(-1, 2)
    return np.asarray((found[:, 1] < columns[2]) | (found[:, 0] > columns[3]))
