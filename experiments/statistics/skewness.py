"""Student's t corrected for the skewness of what is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from theory.arrays import FloatArray

# A distance in standard errors that stands for infinity; its cube is finite.
FAR = 1e50
# Deviations below this share of the values are rounding of their mean.
ROUNDING = 1e-14


@dataclass(frozen=True, eq=False)
class SkewedEstimate:
    """Estimates from n independent replicates, and what their tests need.

    The law of the distance t from the truth, in standard errors, is that of Student but for its first correction:
    ``P(t <= x) = Phi(x) + (bend x^2 + offset) phi(x) / sqrt(n)``. For a mean of replicates with skewness c, bend is
    c / 3 and offset c / 6.

    Attributes
    ----------
    value, standard_error : arrays (...)
    bend, offset : arrays (...)
    df : float or array (...)
        Degrees of freedom of Student's t, n - 1.
    """

    value: FloatArray
    standard_error: FloatArray
    bend: FloatArray
    offset: FloatArray
    df: float | FloatArray

    @property
    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Two-sided 95% limits: the truths that neither `p_greater` nor `p_less` rejects at 2.5%."""
        return self.one_sided(0.975)

    def one_sided(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Lower and upper limits, each one-sided at this level."""
        quantile = np.asarray(stdtrit(self.df, level))
        below = np.maximum(quantile, self.distance_at(quantile))
        above = np.minimum(-quantile, self.distance_at(-quantile))
        return self.value - below * self.standard_error, self.value - above * self.standard_error

    def p_greater(self, truth: float | FloatArray) -> FloatArray:
        """p-value of the evidence that the truth is greater than this number: the larger of two.

        One is that of Student's t, the other that of the statistic corrected for skewness. Where replicates are skewed
        the first is too small. Far out, and with few replicates, the second is, because the skewness is estimated.
        """
        return self._p(truth, 1)

    def p_less(self, truth: float | FloatArray) -> FloatArray:
        """p-value of the evidence that the truth is less than this number; see `p_greater`."""
        return self._p(truth, -1)

    def _p(self, truth: float | FloatArray, side: int) -> FloatArray:
        weaker = np.minimum(side * self._distance(truth), side * self.statistic(truth))
        return np.asarray(stdtr(self.df, -weaker))

    def statistic(self, truth: float | FloatArray) -> FloatArray:
        """Distance from a truth in standard errors, corrected (Hall); huge where nothing varies.

        With w the distance over sqrt(n), it is ``sqrt(n) (w + bend w^2 + bend^2 w^3 / 3 + offset / n)``. It grows with
        w, and its law is that of Student up to 1/n.

        References
        ----------
        P. Hall, "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54 (1992).
        """
        n = np.asarray(self.df) + 1
        w = self._distance(truth) / np.sqrt(n)
        bent = self.bend * w
        return np.asarray(np.sqrt(n) * (w * (1 + bent + bent**2 / 3) + self.offset / n))

    def _distance(self, truth: float | FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num((self.value - truth) / self.standard_error, posinf=FAR, neginf=-FAR)

    def distance_at(self, statistic: float | FloatArray) -> FloatArray:
        """The distance in standard errors at which the statistic has a value."""
        n = np.asarray(self.df) + 1
        moved = statistic / np.sqrt(n) - self.offset / n
        # The root of moved = ((1 + bend w)^3 - 1) / (3 bend), without cancellation.
        root = np.cbrt(1 + 3 * self.bend * moved)
        return np.asarray(3 * moved / (root**2 + root + 1) * np.sqrt(n))


def skewness(sample: ArrayLike) -> FloatArray:
    """Skewness over the last axis: an unbiased third cumulant over the cube of the standard deviation.

    It is 0 for two values, and where nothing varies.
    """
    values = np.asarray(sample, dtype=float)
    n = values.shape[-1]
    centred = values - values.mean(axis=-1, keepdims=True)
    if n < 3:
        return np.zeros(values.shape[:-1])
    deviation = np.sqrt((centred**2).sum(axis=-1) / (n - 1))
    cumulant = (centred**3).sum(axis=-1) * (n / ((n - 1) * (n - 2)))
    varies = deviation > ROUNDING * np.abs(values).max(axis=-1)
    return np.asarray(cumulant / np.where(varies, deviation, np.inf) ** 3)


def of_mean(sample: ArrayLike) -> SkewedEstimate:
    """The mean of replicates over the last axis, of which there are at least two."""
    values = np.asarray(sample, dtype=float)
    n, skew = values.shape[-1], skewness(values)
    error = values.std(axis=-1, ddof=1) / math.sqrt(n)
    return SkewedEstimate(values.mean(axis=-1), error, skew / 3, skew / 6, n - 1)
