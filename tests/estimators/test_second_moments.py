"""Moments of a step and their derivatives away from a root, against the exact moments given each direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from estimators import Blocks, ExactGradient, Gpomdp, Reinforce, Sphere, ZerothOrder
from estimators.direction_rules import direction_rule
from estimators.feedback import preferences
from estimators.linear_noise import forms
from estimators.second_moments import CHUNK, step_moments
from theory import CircularPolicy, InputError, Logistic, TabularSoftmax, garnet, policy_gradient, policy_hessian
from theory.arrays import FloatArray

MDP, POLICY = garnet(3, 2, 2, 3, np.random.default_rng(4), lattice=2), CircularPolicy(3, 2, 1.2)
THETA = np.array([0.4, -0.9, 0.7])
VOTES = preferences(40, 3, Logistic(2.0))


def lengths(estimator: ZerothOrder, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of the length of a step along each direction, (n,)."""
    given = estimator.moments_given_directions(MDP, POLICY, theta)[1]
    scale = float(estimator.scale(POLICY))
    return scale * given.mean, scale**2 * (given.variance_trajectory + given.variance_query)


@pytest.mark.parametrize("k", [1, 3])
def test_zeroth_order_moments_away_from_a_root(k: int) -> None:
    estimator = ZerothOrder(Blocks(2), VOTES, 0.4, n_directions=k)
    moments, v, n, h = step_moments(MDP, POLICY, estimator), Blocks(2).support(3), 12, 1e-4
    assert v is not None
    mean, variance = lengths(estimator, THETA)
    linear = moments.linearised(THETA)
    np.testing.assert_allclose(linear.lengths, mean, rtol=1e-12)
    np.testing.assert_allclose(linear.variances, variance, rtol=1e-9)
    np.testing.assert_allclose(moments.drift(THETA), mean @ v / n, rtol=1e-11)
    moved = [[lengths(estimator, THETA + sign * h * e) for sign in (1, -1)] for e in np.eye(3)]
    pulls, bends = (np.stack([(up[i] - down[i]) / (2 * h) for up, down in moved], axis=1) for i in (0, 1))
    np.testing.assert_allclose(linear.pulls, pulls, atol=1e-6)
    np.testing.assert_allclose(linear.slopes, (2 * mean[:, None] * pulls + bends) / k, atol=1e-5)
    np.testing.assert_allclose(linear.jacobian, v.T @ pulls / n, atol=1e-6)
    np.testing.assert_allclose(moments.jacobian(THETA), linear.jacobian, rtol=1e-12)
    # Planted: the variance at a point one difference away is told from that at theta.
    away = lengths(estimator, THETA - 1e-5 * np.eye(3)[2])[1]
    assert not np.allclose(linear.variances, away, rtol=1e-9)
    form = np.array([[2.0, 0.3, 0.0], [0.3, 1.0, -0.2], [0.0, -0.2, 0.5]])
    thetas = np.stack([THETA, -THETA])
    step = moments.step(thetas, form, 0.2)
    for i, theta in enumerate(thetas):
        mean, variance = lengths(estimator, theta)
        drift = mean @ v / n
        square = (mean**2 + variance) @ forms(v, form) / n / k + (1 - 1 / k) * drift @ form @ drift
        np.testing.assert_allclose(step.drift[i], drift, rtol=1e-11)
        assert step.quadratic[i] == pytest.approx(square, rel=1e-11)


def test_a_gain_is_that_of_the_expansion_of_the_value_for_short_steps() -> None:
    """V(theta + s g) - V = s grad V' g + s^2 / 2 g' H g + O(s^3), whose mean needs drift and second moment only."""
    hessian, gradient = policy_hessian(MDP, POLICY, THETA), policy_gradient(MDP, POLICY, THETA)
    for estimator in (
        ZerothOrder(Blocks(2), VOTES, 0.4),
        ZerothOrder(Blocks(2), VOTES, 0.4, n_directions=3),
        ExactGradient(),
        Reinforce(20, "value"),
        Gpomdp(20),
    ):
        for size in (0.02, 0.01):
            step = step_moments(MDP, POLICY, estimator).step(THETA[None], hessian, size)
            exact = size * gradient @ step.drift[0] + size**2 / 2 * step.quadratic[0]
            assert step.gain[0] == pytest.approx(exact, abs=2e-2 * size**2 * abs(step.quadratic[0]) + 1e-14)


@pytest.mark.parametrize("estimator", [ExactGradient(), Reinforce(20, "value"), Gpomdp(20)])
def test_unbiased_moments(estimator: Any) -> None:
    moments = step_moments(MDP, POLICY, estimator)
    gradient = policy_gradient(MDP, POLICY, THETA)
    noise = np.zeros((3, 3)) if isinstance(estimator, ExactGradient) else estimator.covariance(MDP, POLICY, THETA)
    np.testing.assert_array_equal(moments.drift(THETA), gradient)
    np.testing.assert_array_equal(moments.jacobian(THETA), policy_hessian(MDP, POLICY, THETA))
    np.testing.assert_array_equal(moments.linearised(THETA).noise, noise)
    form = np.diag([1.0, 2.0, 3.0])
    step = moments.step(np.stack([THETA, THETA]), form, 0.3)
    np.testing.assert_allclose(step.quadratic, np.trace(form @ (noise + np.outer(gradient, gradient))), rtol=1e-12)


def test_many_points_are_worked_out_in_parts_and_agree() -> None:
    """More laws than fit one part: the parts are those of one point alone."""
    moments = step_moments(MDP, POLICY, ZerothOrder(Blocks(2), VOTES, 0.4))
    thetas = np.random.default_rng(0).normal(size=(CHUNK // 4, 3))
    together = moments.drift(thetas)
    for i in (0, 17, len(thetas) - 1):
        np.testing.assert_allclose(together[i], moments.drift(thetas[i]), rtol=1e-11)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (
            ZerothOrder(Blocks(1), VOTES, [0.1, 0.2]),
            r"radius must be one number for a stationary law, got shape \(2,\)",
        ),
        (ZerothOrder(Blocks(1), replace(VOTES, n_pairs=np.array([4, 8])), 0.1), "n_pairs must be one number"),
        (ZerothOrder(Sphere(), VOTES, 0.1), "rng must be given to average over Sphere"),
        (VOTES, "estimator must be a ZerothOrder, .* got PreferenceFeedback"),
    ],
)
def test_what_has_no_one_law_is_refused(estimator: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        step_moments(MDP, POLICY, estimator)


def test_the_rule_of_the_moments_is_that_of_the_directions() -> None:
    rng = np.random.default_rng(0)
    policy = TabularSoftmax(3, 2)
    moments: Any = step_moments(MDP, policy, ZerothOrder(Sphere(), VOTES, 0.4), rng)
    rule = direction_rule(Sphere(), 6, np.random.default_rng(0))
    np.testing.assert_array_equal(moments.rule.directions, rule.directions)
    assert moments.rule.n_groups == rule.n_groups
