"""An algorithm near a root of its drift: the root, the derivatives there, and what second derivatives add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from scipy.fft import dct

from estimators.drift import drift_root, is_root
from estimators.linear_noise import LinearNoise
from estimators.relevant_directions import RelevantDirections
from estimators.second_moments import StepMoments, step_moments
from theory.arrays import FloatArray
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.validation import finite_array
from theory.values import check_fit, policy_gradient, policy_hessian, policy_value

# Searches for the root: each may find that other directions matter.
LONGEST_SEARCH = 10
# Sizes tried of a move along a direction left out.
SIZES = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 61)])
# A share of the largest eigenvalue that counts as none.
ROUNDING = 1e-12
# Entries of a Hessian below this, times H^2, are rounding: V is flat.
FLAT = 1e-13
# Second differences: their error is of order STEP^2 and of rounding / STEP^2, about 1e-6 and 1e-9.
STEP = 1e-3


@dataclass(frozen=True, eq=False)
class LocalModel:
    """An estimator at a root of its drift, for every step size.

    Attributes
    ----------
    mdp : TabularMDP
    policy : Policy
    moments : StepMoments
    theta : array (dim,)
        The root.
    linear : LinearNoise
        Leading order there.
    relevant : RelevantDirections
        Those along which `theta` is a root; along the others it is where the search began.
    """

    mdp: TabularMDP
    policy: Policy
    moments: StepMoments
    theta: FloatArray
    linear: LinearNoise
    relevant: RelevantDirections

    @classmethod
    def near(
        cls, mdp: TabularMDP, policy: Policy, estimator: object, theta: ArrayLike, rng: Generator | None = None
    ) -> LocalModel:
        """The model at the root of the drift near theta, (dim,).

        Raises
        ------
        InputError
            If theta has another shape, there is no root, V is flat there, or the estimator is of another kind.
        """
        check_fit(mdp, policy)
        start = finite_array("theta", theta)
        if start.shape != (policy.dim,):
            raise InputError(f"theta must have shape ({policy.dim},), one point to start from, got {start.shape}")
        moments = step_moments(mdp, policy, estimator, rng)
        root = start
        for _ in range(LONGEST_SEARCH):
            linear = moments.linearised(root)
            hessian = policy_hessian(mdp, policy, root)
            relevant = RelevantDirections.of(hessian, linear)
            basis = relevant.basis
            if not basis.size or np.abs(hessian).max() < FLAT * mdp.horizon**2:
                raise InputError(f"theta must lie near a curved optimum of V, got one where V is flat: {root.tolist()}")
            if is_root(basis.T @ moments.drift(root), basis.T @ linear.jacobian @ basis):
                return cls(mdp, policy, moments, root, linear, relevant)
            root = drift_root(moments, root, basis, linear.jacobian)
        raise InputError(f"theta must lie near a root of the drift E g, found none near {start.tolist()}")

    @cached_property
    def gradient(self) -> FloatArray:
        """Gradient of V at the root, (dim,)."""
        return policy_gradient(self.mdp, self.policy, self.theta)

    @cached_property
    def hessian(self) -> FloatArray:
        """Hessian of V at the root, (dim, dim)."""
        return policy_hessian(self.mdp, self.policy, self.theta)

    @cached_property
    def drift_ratio(self) -> float:
        """The c of the best approximation c grad V of the drift, near the root and along the relevant directions."""
        basis = self.relevant.basis
        inner, outer = (basis.T @ matrix @ basis for matrix in (self.linear.jacobian, self.hessian))
        return float(np.sum(inner * outer) / np.sum(outer**2))

    def change_by_others(self, step_size: float) -> float:
        """Change of |grad V|^2 by moves along the directions left out; the others follow, to their own root.

        Each move is of the size at which V has fallen by step_size S / (4 c), half of what a run has there on average
        per direction (S noise, c as above), but at most 1. Changes of all directions are added up.
        """
        basis, others = self.relevant.basis, self.relevant.others
        if not others.size:
            return 0.0
        both = np.concatenate([others.T, -others.T])
        values = policy_value(self.mdp, self.policy, self.theta + SIZES[:, None, None] * both)
        fall = values[0] - values
        allowed = step_size * np.tile(self.relevant.noise, 2) / (4 * abs(self.drift_ratio))
        within = np.logical_and.accumulate(fall <= allowed, axis=0).sum(axis=0)
        moves = SIZES[within - 1, None] * both
        thetas = self.theta + np.concatenate([moves, np.zeros_like(self.theta)[None]])
        follow = np.linalg.solve(self.linear.on(basis).jacobian, basis.T @ self.moments.drift(thetas).T)
        norms = (policy_gradient(self.mdp, self.policy, thetas - (basis @ follow).T) ** 2).sum(axis=1)
        return float(np.abs(norms[:-1] - norms[-1]).reshape(2, -1).max(axis=0).sum())

    def mean_shift(self, covariance: FloatArray) -> FloatArray:
        """Stationary mean of x to first order in X: -J^{-1} D^2 m[X] / 2, along the relevant directions."""
        basis = self.relevant.basis
        bent = basis.T @ self._second_derivative(self.moments.drift, covariance) / 2
        return np.asarray(-basis @ np.linalg.solve(self.linear.on(basis).jacobian, bent))

    def first_correction(self, shift: FloatArray, covariance: FloatArray) -> float:
        """2 grad V' E[grad V(root + x) - grad V] to first order in X, if E x = shift."""

        def gradient(points: FloatArray) -> FloatArray:
            return policy_gradient(self.mdp, self.policy, points)

        change = self.hessian @ shift + self._second_derivative(gradient, covariance) / 2
        return float(2 * self.gradient @ change)

    def beyond_first_order(
        self, shift: FloatArray, covariance: FloatArray, adjoint: FloatArray, step_size: float
    ) -> float:
        """Stationary E|grad V|^2 for x normal with this mean and covariance, not expanded in x.

        In the stationary law a step changes the mean of no function f of theta. So E|grad V|^2 is the mean of
        |grad V|^2 + E[f(theta + step_size g)] - f(theta) for every f. Here f is such that the sum hardly depends on x:
        it is x' Z x, which makes it constant to second order in x, plus the part beyond second order of -V / (c
        step_size), where the drift is about c grad V, which makes it constant beyond if the steps are small. So errors
        of the law of x hardly matter. The mean over x is that of a rule of degree 3 on at most 2 d + 1 points.

        Parameters
        ----------
        shift : array (dim,)
        covariance : array (dim, dim)
        adjoint : array (dim, dim)
            Z, the derivative of tr(A X A) in the noise of a step.
        step_size : float
        """
        values, axes = _principal_axes(covariance)
        points, weights = normal_points(len(values))
        x = shift + points * np.sqrt(values) @ axes
        thetas, basis = self.theta + x, self.relevant.basis
        scale = step_size * self.drift_ratio
        form = adjoint + basis @ basis.T @ self.hessian @ basis @ basis.T / (2 * scale)
        norms = (policy_gradient(self.mdp, self.policy, thetas) ** 2).sum(axis=1)
        step = self.moments.step(thetas, form, step_size)
        change = 2 * step_size * ((x @ form) * step.drift).sum(axis=1) + step_size**2 * step.quadratic
        return float(weights @ (norms + change - step.gain / scale))

    def _second_derivative(self, function: Callable[[FloatArray], FloatArray], covariance: FloatArray) -> FloatArray:
        """Sum over i, j of X_ij times the second derivative of function(theta) in x_i and x_j."""
        values, axes = _principal_axes(covariance)
        found = function(np.concatenate([self.theta + STEP * axes, self.theta - STEP * axes, self.theta[None]]))
        bends = found[: len(axes)] + found[len(axes) : -1] - 2 * found[-1]
        return np.asarray(values @ bends / STEP**2)


def _principal_axes(covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues above rounding, (m,), and their unit vectors, (m, dim)."""
    values, vectors = np.linalg.eigh(covariance)
    live = values > ROUNDING * values[-1]
    return values[live], vectors[:, live].T


def normal_points(dim: int) -> tuple[FloatArray, FloatArray]:
    """Points (2 d + 1, d) and weights with the moments of a standard normal vector up to degree 3, and of |z|^4.

    The origin, and an orthogonal frame of length sqrt(d + 2) whose vectors have no large entry.
    """
    if dim == 0:
        return np.zeros((1, 0)), np.ones(1)
    frame = np.sqrt(dim + 2) * dct(np.eye(dim), norm="ortho")
    points = np.concatenate([np.zeros((1, dim)), frame, -frame])
    return points, np.concatenate([[2 / (dim + 2)], np.full(2 * dim, 1 / (2 * (dim + 2)))])
