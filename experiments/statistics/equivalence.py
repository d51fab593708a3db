"""Equivalence tests: is a ratio equal to 1 up to a margin, alone or in a family that is looked at several times."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from experiments.statistics.verdicts import holm
from theory.arrays import FloatArray
from theory.errors import InputError

# A distance in standard deviations that stands for infinity; its cube is finite.
FAR = 1e50


@dataclass(frozen=True, eq=False)
class RatioEstimate:
    """Measured ratios and what their tests need.

    Attributes
    ----------
    ratio, standard_error : arrays (...)
        The error of the prediction is included.
    skewness : array (...)
        Of a replicate, reduced by the share of the error that is the prediction's.
    df : int
        Degrees of freedom of Student's t, one less than the number of replicates.
    """

    ratio: FloatArray
    standard_error: FloatArray
    skewness: FloatArray
    df: int

    @property
    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Two-sided 95% limits: the ratios that the two one-sided tests at 2.5% do not reject."""
        quantile = float(stdtrit(self.df, 0.975))
        return self._at(quantile), self._at(-quantile)

    def statistic(self, truth: float | FloatArray) -> FloatArray:
        """Distance from a true ratio in standard errors, corrected for skewness (Hall); huge where nothing varies.

        For means w of skewed samples, ``w + c w^2 / 3 + c^2 w^3 / 27 + c / (6 n)`` is nearer to normal, where w is the
        distance in standard deviations of a replicate and c the skewness.

        References
        ----------
        P. Hall, "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54 (1992).
        """
        n = self.df + 1
        with np.errstate(divide="ignore", invalid="ignore"):
            w = np.nan_to_num((self.ratio - truth) / (self.standard_error * math.sqrt(n)), posinf=FAR, neginf=-FAR)
        bend = self.skewness * w / 3
        return np.asarray(math.sqrt(n) * (w * (1 + bend + bend**2 / 3) + self.skewness / (6 * n)))

    def _at(self, statistic: float) -> FloatArray:
        """The true ratio at which the statistic has a value."""
        n = self.df + 1
        moved = statistic / math.sqrt(n) - self.skewness / (6 * n)
        # The root of moved = ((1 + skewness w / 3)^3 - 1) / skewness, without cancellation.
        root = np.cbrt(1 + self.skewness * moved)
        w = 3 * moved / (root**2 + root + 1)
        return np.asarray(self.ratio - w * self.standard_error * math.sqrt(n))


def ratio_of(samples: ArrayLike, predicted: ArrayLike, predicted_error: ArrayLike = 0.0) -> RatioEstimate:
    """Ratio of the mean of independent replicates to a prediction with a standard error of its own.

    Parameters
    ----------
    samples : array (..., n)
    predicted, predicted_error : arrays (...)

    Raises
    ------
    InputError
        If there are fewer than two replicates, or a prediction is not positive.
    """
    y, predicted = np.asarray(samples, dtype=float), np.asarray(predicted, dtype=float)
    n = y.shape[-1]
    if n < 2 or not ((predicted > 0) & (predicted < math.inf)).all():
        raise InputError(f"samples must be at least 2 and the prediction positive, got {n} and {predicted}")
    mean = y.mean(axis=-1)
    centred = y - mean[..., None]
    deviation = np.sqrt((centred**2).sum(axis=-1) / (n - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = np.nan_to_num((centred**3).mean(axis=-1) / deviation**3)
    ratio, sampling = mean / predicted, deviation / math.sqrt(n) / predicted
    total = np.hypot(sampling, ratio * predicted_error / predicted)
    share = np.divide(sampling, total, out=np.ones_like(total), where=total > 0)
    return RatioEstimate(ratio, total, skewness * share**3, n - 1)


def p_values(estimate: RatioEstimate, margin: ArrayLike) -> FloatArray:
    """Unadjusted p-values (2, ...) of the evidence that ratios lie within a margin of 1, and that they lie outside.

    The first is the larger of two one-sided tests (Schuirmann), the second is two-sided.

    References
    ----------
    D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
    equivalence of average bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
    """
    low, high = (estimate.statistic(1 + sign * np.asarray(margin)) for sign in (-1, 1))
    exact = np.maximum(stdtr(estimate.df, -low), stdtr(estimate.df, high))
    beyond = np.minimum(1.0, 2 * np.minimum(stdtr(estimate.df, low), stdtr(estimate.df, -high)))
    return np.stack([exact, beyond])


def call_at_look(raw: FloatArray, called: NDArray[np.bool_], level: float) -> NDArray[np.bool_]:
    """What is called after one more look at families of claims.

    Holm's procedure for each of the two calls. A claim that has one call stays in the family of both, for the reason
    given in `experiments.statistics.sequential.judge_sequentially`. If the levels of all looks add up to 5%, any wrong
    call of one kind in the family has probability at most 5%.

    Parameters
    ----------
    raw : array (2, ..., n_claims)
        Unadjusted p-values for the two calls. Those of claims that are called do not matter.
    called : bool array (2, ..., n_claims)
        What was called at earlier looks.
    level : float
        Of this look.
    """
    settled = np.where(called, 0.0, np.where(called[::-1], 1.0, raw))
    still_open = ~called.any(axis=0)
    return np.asarray(called | (still_open & (holm(settled) <= level)))
