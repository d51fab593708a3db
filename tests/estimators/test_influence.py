"""Influences are derivatives of the errors in the weights of the directions."""

from __future__ import annotations

import numpy as np
import pytest

from estimators import Sphere, ZerothOrder
from estimators.feedback import preferences
from estimators.moments import error_influence, rescaled_influence
from theory import CircularPolicy, Logistic, garnet, policy_gradient

MDP = garnet(4, 2, 2, 3, np.random.default_rng(1))
POLICY = CircularPolicy(4, 2, 1.0)
THETA = np.array([0.4, 1.0, -0.5, 2.0])
GRADIENT = policy_gradient(MDP, POLICY, THETA)


def weighted_errors(weights, directions, given, scale, k):
    """Raw and rescaled error of the mean of k directions drawn with these weights."""
    length = scale * given.mean
    noise = scale**2 * (given.variance_trajectory + given.variance_query)
    mean = (weights * length) @ directions
    second = weights @ (length**2 + noise) / k + (1 - 1 / k) * mean @ mean
    raw = second - 2 * mean @ GRADIENT + GRADIENT @ GRADIENT
    return raw, 1 - (mean @ GRADIENT) ** 2 / (second * GRADIENT @ GRADIENT)


@pytest.mark.parametrize("k", [1, 4])
def test_influences_are_derivatives(k):
    estimator = ZerothOrder(Sphere(), preferences(20, 5, Logistic(1.5)), 0.7, n_directions=k)
    directions, given = estimator.moments_given_directions(MDP, POLICY, THETA, np.random.default_rng(0))
    scale, n, step = estimator.scale(POLICY), len(directions), 1e-7
    influences = [f(GRADIENT, directions, given, scale, k) for f in (error_influence, rescaled_influence)]
    even = np.full(n, 1 / n)
    base = weighted_errors(even, directions, given, scale, k)
    for i in (0, 7, n - 1):
        tilted = (1 - step) * even
        tilted[i] += step
        moved = weighted_errors(tilted, directions, given, scale, k)
        for influence, after, before in zip(influences, moved, base, strict=True):
            assert (after - before) / step == pytest.approx(influence[i], rel=1e-4, abs=1e-6)
    moments = estimator.moments(MDP, POLICY, THETA, np.random.default_rng(0))
    assert float(moments.mse) == pytest.approx(base[0], rel=1e-12)
    assert float(moments.rescaled_mse) == pytest.approx(base[1] * GRADIENT @ GRADIENT, rel=1e-12)
