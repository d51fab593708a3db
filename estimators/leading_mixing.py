"""Mixing time of an algorithm near an optimum to leading order in the radius: no law of votes is worked out."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from estimators.direction_rules import direction_rule
from estimators.linear_noise import LinearNoise
from estimators.linear_recursion import LinearRecursion
from estimators.relevant_directions import RelevantDirections
from estimators.zeroth_order import ZerothOrder
from theory.errors import InputError, require_kind, require_positive
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import policy_hessian, real_parameters


def leading_mixing(
    mdp: TabularMDP, policy: Policy, estimator: ZerothOrder, theta: ArrayLike, step_size: float, rng: Generator
) -> float:
    """Iterations 1 / (1 - r) in which a distance from the stationary law falls to a share of 1 / e.

    As the radius tends to 0 a step along v is step_size times `scale` times radius times (v' H x) v, if the feedback is
    right about small differences: r then follows from the Hessian H of V and the law of the directions alone. The
    error is of the order of the radius squared. `stationary_law` has none, and costs many times as much.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    estimator : ZerothOrder
        With one radius. Its feedback is not used.
    theta : array (dim,)
        An optimum of V.
    step_size : float
    rng : Generator
        Draws directions that cannot be enumerated.

    Returns
    -------
    float
        Infinite if V is not curved downwards at theta, or if the step is too large for a stable law.

    Raises
    ------
    InputError
        If an argument has another type or shape, or the step size is not positive.
    """
    require_kind("estimator", estimator, ZerothOrder, "ZerothOrder(Sphere(), ExactFeedback(), 0.1)")
    require_positive("step_size", step_size)
    point = real_parameters(mdp, policy, theta)
    if point.ndim > 1:
        raise InputError(f"theta must have shape ({policy.dim},), one point, got {point.shape}")
    hessian = policy_hessian(mdp, policy, point)
    rule = direction_rule(estimator.directions, policy.dim, rng)
    gain = float(estimator.scale(policy)) * float(np.asarray(estimator.radius)) * (2 if estimator.symmetric else 1)
    pulls = gain * rule.directions @ hessian
    none, flat = np.zeros(len(rule.weights)), np.zeros_like(pulls)
    pairs = np.full(len(none), 1 / estimator.n_directions)
    linear = LinearNoise.along(rule, estimator.n_directions, none, pairs, pulls, flat)
    basis = RelevantDirections.of(hessian, linear).basis
    if not basis.size:
        return math.inf
    inside = linear.on(basis)
    if not np.linalg.eigvals(inside.jacobian).real.max() < 0:
        return math.inf
    recursion = LinearRecursion(inside, step_size)
    if not recursion.stable:
        return math.inf
    try:
        return 1 / (1 - recursion.decay)
    except FloatingPointError:
        return math.inf
