"""The built-in links."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from theory.agreement_series import (
    AgreementSeries,
    cauchit_series,
    cloglog_series,
    linear_series,
    logistic_series,
    probit_series,
)
from theory.arrays import FloatArray
from theory.links import ScaledLink

# exp overflows just above it, and 2^(-exp x) is 0 far below it.
LARGEST_EXPONENT = 700.0


@dataclass(frozen=True)
class Logistic(ScaledLink):
    """sigma(x) = 1 / (1 + exp(-x / scale)).

    References
    ----------
    Bradley and Terry, *Rank analysis of incomplete block designs*, Biometrika 39 (1952).
    """

    def agreement_series(self, n: int) -> AgreementSeries:
        """Series of the inverse in the probabilities that votes agree, to n terms."""
        return logistic_series(n).scaled(self.scale)

    def _distribution(self, z: FloatArray) -> Any:
        return expit(z)

    def _quantile(self, p: FloatArray) -> Any:
        return logit(p)

    def _density(self, z: FloatArray) -> Any:
        return expit(z) * expit(-z)

    def _density_slope(self, z: FloatArray) -> Any:
        return -np.tanh(z / 2) * self._density(z)


@dataclass(frozen=True)
class Probit(ScaledLink):
    """sigma(x) = Phi(x / scale), Phi the standard normal distribution function.

    References
    ----------
    Thurstone, *A law of comparative judgment*, Psychological Review 34 (1927).
    """

    def agreement_series(self, n: int) -> AgreementSeries:
        """Series of the inverse in the probabilities that votes agree, to n terms."""
        return probit_series(n).scaled(self.scale)

    def _distribution(self, z: FloatArray) -> Any:
        return ndtr(z)

    def _quantile(self, p: FloatArray) -> Any:
        return ndtri(p)

    def _density(self, z: FloatArray) -> Any:
        return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    def _density_slope(self, z: FloatArray) -> Any:
        return -z * self._density(z)


@dataclass(frozen=True)
class Cauchit(ScaledLink):
    """sigma(x) = 1/2 + arctan(x / scale) / pi, with heavy tails that hardly saturate."""

    def agreement_series(self, n: int) -> AgreementSeries:
        """Series of the inverse in the probabilities that votes agree, to n terms."""
        return cauchit_series(n).scaled(self.scale)

    def _distribution(self, z: FloatArray) -> Any:
        # Unlike 1/2 + arctan(z) / pi, it cancels no digits in the lower tail.
        return np.arctan2(1.0, -z) / np.pi

    def _quantile(self, p: FloatArray) -> Any:
        tail = np.minimum(p, 1 - p)
        return np.where(tail < 0.25, np.copysign(1 / np.tan(np.pi * tail), p - 0.5), np.tan(np.pi * (p - 0.5)))

    def _density(self, z: FloatArray) -> Any:
        return 1 / (np.pi * (1 + z**2))

    def _density_slope(self, z: FloatArray) -> Any:
        return -2 * z / (np.pi * (1 + z**2) ** 2)


@dataclass(frozen=True)
class ComplementaryLogLog(ScaledLink):
    """sigma(x) = 1 - 2^(-exp(x / scale)): a Weibull link, not symmetric."""

    @property
    def symmetric(self) -> bool:
        """False: the upper tail is lighter than the lower one."""
        return False

    def _hazard(self, z: FloatArray) -> FloatArray:
        """The u in sigma = 1 - exp(-u)."""
        return math.log(2) * np.exp(np.minimum(z, LARGEST_EXPONENT))

    def agreement_series(self, n: int) -> AgreementSeries:
        """Series of the inverse in the probabilities that votes agree, to n terms."""
        return cloglog_series(n).scaled(self.scale)

    def _distribution(self, z: FloatArray) -> Any:
        return -np.expm1(-self._hazard(z))

    def _tail(self, z: FloatArray) -> Any:
        return np.exp(-self._hazard(z))

    def _quantile(self, p: FloatArray) -> Any:
        return np.log(-np.log1p(-p) / math.log(2))

    def _density(self, z: FloatArray) -> Any:
        hazard = self._hazard(z)
        return hazard * np.exp(-hazard)

    def _density_slope(self, z: FloatArray) -> Any:
        return (1 - self._hazard(z)) * self._density(z)


@dataclass(frozen=True)
class Linear(ScaledLink):
    """sigma(x) = 1/2 + x / (2 scale) on [-scale, scale], 0 below and 1 above: its inverse is linear."""

    def agreement_series(self, n: int) -> AgreementSeries:
        """Series of the inverse in the probabilities that votes agree, to n terms."""
        return linear_series(n).scaled(self.scale)

    def _distribution(self, z: FloatArray) -> Any:
        return np.clip((1 + z) / 2, 0.0, 1.0)

    def _quantile(self, p: FloatArray) -> Any:
        return 2 * p - 1

    def _density(self, z: FloatArray) -> Any:
        return np.where(np.abs(z) <= 1, 0.5, 0.0)

    def _density_slope(self, z: FloatArray) -> Any:
        return np.zeros_like(z)


LINKS: dict[str, type[ScaledLink]] = {
    "logistic": Logistic,
    "probit": Probit,
    "cauchit": Cauchit,
    "cloglog": ComplementaryLogLog,
    "linear": Linear,
}
