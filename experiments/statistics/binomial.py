"""Intervals of the rate at which something happens."""

from __future__ import annotations

from scipy.special import betaincinv


def clopper_pearson(count: int, n: int) -> tuple[float, float]:
    """Exact 95% interval of a binomial rate."""
    low = float(betaincinv(count, n - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 0.975)) if count < n else 1.0
    return low, high
