"""Intervals of the rate at which something happens."""

from __future__ import annotations

from scipy.special import betaincinv


def clopper_pearson(count: int, n: int, outside: float = 0.05) -> tuple[float, float]:
    """Exact interval of a binomial rate, which misses it with probability at most ``outside``."""
    low = float(betaincinv(count, n - count + 1, outside / 2)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - outside / 2)) if count < n else 1.0
    return low, high
