"""What the law of the algorithm needs of an estimator: drift, second moments of a step, and their derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.random import Generator

from estimators.direction_rules import DirectionRule, direction_rule
from estimators.exact_gradient import ExactGradient
from estimators.linear_noise import LinearNoise, forms
from estimators.score_function import Gpomdp, Reinforce
from estimators.zeroth_order import ZerothOrder
from theory.arrays import FloatArray
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import policy_gradient, policy_hessian, policy_value

# First derivatives are central differences; their error is of order STEP^2 and of rounding / STEP, about 1e-10.
STEP = 1e-5
# A rule of degree 5 for a standard normal number.
NORMAL_NODES, NORMAL_WEIGHTS = np.array([-math.sqrt(3), 0.0, math.sqrt(3)]), np.array([1, 4, 1]) / 6
# Laws of votes worked out at a time.
CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Step:
    """Moments of a step theta + step_size g.

    Attributes
    ----------
    drift : array (n, dim)
        E g.
    quadratic : array (n,)
        E[g' form g].
    gain : array (n,)
        E V(theta + step_size g) - V(theta).
    """

    drift: FloatArray
    quadratic: FloatArray
    gain: FloatArray


class StepMoments(Protocol):
    """Moments of a gradient estimate g as functions of theta."""

    def drift(self, theta: FloatArray) -> FloatArray:
        """E g, (..., dim) -> (..., dim)."""

    def jacobian(self, theta: FloatArray) -> FloatArray:
        """Derivative of the drift, (dim,) -> (dim, dim)."""

    def linearised(self, theta: FloatArray) -> LinearNoise:
        """Leading order near a root of the drift, (dim,)."""

    def step(self, theta: FloatArray, form: FloatArray, step_size: float) -> Step:
        """Moments of a step from every theta, (n, dim); form is (dim, dim)."""


def step_moments(mdp: TabularMDP, policy: Policy, estimator: object, rng: Generator | None = None) -> StepMoments:
    """Moments of an estimator's step.

    Raises
    ------
    InputError
        If the estimator is of another kind, has several settings at once, or needs a generator and none is given.
    """
    if isinstance(estimator, ZerothOrder):
        for name, setting in (("radius", estimator.radius), ("n_pairs", estimator.feedback.n_pairs)):
            if np.ndim(setting) > 0:
                raise InputError(f"{name} must be one number for a stationary law, got shape {np.shape(setting)}")
        rule = direction_rule(estimator.directions, policy.dim, rng)
        return ZerothOrderMoments(mdp, policy, estimator, rule)
    if isinstance(estimator, ExactGradient | Reinforce | Gpomdp):
        return UnbiasedMoments(mdp, policy, estimator)
    raise InputError(
        "estimator must be a ZerothOrder, Reinforce, Gpomdp or ExactGradient to have a stationary law here, "
        f"got {type(estimator).__name__}"
    )


@dataclass(frozen=True, eq=False)
class _Listed:
    """Directions whose support is a given array."""

    directions: FloatArray

    def sample(self, dim: int, batch: tuple[int, ...], rng: Generator) -> FloatArray:
        """Not needed: all directions are listed."""
        raise NotImplementedError

    def support(self, dim: int) -> FloatArray:  # noqa: ARG002
        """The array."""
        return self.directions


@dataclass(frozen=True, eq=False)
class ZerothOrderMoments:
    """Moments of a zeroth-order estimate: averages over a rule of the exact moments given the direction."""

    mdp: TabularMDP
    policy: Policy
    estimator: ZerothOrder
    rule: DirectionRule

    @cached_property
    def scale(self) -> float:
        """Factor of D v in the estimate."""
        return float(self.estimator.scale(self.policy))

    def drift(self, theta: FloatArray) -> FloatArray:
        """E g, (..., dim) -> (..., dim)."""
        flat = theta.reshape(-1, self.policy.dim)
        return np.asarray(self._along(self._lengths(flat)[0]).reshape(theta.shape))

    def jacobian(self, theta: FloatArray) -> FloatArray:
        """Derivative of the drift, (dim,) -> (dim, dim)."""
        return self._jacobian(self._differences(theta)[2])

    def linearised(self, theta: FloatArray) -> LinearNoise:
        """Leading order near a root of the drift, (dim,)."""
        length, variance, pulls, slopes = self._differences(theta)
        return LinearNoise.along(self.rule, self.estimator.n_directions, length, variance, pulls, slopes)

    def step(self, theta: FloatArray, form: FloatArray, step_size: float) -> Step:
        """Moments of a step from every theta, (n, dim); form is (dim, dim).

        For the gain, the length of a step along its direction counts as normal, and the gains along k directions, each
        of 1/k of the step, add up, but for the square of their mean.
        """
        length, variance = self._lengths(theta)
        k, mean, weights = self.estimator.n_directions, self._along(length), self.rule.weights
        quadratic = (weights * forms(self.rule.directions, form)) @ (length**2 + variance)
        gain = np.empty(len(theta))
        for i, point in enumerate(theta):
            reach = step_size / k * (length[:, i] + NORMAL_NODES[:, None] * np.sqrt(variance[:, i]))
            gained = policy_value(self.mdp, self.policy, point + reach[..., None] * self.rule.directions)
            gain[i] = k * NORMAL_WEIGHTS @ (gained - policy_value(self.mdp, self.policy, point)) @ weights
            if k > 1:
                square = mean[i] @ policy_hessian(self.mdp, self.policy, point) @ mean[i]
                gain[i] += step_size**2 / 2 * (1 - 1 / k) * square
        return Step(mean, np.asarray(quadratic / k + (1 - 1 / k) * forms(mean, form)), gain)

    def _along(self, lengths: FloatArray) -> FloatArray:
        """Mean over directions of length times direction, (n, B) -> (B, dim)."""
        return np.asarray(lengths.T @ (self.rule.weights[:, None] * self.rule.directions))

    def _jacobian(self, pulls: FloatArray) -> FloatArray:
        return np.asarray((self.rule.weights[:, None] * self.rule.directions).T @ pulls)

    def _lengths(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the length of a step along each direction, (B, dim) -> twice (n, B)."""
        v = self.rule.directions
        size = max(1, CHUNK // len(theta))
        parts = [self._given(v[start : start + size], theta) for start in range(0, len(v), size)]
        mean, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
        return self.scale * mean, self.scale**2 * variance

    def _given(self, directions: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        listed = replace(self.estimator, directions=_Listed(directions))
        given = listed.moments_given_directions(self.mdp, self.policy, theta)[1]
        shape = (len(directions), len(theta))
        variance = given.variance_trajectory + given.variance_query
        return np.broadcast_to(given.mean, shape), np.broadcast_to(variance, shape)

    def _differences(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Mean and variance of the length of a step, (n,), and their gradients in theta, (n, dim)."""
        moves = STEP * np.eye(self.policy.dim)
        points = np.concatenate([theta[None], theta + moves, theta - moves])
        mean, variance = self._lengths(points)
        up, down = slice(1, 1 + self.policy.dim), slice(1 + self.policy.dim, None)
        pulls, slopes = ((part[:, up] - part[:, down]) / (2 * STEP) for part in (mean, variance))
        return mean[:, 0], variance[:, 0], pulls, slopes


@dataclass(frozen=True, eq=False)
class UnbiasedMoments:
    """Moments of an estimate whose mean is the gradient: its covariance is noise, whatever the direction."""

    mdp: TabularMDP
    policy: Policy
    estimator: ExactGradient | Reinforce | Gpomdp

    def drift(self, theta: FloatArray) -> FloatArray:
        """The gradient of V, (..., dim) -> (..., dim)."""
        return np.asarray(policy_gradient(self.mdp, self.policy, theta))

    def jacobian(self, theta: FloatArray) -> FloatArray:
        """The Hessian of V, (dim,) -> (dim, dim)."""
        return policy_hessian(self.mdp, self.policy, theta)

    def linearised(self, theta: FloatArray) -> LinearNoise:
        """Leading order near a stationary point of V, (dim,)."""
        return LinearNoise.without_directions(self.jacobian(theta), self._covariance(theta))

    def step(self, theta: FloatArray, form: FloatArray, step_size: float) -> Step:
        """Moments of a step from every theta, (n, dim); form is (dim, dim). The gain is to second order."""
        mean, quadratic, gain = self.drift(theta), np.empty(len(theta)), np.empty(len(theta))
        for i, point in enumerate(theta):
            second = self._covariance(point) + np.outer(mean[i], mean[i])
            quadratic[i] = np.sum(form * second)
            curved = np.sum(policy_hessian(self.mdp, self.policy, point) * second)
            gain[i] = step_size * mean[i] @ mean[i] + step_size**2 / 2 * curved
        return Step(mean, quadratic, gain)

    def _covariance(self, theta: FloatArray) -> FloatArray:
        if isinstance(self.estimator, ExactGradient):
            return np.zeros((self.policy.dim, self.policy.dim))
        return self.estimator.covariance(self.mdp, self.policy, theta)
