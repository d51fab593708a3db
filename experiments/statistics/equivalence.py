"""Equivalence tests: is a ratio equal to 1 up to a margin, alone or in a family."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from experiments.statistics.verdicts import holm
from theory.arrays import FloatArray
from theory.errors import InputError


@dataclass(frozen=True)
class RatioEstimate:
    """A measured ratio and its standard error.

    Attributes
    ----------
    ratio, standard_error : float
        The error of the prediction is included.
    df : int
        Degrees of freedom of Student's t.
    """

    ratio: float
    standard_error: float
    df: int

    @property
    def limits(self) -> tuple[float, float]:
        """Two-sided 95% limits."""
        half = float(stdtrit(self.df, 0.975)) * self.standard_error
        return self.ratio - half, self.ratio + half


@dataclass(frozen=True)
class Equivalence:
    """Family-adjusted p-values, and the conclusions at 5%.

    Attributes
    ----------
    p_exact : float
        Evidence that the ratio lies within the margin, from two one-sided tests.
    p_violated : float
        Evidence that the ratio lies outside the margin.
    """

    p_exact: float
    p_violated: float


def ratio_of(samples: FloatArray, predicted: float, predicted_error: float = 0.0) -> RatioEstimate:
    """Ratio of the mean of independent replicates (n,) to a prediction with a standard error of its own.

    Raises
    ------
    InputError
        If there are fewer than two replicates, or the prediction is not positive.
    """
    if len(samples) < 2 or not 0 < predicted < math.inf:
        raise InputError(f"samples must be at least 2 and the prediction positive, got {len(samples)} and {predicted}")
    ratio = float(samples.mean()) / predicted
    sampling = float(samples.std(ddof=1)) / math.sqrt(len(samples)) / predicted
    return RatioEstimate(ratio, math.hypot(sampling, ratio * predicted_error / predicted), len(samples) - 1)


def judge_ratios(ratios: Sequence[RatioEstimate], margins: Sequence[float]) -> list[Equivalence]:
    """Test a family of ratios. Any wrong EXACT has probability at most 5%, and so has any wrong VIOLATED.

    Each ratio gets two one-sided tests against 1 - margin and 1 + margin (Schuirmann), and a two-sided test for lying
    outside of them. Each of the two families gets Holm's procedure.

    Parameters
    ----------
    ratios : sequence of RatioEstimate
    margins : sequence of float
        In the order of the ratios.

    References
    ----------
    D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
    equivalence of average bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
    """
    if not ratios:
        return []
    raw = np.array([p_values(ratio, margin) for ratio, margin in zip(ratios, margins, strict=True)])
    return [Equivalence(*pair) for pair in holm(raw.T).T.tolist()]


def p_values(estimate: RatioEstimate, margin: float) -> tuple[float, float]:
    """Unadjusted p-values of the evidence that a ratio lies within the margin, and that it lies outside."""
    if estimate.standard_error == 0:
        inside = abs(estimate.ratio - 1) < margin
        return (0.0, 1.0) if inside else (1.0, 0.0)
    below = (1 - margin - estimate.ratio) / estimate.standard_error
    above = (estimate.ratio - 1 - margin) / estimate.standard_error
    exact = max(float(stdtr(estimate.df, below)), float(stdtr(estimate.df, above)))
    beyond = min(1.0, 2 * min(float(stdtr(estimate.df, -below)), float(stdtr(estimate.df, -above))))
    return exact, beyond
