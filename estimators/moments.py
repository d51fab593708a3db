"""Exact first and second moments of gradient estimates, and the parts of their error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class GradientMoments:
    """The parts of the error of a gradient estimate.

    ``mse = |bias_smoothing + bias_inversion|^2 + variance_direction + variance_trajectory + variance_query``.

    Attributes
    ----------
    mean : array (..., dim)
        E g_hat.
    bias_smoothing : array (..., dim)
        Mean with exact value differences, minus the gradient.
    bias_inversion : array (..., dim)
        Mean minus the mean with exact value differences.
    variance_direction, variance_trajectory, variance_query : arrays (...,)
        Traces of the covariance due to the direction, to the trajectories given the direction, and to the votes given
        both.
    mse : array (...,)
        E|g_hat - grad V|^2.
    standard_error : array (...,)
        Standard error of `mse` if directions were sampled; 0 if they were enumerated.
    clip_rate : array (...,)
        Share of pairs whose vote share is at the trim or beyond it.
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
    def alignment(self) -> FloatArray:
        """Root-mean-square cosine of an estimate to the gradient, E[g.grad V] / (|grad V| sqrt(E|g|^2)), shape (...,).

        To second order, the gain of a step c g with the best c is proportional to its square. So it measures the part
        of the error that no step size removes. nan at a stationary point.
        """
        gradient = self.gradient
        size = np.sqrt(((self.mean**2).sum(axis=-1) + self.variance) * (gradient**2).sum(axis=-1))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((self.mean * gradient).sum(axis=-1) / size)

    @property
    def rescaled_mse(self) -> FloatArray:
        """Least E|c g_hat - grad V|^2 = |grad V|^2 (1 - alignment^2) over c >= 0, shape (...,)."""
        gradient_sq = (self.gradient**2).sum(axis=-1)
        return np.asarray(gradient_sq * (1 - np.maximum(np.nan_to_num(self.alignment), 0) ** 2))

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
        Share of pairs whose vote share is at the trim or beyond it.
    """

    exact: FloatArray
    mean: FloatArray
    variance_trajectory: FloatArray
    variance_query: FloatArray
    clip_rate: FloatArray


def average_over_directions(
    *,
    gradient: FloatArray,
    directions: FloatArray,
    given: DifferenceMoments,
    scale: FloatArray,
    n_directions: int,
    enumerated: bool,
) -> GradientMoments:
    """Moments of a gradient estimate from the moments given each of equally likely directions.

    Parameters
    ----------
    gradient : array (..., dim)
        The true gradient.
    directions : array (n, dim)
        All directions if `enumerated`; otherwise a sample whose second half is the negative of the first.
    given : DifferenceMoments
        Arrays (n, ...), one entry per direction.
    scale : array (...,)
        d / mu, or d / (2 mu) for symmetric pairs.
    n_directions : int
        Directions averaged in one estimate.
    enumerated : bool
        Whether `directions` are all there are.
    """
    n, scale_sq = len(directions), scale**2
    exact = scale[..., None] * np.einsum("n...,nd->...d", given.exact, directions) / n
    mean = scale[..., None] * np.einsum("n...,nd->...d", given.mean, directions) / n
    # |v| = 1, so the squared length of the mean given v is (scale * given.mean)^2.
    direction = scale_sq * (given.mean**2).mean(axis=0) - (mean**2).sum(axis=-1)
    trajectory, query = (scale_sq * v.mean(axis=0) for v in (given.variance_trajectory, given.variance_query))
    variance = [np.asarray(part) / n_directions for part in (direction, trajectory, query)]
    bias_sq = ((mean - gradient) ** 2).sum(axis=-1)
    return GradientMoments(
        mean=mean,
        bias_smoothing=exact - gradient,
        bias_inversion=mean - exact,
        variance_direction=variance[0],
        variance_trajectory=variance[1],
        variance_query=variance[2],
        mse=np.asarray(bias_sq + sum(variance)),
        standard_error=np.zeros_like(bias_sq)
        if enumerated
        else paired_standard_error(error_influence(gradient, directions, given, scale, n_directions)),
        clip_rate=np.asarray(given.clip_rate.mean(axis=0)),
    )


def error_influence(
    gradient: FloatArray, directions: FloatArray, given: DifferenceMoments, scale: FloatArray, n_directions: int
) -> FloatArray:
    """Influence of each direction on the mean squared error, (n, ...), centred.

    The error is |m - grad V|^2 + (A - |m|^2 + B) / k. Here m, A and B are means over directions of the conditional
    mean, its square and the conditional variance, and k directions are averaged. The influence is the derivative of the
    error in those means.
    """
    length = scale * given.mean
    mean = np.einsum("n...,nd->...d", length, directions) / len(directions)
    pull = 2 * (mean - gradient) - 2 * mean / n_directions
    noise = scale**2 * (given.variance_trajectory + given.variance_query)
    added = length * np.einsum("...d,nd->n...", pull, directions) + (length**2 + noise) / n_directions
    return np.asarray(added - added.mean(axis=0))


def rescaled_influence(
    gradient: FloatArray, directions: FloatArray, given: DifferenceMoments, scale: FloatArray, n_directions: int
) -> FloatArray:
    """Influence on the rescaled error over |grad V|^2, 1 - a^2 / (|grad V|^2 s), with a = m.grad V and s = E|g|^2."""
    length = scale * given.mean
    mean = np.einsum("n...,nd->...d", length, directions) / len(directions)
    along = length * np.einsum("...d,nd->n...", gradient, directions)
    noise = scale**2 * (given.variance_trajectory + given.variance_query)
    pull = 2 * (1 - 1 / n_directions) * mean
    size = length * np.einsum("...d,nd->n...", pull, directions) + (length**2 + noise) / n_directions
    a = along.mean(axis=0)
    s = ((length**2 + noise).mean(axis=0) + (n_directions - 1) * (mean**2).sum(axis=-1)) / n_directions
    change = -2 * a * (along - a) / s + (a / s) ** 2 * (size - size.mean(axis=0))
    return np.asarray(change / (gradient**2).sum(axis=-1))


def paired_standard_error(influence: FloatArray) -> FloatArray:
    """Standard error of a mean over directions whose second half is the negative of the first."""
    half = len(influence) // 2
    if half < 2:  # so few directions are enumerated, not sampled
        return np.zeros(influence.shape[1:])
    pairs = (influence[:half] + influence[half:]) / 2
    return np.asarray(pairs.std(axis=0, ddof=1) / np.sqrt(half))
