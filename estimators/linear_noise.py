"""A gradient estimate near a root of its drift, to leading order in the distance to the root."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from estimators.direction_rules import DirectionRule
from theory.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class LinearNoise:
    """A gradient estimate g to leading order in x, the distance to a root of its drift.

    ``E[g | x] = jacobian x``, and ``E[g g' | x] = noise + share jacobian x x' jacobian' + sum_i weights_i
    [slopes_i' x + (1 - share) (pulls_i' x)^2] v_i v_i'``, where v_i are the directions.

    Attributes
    ----------
    jacobian, noise : arrays (dim, dim)
    share : float
        1 - 1/k for the mean of k directions.
    weights : array (n,)
        They sum to 1. Without directions n is 0 and share is 1.
    directions : array (n, dim)
    lengths, squares : arrays (n,)
        Mean length of a step along v_i at the root; its second moment, over k.
    pulls, slopes : arrays (n, dim)
        Their gradients in x.
    n_groups : int
        Independent equal parts of the directions; 1 if they are enumerated.
    """

    jacobian: FloatArray
    noise: FloatArray
    share: float
    weights: FloatArray
    directions: FloatArray
    lengths: FloatArray
    squares: FloatArray
    pulls: FloatArray
    slopes: FloatArray
    n_groups: int = 1

    @classmethod
    def along(
        cls,
        rule: DirectionRule,
        n_directions: int,
        lengths: FloatArray,
        variances: FloatArray,
        pulls: FloatArray,
        variance_slopes: FloatArray,
    ) -> LinearNoise:
        """An estimate that is the mean over k independent directions of steps along them.

        Parameters
        ----------
        rule : DirectionRule
        n_directions : int
            k.
        lengths, variances : arrays (n,)
            Mean and variance of the length of the step along each direction.
        pulls, variance_slopes : arrays (n, dim)
            Their gradients.
        """
        weights, directions = rule.weights, rule.directions
        squares = (lengths**2 + variances) / n_directions
        return cls(
            jacobian=(weights[:, None] * directions).T @ pulls,
            noise=weighted_products(weights * squares, directions),
            share=1 - 1 / n_directions,
            weights=weights,
            directions=directions,
            lengths=lengths,
            squares=squares,
            pulls=pulls,
            slopes=(2 * lengths[:, None] * pulls + variance_slopes) / n_directions,
            n_groups=rule.n_groups,
        )

    @classmethod
    def without_directions(cls, jacobian: FloatArray, noise: FloatArray) -> LinearNoise:
        """An estimate whose noise does not come from a direction."""
        none, rows = np.zeros(0), np.zeros((0, len(noise)))
        return cls(jacobian, noise, 1.0, none, rows, none, none, rows, rows)

    @property
    def variances(self) -> FloatArray:
        """Variance of the length of a step along each direction, at the root, (n,)."""
        return np.maximum(self.squares / (1 - self.share) - self.lengths**2, 0.0)

    def on(self, basis: FloatArray) -> LinearNoise:
        """The same in the coordinates y = basis' x, where `basis` has orthonormal columns, (dim, m)."""
        return replace(
            self,
            jacobian=basis.T @ self.jacobian @ basis,
            noise=basis.T @ self.noise @ basis,
            directions=self.directions @ basis,
            pulls=self.pulls @ basis,
            slopes=self.slopes @ basis,
        )

    def transposed(self) -> LinearNoise:
        """The same with directions and pulls exchanged."""
        return replace(self, jacobian=self.jacobian.T, directions=self.pulls, pulls=self.directions)

    def standard_error(
        self, covariance: FloatArray, adjoint: FloatArray, bias_pull: FloatArray, step_size: float
    ) -> float:
        """Standard error of a stationary floor due to sampled directions.

        The part due to E[v v'] is left out: the rules have it exactly.

        Parameters
        ----------
        covariance : array (dim, dim)
            X, the stationary second moment.
        adjoint : array (dim, dim)
            Z, the derivative of the floor in the noise of a step.
        bias_pull : array (dim,)
            Derivative of the floor in the drift at the root.
        step_size : float
        """
        if self.n_groups == 1:
            return 0.0
        v, dim = self.directions, self.directions.shape[1]
        # The pulls would be this if they were linear in v.
        rest = self.pulls - dim * v @ self.jacobian
        through = covariance @ (np.eye(dim) + step_size * self.share * self.jacobian).T @ adjoint
        shift = 2 * step_size * np.einsum("ni,ij,nj->n", rest, through, v, optimize=True)
        square = (1 - self.share) * forms(self.pulls, covariance) + self.squares - self.weights @ self.squares
        # The derivative of the floor in the weight of each direction.
        influence = self.lengths * (v @ bias_pull) + shift + step_size**2 * square * forms(v, adjoint)
        groups = (self.weights * influence).reshape(self.n_groups, -1).sum(axis=1) * self.n_groups
        return float(groups.std(ddof=1) / math.sqrt(self.n_groups))


def forms(vectors: FloatArray, matrix: FloatArray) -> FloatArray:
    """Quadratic form x' matrix x of each vector, (n, dim) -> (n,)."""
    return np.asarray(((vectors @ matrix) * vectors).sum(axis=1))


def weighted_products(weights: FloatArray, vectors: FloatArray) -> FloatArray:
    """Sum of weights_i v_i v_i', (n,) and (n, dim) -> (dim, dim)."""
    return np.asarray((weights[:, None] * vectors).T @ vectors)
