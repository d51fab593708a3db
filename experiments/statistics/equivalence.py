"""Equivalence tests: is a ratio equal to 1 up to a margin, alone or in a family that is looked at several times."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.statistics.skewness import SkewedEstimate, of_mean
from experiments.statistics.verdicts import holm
from theory.arrays import FloatArray
from theory.errors import InputError


def ratio_of(samples: ArrayLike, predicted: ArrayLike, predicted_error: ArrayLike = 0.0) -> SkewedEstimate:
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
    mean = of_mean(y)
    ratio, sampling = mean.value / predicted, mean.standard_error / predicted
    total = np.hypot(sampling, ratio * predicted_error / predicted)
    # The error of the prediction is not skewed.
    share = np.divide(sampling, total, out=np.ones_like(total), where=total > 0) ** 3
    return SkewedEstimate(ratio, total, mean.bend * share, mean.offset * share, mean.df)


def p_values(estimate: SkewedEstimate, margin: ArrayLike) -> FloatArray:
    """Unadjusted p-values (2, ...) of the evidence that ratios lie within a margin of 1, and that they lie outside.

    The first is the larger of two one-sided tests (Schuirmann), the second is two-sided.

    References
    ----------
    D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
    equivalence of average bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
    """
    low, high = 1 - np.asarray(margin), 1 + np.asarray(margin)
    exact = np.maximum(estimate.p_greater(low), estimate.p_less(high))
    beyond = np.minimum(1.0, 2 * np.minimum(estimate.p_less(low), estimate.p_greater(high)))
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
