"""The error of a run as a function of step size, pairs and iterations, for fixed directions, radius and panel."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from theory.arrays import FloatArray

# Noise may make the gradient smaller on the way. Where it would do so by more than this share, first order is no guide.
DOUBTFUL = 0.05


@dataclass(frozen=True, eq=False)
class ErrorParts:
    """Parts of (1/T) sum_t E|grad V(theta_t)|^2; the arrays broadcast.

    Attributes
    ----------
    transient : array
        From the start, on the way to where the drift ends.
    bias : array
        |grad V|^2 where the drift ends, or a bound of it: smoothing, and the reading of votes.
    direction : array
        From the random direction, and from steps of a length that is not 0.
    trajectories, votes : arrays
        From the noise of returns, and of votes.
    """

    transient: FloatArray
    bias: FloatArray
    direction: FloatArray
    trajectories: FloatArray
    votes: FloatArray

    @property
    def total(self) -> FloatArray:
        """The sum."""
        return self.transient + self.bias + self.direction + self.trajectories + self.votes

    def as_dict(self) -> dict[str, float]:
        """Parts of one error by name."""
        return {each.name: float(getattr(self, each.name)) for each in fields(self)}


def believed(
    transient: FloatArray, bias: FloatArray, direction: FloatArray, trajectories: FloatArray, votes: FloatArray
) -> ErrorParts:
    """Parts of an error; infinite where noise would lower the gradient so much that the model is no guide."""
    lowered = sum(np.minimum(part, 0.0) for part in (direction, trajectories, votes))
    doubtful = lowered < -DOUBTFUL * (transient + bias)
    return ErrorParts(transient, bias, np.where(doubtful, np.inf, direction), trajectories, votes)


class ErrorModel(Protocol):
    """What the optimiser needs of a model."""

    @property
    def largest_step(self) -> float:
        """Largest step size that a plan may use."""

    @property
    def least_time(self) -> float:
        """S = step_size * T below which a run hardly moves."""

    def error(self, step_size: ArrayLike, n_pairs: ArrayLike, n_iterations: ArrayLike) -> ErrorParts:
        """Predicted error, or a bound; the arrays broadcast."""

    def votes(self, step_size: ArrayLike, n_iterations: ArrayLike) -> FloatArray:
        """Expected votes on a pair, averaged over the run."""

    def judged(self, step_size: float, n_pairs: float, n_iterations: float) -> ErrorParts:
        """The error of one plan, by the best means the model has."""


@dataclass(frozen=True, eq=False)
class ErrorCurves:
    """An error that is a sum of curves in s = step_size * T.

    ``B(s) + a (step_size D(s) + step_size / N (R(s) + Q(s)))`` with ``a = 1 / (1 - step_size * spread)``.

    Attributes
    ----------
    times : array (n,)
        s, ascending, all positive.
    path, direction, trajectories, queries, counts : arrays (n,)
        B, D, R, Q and the votes on a pair, averaged over [0, s].
    bias : float
        B at infinity.
    spread : float
        Of the multiplicative noise of the direction at the end of the path.
    largest_step, least_time : float
    """

    times: FloatArray
    path: FloatArray
    direction: FloatArray
    trajectories: FloatArray
    queries: FloatArray
    counts: FloatArray
    bias: float
    spread: float
    largest_step: float
    least_time: float

    def error(self, step_size: ArrayLike, n_pairs: ArrayLike, n_iterations: ArrayLike) -> ErrorParts:
        """Predicted error; the arrays broadcast. Infinite where first-order noise is no guide."""
        step, pairs = np.asarray(step_size, dtype=np.float64), np.asarray(n_pairs, dtype=np.float64)
        time = step * np.asarray(n_iterations)
        size = step / (1 - np.minimum(step * self.spread, 0.99))
        path = self._at(time, self.path)
        bias = np.minimum(self.bias, path)
        direction = size * self._at(time, self.direction)
        trajectories, queries = (size / pairs * self._at(time, each) for each in (self.trajectories, self.queries))
        return believed(path - bias, bias, direction, trajectories, queries)

    def votes(self, step_size: ArrayLike, n_iterations: ArrayLike) -> FloatArray:
        """Expected votes on a pair, averaged over the run."""
        return self._at(np.asarray(step_size) * np.asarray(n_iterations), self.counts)

    def _at(self, time: FloatArray, curve: FloatArray) -> FloatArray:
        return np.asarray(np.interp(np.log(time), np.log(self.times), curve))
