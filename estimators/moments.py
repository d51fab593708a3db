"""Exact first and second moments of gradient estimates, split by their causes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GradientMoments:
    """Where the error of a gradient estimate comes from.

    ``mse = |bias_smoothing + bias_inversion|^2 + variance_direction + variance_trajectory + variance_query``.

    Attributes
    ----------
    mean : array (..., dim)
        E g_hat.
    bias_smoothing : array (..., dim)
        Mean under exact differences, minus the gradient.
    bias_inversion : array (..., dim)
        What reading the votes adds to it.
    variance_direction, variance_trajectory, variance_query : arrays (...,)
        Traces of the covariance due to the direction, to the trajectories given it, and to the votes given both.
    mse : array (...,)
        E|g_hat - grad V|^2.
    standard_error : array (...,)
        Of `mse`, where directions were sampled; 0 where everything was enumerated.
    clip_rate : array (...,)
        Share of pairs read at the trim.
    """

    mean: FloatArray
    bias_smoothing: FloatArray
    bias_inversion: FloatArray
    variance_direction: FloatArray
    variance_trajectory: FloatArray
    variance_query: FloatArray
    mse: FloatArray
    standard_error: FloatArray
    clip_rate: FloatArray

    @property
    def bias_squared(self) -> FloatArray:
        """|E g_hat - grad V|^2, cross term included, shape (...,)."""
        return np.asarray(((self.bias_smoothing + self.bias_inversion) ** 2).sum(axis=-1))

    @property
    def variance(self) -> FloatArray:
        """Trace of the covariance, shape (...,)."""
        return self.variance_direction + self.variance_trajectory + self.variance_query

    @property
    def gradient(self) -> FloatArray:
        """The true gradient, shape (..., dim)."""
        return self.mean - self.bias_smoothing - self.bias_inversion


@dataclass(frozen=True, eq=False)
class DifferenceMoments:
    """Moments of the value difference D_hat given the direction; all arrays (...,).

    Attributes
    ----------
    exact : array
        V(first) - V(second).
    mean : array
        E[D_hat | v].
    variance_trajectory, variance_query : arrays
        Var over pairs of E[f | delta], and mean over pairs of Var[f | delta], both over N.
    clip_rate : array
        Share of pairs read at the trim.
    """

    exact: FloatArray
    mean: FloatArray
    variance_trajectory: FloatArray
    variance_query: FloatArray
    clip_rate: FloatArray
