"""Inverse links as series in the probabilities that votes agree.

If votes are asked one by one until the first that differs, the first j of them all prefer the first trajectory with
probability p^j, and all prefer the second with probability (1 - p)^j. So a series

    sigma^{-1}(p) = c + sum_j a_j p^j + sum_j b_j (1 - p)^j,  0 < p < 1,

is estimated without bias: after a run of k equal votes read c + a_1 + ... + a_k, or c + b_1 + ... + b_k.
The singularity of sigma^{-1} at p = 1 belongs to the first sum, and that at p = 0 to the second, so both converge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import wofz, zeta

from theory.arrays import FloatArray

# Grid of the integral for probit. Halving the spacing, or a longer grid, changes nothing above 1e-13.
SPACING, LOWEST, HIGHEST = 0.05, -80.0, 40.0
NEWTON_STEPS = 60
TERMS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class AgreementSeries:
    """Coefficients of an inverse link.

    Attributes
    ----------
    constant : float
        c.
    first, second : arrays (n,)
        a_1, ..., a_n and b_1, ..., b_n.
    """

    constant: float
    first: FloatArray
    second: FloatArray

    @property
    def values(self) -> tuple[FloatArray, FloatArray]:
        """Values read after 1, ..., n votes for the first trajectory, and after so many for the second, each (n,)."""
        return self.constant + np.cumsum(self.first), self.constant + np.cumsum(self.second)

    def scaled(self, scale: float) -> AgreementSeries:
        """Series of scale times the inverse link."""
        return AgreementSeries(scale * self.constant, scale * self.first, scale * self.second)


def logistic_series(n: int) -> AgreementSeries:
    """Log p - log(1 - p): a_j = 1 / j = -b_j."""
    return _odd(1 / np.arange(1.0, n + 1))


def cauchit_series(n: int) -> AgreementSeries:
    """-cot(pi p): a_j = zeta(j + 1) / pi = -b_j, from the partial fractions of the cotangent."""
    return _odd(zeta(np.arange(2.0, n + 2)) / math.pi)


def linear_series(n: int) -> AgreementSeries:
    """2 p - 1 = p - (1 - p): one vote is enough."""
    first = np.zeros(n)
    first[0] = 1.0
    return _odd(first)


def cloglog_series(n: int) -> AgreementSeries:
    """log(-log(1 - p) / log 2) = log p + log L(p) - log log 2, where L(p) = -log(1 - p) / p = sum_j p^j / (j + 1).

    b_j = -1 / j, and a_j are the coefficients of log L.
    """
    j = np.arange(n + 1.0)
    inverse = 1 / (j + 1)
    first = np.zeros(n + 1)
    for m in range(1, n + 1):  # m L_m = sum_k k a_k L_(m - k)
        first[m] = inverse[m] - (j[1:m] * first[1:m]) @ inverse[m - 1 : 0 : -1] / m
    return AgreementSeries(-math.log(math.log(2)), first[1:], -1 / j[1:])


def probit_series(n: int) -> AgreementSeries:
    """Inverse of the normal distribution function.

    It continues analytically to the plane without the cuts p <= 0 and p >= 1. Cauchy's formula gives one sum a cut:
    a_j = -b_j = (1 / pi) times the integral of Im z(t) / t^(j + 1) over t > 1, where Phi(z(t)) = t, on the side where
    Im z > 0.
    """
    log_excess, imaginary = _cut()  # t = 1 + exp(log_excess)
    log_t = np.log1p(np.exp(log_excess))
    weights = SPACING / math.pi * imaginary
    first = np.empty(n)
    for start in range(0, n, TERMS_AT_ONCE):
        j = np.arange(start + 1, min(start + TERMS_AT_ONCE, n) + 1)
        first[start : start + len(j)] = np.exp(log_excess - (j[:, None] + 1) * log_t) @ weights
    return _odd(first)


def _odd(first: FloatArray) -> AgreementSeries:
    return AgreementSeries(0.0, first, -first)


@lru_cache(maxsize=1)
def _cut() -> tuple[FloatArray, FloatArray]:
    """Grid of log(t - 1), and Im z(t) > 0 there, where Phi(z) = t.

    1 - Phi(z) = -(t - 1), so log Phi(-z) = log(t - 1) + i pi up to the sign of i, which Newton's method solves from
    the asymptote of the normal tail.
    """
    log_excess = np.arange(LOWEST, HIGHEST, SPACING)
    target = log_excess + 1j * math.pi
    root = -np.sqrt(-2 * target)
    for _ in range(NEWTON_STEPS):
        scaled = 1j * -root / math.sqrt(2)
        faddeeva = wofz(scaled)
        error = np.log(faddeeva / 2) + scaled**2 - target
        error.imag = (error.imag + math.pi) % (2 * math.pi) - math.pi  # a logarithm of another branch
        root = root - error * faddeeva * math.sqrt(math.pi / 2)
    return log_excess, np.abs(root.imag)
