"""The law of an algorithm near an optimum: where it goes, its noise floor, its mixing time, its curve."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from estimators.linear_recursion import LinearRecursion
from estimators.local_model import LocalModel
from theory.arrays import FloatArray
from theory.errors import InputError, require_integer, require_kind
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.validation import finite_array, positive_array

# Largest share of the floor by which moves along directions left out may change |grad V|^2.
HARMLESS = 0.05
# Halvings of the interval in which the largest stable step is sought.
HALVINGS = 30


@dataclass(frozen=True, eq=False)
class StationaryLaw:
    """The law of theta_t near a root theta_0 of the drift m(theta) = E g_hat, to leading order in x = theta - theta_0.

    The second moment X = E[x x'] follows a linear recursion without a free constant (`LinearRecursion`), and
    E|grad V(theta_t)|^2 = |grad V(theta_0)|^2 + tr(A X A) to leading order, where A is minus the Hessian of V.

    Some directions do not matter. Eigen-directions of A are ranked by a_i^2 S_ii / j_i, to which their part of
    tr(A X A) is about proportional (a_i curvature, S_ii noise, j_i pull of the drift). Those that together hold less
    than 0.5% are left out of the recursion: X is 0 along them, and `decay` is that of the others. They may mix slowly
    or, without curvature, never.

    Attributes
    ----------
    theta : array (dim,)
        theta_0.
    covariance : array (dim, dim)
        Stationary second moment X about theta_0.
    bias_part : float
        |grad V(theta_0)|^2.
    noise_part : float
        tr(A X A), plus `first_correction`.
    first_correction : float
        2 grad V' E[grad V(theta_0 + x) - grad V] to first order in X; it matters if the bias part does.
    standard_error : float
        Of `gradient_norm_sq`, due to sampled directions; 0 if they are enumerated.
    decay : float
        Spectral radius r of the recursion: the share of the distance from X that a step leaves, in the long run.
    step_size : float
    model : LocalModel
        The root and the derivatives there, which serve every step size: see `law_at`.
    """

    theta: FloatArray
    covariance: FloatArray
    bias_part: float
    noise_part: float
    first_correction: float
    standard_error: float
    decay: float
    step_size: float
    model: LocalModel = field(repr=False)
    _recursion: LinearRecursion = field(repr=False)
    _shift: FloatArray = field(repr=False)
    _adjoint: FloatArray = field(repr=False)

    @property
    def gradient_norm_sq(self) -> float:
        """Stationary E|grad V|^2."""
        return self.bias_part + self.noise_part

    @property
    def mixing_iterations(self) -> int:
        """1 / (1 - r), rounded up: in so many iterations a distance from the floor falls to a share of 1 / e."""
        return math.ceil(1 / (1 - self.decay))

    @cached_property
    def next_order(self) -> float:
        """What E|grad V|^2 adds to `gradient_norm_sq` beyond first order, over `gradient_norm_sq`.

        Worked out for normal x by `LocalModel.beyond_first_order`. Where it is small it is close to what is missing.
        Where it is not (above 0.02, say), the linear law does not hold: the algorithm is outside its linear regime.
        """
        if not self.covariance.any():
            return 0.0
        full = self.model.beyond_first_order(self._shift, self.covariance, self._adjoint, self.step_size)
        return full / self.gradient_norm_sq - 1

    def curve(
        self, n_iterations: int, covariance: ArrayLike = 0.0, mean: ArrayLike = 0.0, *, corrected: bool = True
    ) -> FloatArray:
        """Predicted E|grad V(theta_t)|^2 at the iterates t = 1..T of a run that starts near the root, (T,).

        Parameters
        ----------
        n_iterations : int
            T.
        covariance : array (dim, dim), default 0
            Covariance of the start theta_1.
        mean : array (dim,), default 0
            Mean of theta_1 - theta_0.
        corrected : bool, default True
            Whether to add the first correction, in proportion to tr(A X A), as it is of first order in X.

        Raises
        ------
        InputError
            If a shape is wrong, or T is not an integer of at least 1.
        """
        require_integer("n_iterations", n_iterations, 1)
        dim, basis = len(self.theta), self.model.relevant.basis
        centre = basis.T @ _zero_or("mean", mean, (dim,))
        moment = basis.T @ _zero_or("covariance", covariance, (dim, dim)) @ basis + np.outer(centre, centre)
        plain = self.noise_part - self.first_correction
        factor = self.noise_part / plain if corrected and plain > 0 else 1.0
        hessian = self.model.hessian @ basis
        reading, pull = factor * hessian.T @ hessian, 2 * hessian.T @ self.model.gradient
        noise = self.step_size**2 * self._recursion.linear.noise
        predicted = np.empty(n_iterations)
        for t in range(n_iterations):
            predicted[t] = self.bias_part + np.sum(reading * moment) + pull @ centre
            moment = self._recursion.apply(moment) + noise + self._recursion.mean_noise(centre)
            centre = self._recursion.contraction @ centre
        return predicted


def stationary_law(
    mdp: TabularMDP,
    policy: Policy,
    estimator: object,
    theta: ArrayLike,
    step_size: float,
    rng: Generator | None = None,
) -> StationaryLaw:
    """Law of theta <- theta + step_size * estimate near a root of the drift, exact to leading order.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    estimator : ZerothOrder, Reinforce, Gpomdp or ExactGradient
        With one radius and one number of pairs.
    theta : array (dim,)
        Where to look for the root of the drift, for example an optimum of V.
    step_size : float
    rng : Generator, optional
        Needed only if directions cannot be enumerated: see `estimators.direction_rules`.

    Raises
    ------
    InputError
        If there is no stable stationary law there: no root is found near theta, the drift leads away from it, the step
        is too large, or the optimum is degenerate in a way that matters.
    """
    return law_at(LocalModel.near(mdp, policy, estimator, theta, rng), step_size)


def law_at(model: LocalModel, step_size: float) -> StationaryLaw:
    """The law of one model for a step size; the model is the expensive part.

    Raises
    ------
    InputError
        As for `stationary_law`.
    """
    require_kind("model", model, LocalModel, "LocalModel.near(...)")
    given = positive_array("step_size", step_size)
    if given.ndim > 0:
        raise InputError(f"step_size must be one number for a stationary law, got shape {given.shape}")
    step = float(step_size)
    basis = model.relevant.basis
    recursion = _stable_recursion(model, step)
    hessian = model.hessian @ basis
    moment = recursion.solve(recursion.step_size**2 * recursion.linear.noise)
    covariance = basis @ moment @ basis.T
    shift = model.mean_shift(covariance)
    correction = model.first_correction(shift, covariance)
    bias, noise = float(model.gradient @ model.gradient), float(np.sum((hessian.T @ hessian) * moment)) + correction
    change = model.change_by_others(step)
    if change > HARMLESS * (bias + noise) > 0:
        raise InputError(
            "theta must lie near an optimum whose flat directions do not matter, got a degenerate one: moves "
            f"along them change |grad V|^2 by {change:.2g}, where the floor is {bias + noise:.2g}; lower step_size"
        )
    adjoint = basis @ recursion.transposed.solve(hessian.T @ hessian) @ basis.T
    bias_pull = -2 * basis @ np.linalg.solve(recursion.linear.jacobian.T, hessian.T @ model.gradient)
    return StationaryLaw(
        theta=model.theta,
        covariance=covariance,
        bias_part=bias,
        noise_part=noise,
        first_correction=correction,
        standard_error=model.linear.standard_error(covariance, adjoint, bias_pull, step),
        decay=recursion.decay,
        model=model,
        step_size=step,
        _recursion=recursion,
        _shift=shift,
        _adjoint=adjoint,
    )


def _stable_recursion(model: LocalModel, step_size: float) -> LinearRecursion:
    """The recursion of the second moment along the relevant directions, which must be stable."""
    linear = model.linear.on(model.relevant.basis)
    growth = float(np.linalg.eigvals(linear.jacobian).real.max())
    if not growth < 0:
        raise InputError(
            f"theta must lie near an optimum, got a root that the drift leads away from, at a rate of {growth:.2g}"
        )
    recursion = LinearRecursion(linear, step_size)
    if recursion.stable:
        return recursion
    low, high = 0.0, step_size
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if LinearRecursion(linear, middle).stable else (low, middle)
    raise InputError(
        f"step_size must be below {low:.4g} for a stable law of this estimator near theta, got {step_size:g}; lower it"
    )


def _zero_or(name: str, value: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """An array of a shape; 0 stands for zeros."""
    given = finite_array(name, value)
    if given.shape != shape and (given.ndim > 0 or given != 0):
        raise InputError(f"{name} must be 0 or an array of shape {shape}, got shape {given.shape}")
    return np.broadcast_to(given, shape)
