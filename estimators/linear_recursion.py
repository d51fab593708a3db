"""The second moment of the distance to a root, from step to step: a linear recursion, its floor and its decay."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import schur
from scipy.linalg.lapack import dtrsyl
from scipy.sparse.linalg import LinearOperator, gmres

from estimators.linear_noise import LinearNoise, forms, weighted_products
from theory.arrays import FloatArray

# Up to this dimension the effect of the directions is one matrix, (d^2, d^2).
LARGEST_TABLE = 16
# Relative residuals of the linear equations: sought, and accepted near the edge of stability.
SOUGHT, ACCEPTED = 1e-11, 1e-7
RESTART, LONGEST_SOLUTION = 50, 20
# Power iterations for a spectral radius r end when r changes by less than this share of 1 - r.
LONGEST_ITERATION, SETTLED = 500, 1e-9


@dataclass(frozen=True, eq=False)
class LinearRecursion:
    """The map L in X_next = L X + step_size^2 noise, for X = E[x x'].

    ``L X = B X B' + step_size^2 (1 - share) (sum_i weights_i (pulls_i' X pulls_i) v_i v_i' - J X J')``, where J is the
    jacobian and B = I + step_size J: the first part is the mean step, the second its variance due to the direction.
    Both map positive matrices to positive ones: this is a regular splitting. Let T be the second part, followed by the
    inverse of X -> X - B X B'. The spectral radius of L is below 1 exactly if those of B and T are, and X - L X = C is
    solved by iterations with T, which converge then.

    References
    ----------
    R. S. Varga, *Matrix Iterative Analysis* (1962), theorem 3.13.

    Parameters
    ----------
    linear : LinearNoise
    step_size : float
    """

    linear: LinearNoise
    step_size: float

    @cached_property
    def contraction(self) -> FloatArray:
        """B, by which a step multiplies the mean of x, (dim, dim)."""
        return np.eye(len(self.linear.jacobian)) + self.step_size * self.linear.jacobian

    @cached_property
    def transposed(self) -> LinearRecursion:
        """The adjoint map: if Z solves Z - L' Z = D, then tr(D X) = tr(Z C) for the solution X of X - L X = C."""
        return LinearRecursion(self.linear.transposed(), self.step_size)

    @cached_property
    def stable(self) -> bool:
        """Whether the spectral radius of L is below 1."""
        if not np.abs(np.linalg.eigvals(self.contraction)).max() < 1:
            return False
        if self.linear.share == 1:
            return True
        moment, radius = np.eye(len(self.contraction)), 0.0
        for _ in range(LONGEST_ITERATION):
            moment = self._settled(self._scattered(moment / np.trace(moment)))
            before, radius = radius, float(np.trace(moment))
            if abs(radius - before) <= SETTLED * abs(1 - radius):
                break
        return radius < 1

    @cached_property
    def decay(self) -> float:
        """The spectral radius of a stable L, by power iteration of C -> X."""
        moment, slowest = np.eye(len(self.contraction)), 0.0
        for _ in range(LONGEST_ITERATION):
            moment = self.solve(moment / np.trace(moment))
            before, slowest = slowest, float(np.trace(moment))
            if abs(slowest - before) <= SETTLED * slowest:
                break
        return 1 - 1 / slowest

    def apply(self, moment: FloatArray) -> FloatArray:
        """L X, (dim, dim) -> (dim, dim)."""
        return np.asarray(self.contraction @ moment @ self.contraction.T + self._scattered(moment))

    def mean_noise(self, mean: FloatArray) -> FloatArray:
        """Change of step_size^2 noise at a mean distance from the root, (dim,) -> (dim, dim)."""
        linear = self.linear
        return self.step_size**2 * weighted_products(linear.weights * (linear.slopes @ mean), linear.directions)

    def solve(self, constant: FloatArray) -> FloatArray:
        """The solution X of X - L X = C, (dim, dim), C symmetric.

        Raises
        ------
        FloatingPointError
            If it is not found, as L has an eigenvalue too close to 1.
        """
        shape, start = constant.shape, self._settled(constant).ravel()
        if self.linear.share == 1:
            return start.reshape(shape)

        def residual(flat: FloatArray) -> FloatArray:
            moment = flat.reshape(shape)
            return np.asarray(moment - self._settled(self._scattered(moment))).ravel()

        operator = LinearOperator((constant.size, constant.size), matvec=residual, dtype=np.float64)
        found, _ = gmres(operator, start, x0=start, rtol=SOUGHT, atol=0.0, restart=RESTART, maxiter=LONGEST_SOLUTION)
        if not np.linalg.norm(residual(found) - start) <= ACCEPTED * np.linalg.norm(start):
            raise FloatingPointError("linear recursion too close to the edge of stability to be solved")
        return np.asarray(found.reshape(shape))

    def _settled(self, constant: FloatArray) -> FloatArray:
        """The symmetric solution X of X - B X B' = C, for symmetric C."""
        inverse, triangle, rotation = self._factors
        half = rotation.T @ inverse
        solved, scale, _ = dtrsyl(triangle, triangle, -2 * half @ constant @ half.T, tranb="T")
        found = rotation @ (solved / scale) @ rotation.T
        return np.asarray((found + found.T) / 2)

    @cached_property
    def _factors(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """M = (B + I)^{-1} and the Schur form of A = (B - I) M: then A X + X A' = -2 M C M'."""
        inverse = np.asarray(np.linalg.inv(self.contraction + np.eye(len(self.contraction))), dtype=np.float64)
        triangle, rotation = schur(np.eye(len(inverse)) - 2 * inverse)
        return inverse, triangle, rotation

    def _scattered(self, moment: FloatArray) -> FloatArray:
        """The variance of a step due to its direction."""
        linear = self.linear
        if linear.share == 1:
            return np.zeros_like(moment)
        if self._table is None:
            spread = weighted_products(linear.weights * forms(linear.pulls, moment), linear.directions)
        else:
            spread = (self._table @ moment.ravel()).reshape(moment.shape)
        across = linear.jacobian @ moment @ linear.jacobian.T
        return np.asarray(self.step_size**2 * (1 - linear.share) * (spread - across))

    @cached_property
    def _table(self) -> FloatArray | None:
        """Matrix of X -> sum_i weights_i (pulls_i' X pulls_i) v_i v_i'."""
        n, dim = self.linear.directions.shape
        if dim > LARGEST_TABLE:
            return None
        from_pulls, to_directions = (
            (rows[:, :, None] * rows[:, None, :]).reshape(n, dim**2)
            for rows in (self.linear.pulls, self.linear.directions)
        )
        return np.asarray((self.linear.weights[:, None] * to_directions).T @ from_pulls)
