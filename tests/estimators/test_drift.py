"""The root of the drift: found from afar, along relevant directions only, refused where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from estimators import Blocks, Reinforce, Sphere, ZerothOrder
from estimators.drift import drift_root
from estimators.feedback import preferences
from estimators.local_model import LocalModel
from estimators.second_moments import step_moments
from theory import CircularPolicy, InputError, Logistic, TabularSoftmax, bandit, garnet, policy_gradient
from theory.arrays import FloatArray

MDP = garnet(5, 3, 3, 5, np.random.default_rng(57))
POLICY = CircularPolicy(5, 3, 1.0)
OPTIMUM = np.array([0.1641068, 1.94791331, 1.50787621, -1.77402024, 2.01463394])


@dataclass
class Drift:
    """A drift with its derivative, and a count of the derivatives worked out."""

    function: Any
    derivative: Any
    n_derivatives: int = 0

    def drift(self, theta: FloatArray) -> FloatArray:
        return self.function(theta)

    def jacobian(self, theta: FloatArray) -> FloatArray:
        self.n_derivatives += 1
        return self.derivative(theta)

    def linearised(self, theta: FloatArray) -> Any:
        raise NotImplementedError

    step = linearised


def sines(theta: FloatArray) -> FloatArray:
    return -np.array([1.0, 0.01]) * np.sin(theta)


def cosines(theta: FloatArray) -> FloatArray:
    return np.diag(-np.array([1.0, 0.01]) * np.cos(theta))


@pytest.mark.parametrize("start", [(0.1, 0.2), (1.4, -1.3), (2.8, 2.5), (-3.0, 3.0)])
def test_search_follows_the_drift_to_the_stable_root(start: tuple[float, float]) -> None:
    """Newton's steps alone would end at an unstable root from the last two starts."""
    drift = Drift(sines, cosines)
    found = drift_root(drift, np.array(start), np.eye(2))
    np.testing.assert_allclose(np.sin(found), 0, atol=1e-6)
    np.testing.assert_allclose(np.cos(found), 1, atol=1e-6)


def test_near_the_root_one_derivative_is_enough() -> None:
    drift = Drift(sines, cosines)
    drift_root(drift, np.array([0.02, -0.03]), np.eye(2), cosines(np.array([0.02, -0.03])))
    assert drift.n_derivatives == 0


def test_other_directions_are_left_where_they_are() -> None:
    basis = np.array([[1.0], [0.0]])
    found = drift_root(Drift(sines, cosines), np.array([1.0, 1.0]), basis)
    np.testing.assert_allclose(found, [0.0, 1.0], atol=1e-9)


def test_a_drift_without_a_root_is_refused() -> None:
    rise = Drift(lambda theta: np.exp(-theta), lambda theta: np.diag(-np.exp(-theta)))
    with pytest.raises(InputError, match="none in 40 steps"):
        drift_root(rise, np.zeros(2), np.eye(2))
    softmax, estimator = TabularSoftmax(1, 2), ZerothOrder(Blocks(1), preferences(100, 5, Logistic()), 0.3)
    with pytest.raises(InputError, match="a tabular softmax is at infinity"):
        LocalModel.near(bandit([0.1, 0.9]), softmax, estimator, [0.5, -0.5])
    with pytest.raises(InputError, match="where V is flat"):
        LocalModel.near(bandit([0.5, 0.5]), softmax, estimator, [0.5, -0.5])


@pytest.mark.parametrize("directions", [Blocks(1), Blocks(3), Sphere()])
def test_root_of_an_estimator_is_where_its_mean_is_zero(directions: Blocks | Sphere) -> None:
    """The mean from `moments`, which enumerates or draws directions of its own."""
    estimator = ZerothOrder(directions, preferences(1000, 5, Logistic(2.5)), 0.5)
    model = LocalModel.near(MDP, POLICY, estimator, OPTIMUM, np.random.default_rng(0))
    mean = estimator.moments(MDP, POLICY, model.theta, np.random.default_rng(1)).mean
    gradient = np.linalg.norm(policy_gradient(MDP, POLICY, model.theta))
    assert np.linalg.norm(mean) < (1e-9 if isinstance(directions, Blocks) else 0.3 * gradient)
    assert gradient > 1e-3  # so it is not the optimum
    np.testing.assert_allclose(model.theta, OPTIMUM, atol=0.3)


def test_roots_do_not_depend_on_where_the_search_begins() -> None:
    estimator = ZerothOrder(Blocks(1), preferences(1000, 5, Logistic(2.5)), 0.5)
    near = LocalModel.near(MDP, POLICY, estimator, OPTIMUM).theta
    far = LocalModel.near(MDP, POLICY, estimator, OPTIMUM + 0.7).theta
    np.testing.assert_allclose(near, far, atol=1e-8)


def test_derivative_of_the_drift_is_that_of_the_drift() -> None:
    for estimator in (ZerothOrder(Blocks(2), preferences(9, 5, Logistic(2.5)), 0.5, n_directions=3), Reinforce(3)):
        moments = step_moments(MDP, POLICY, estimator)
        moves = 1e-4 * np.eye(5)
        moved = (moments.drift(OPTIMUM + moves) - moments.drift(OPTIMUM - moves)) / 2e-4
        np.testing.assert_allclose(moments.jacobian(OPTIMUM), moved.T, atol=1e-7)
        assert np.abs(moved).max() > 0.1
