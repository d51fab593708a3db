"""Parts of the local model one by one: points of a normal law, moves along directions left out, relevant directions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from estimators import Blocks, ExactFeedback, LocalModel, ReturnFeedback, Sphere, ZerothOrder, stationary_law
from estimators.feedback import preferences
from estimators.leading_mixing import leading_mixing
from estimators.linear_noise import LinearNoise
from estimators.local_model import SIZES, normal_points
from estimators.relevant_directions import IRRELEVANT, RelevantDirections
from theory import (
    CircularPolicy,
    InputError,
    Logistic,
    TabularSoftmax,
    bandit,
    garnet,
    policy_gradient,
    policy_hessian,
    policy_value,
)
from theory.arrays import FloatArray

MDP = garnet(5, 3, 3, 5, np.random.default_rng(57))
POLICY = CircularPolicy(5, 3, 1.0)
OPTIMUM = np.array([0.1641068, 1.94791331, 1.50787621, -1.77402024, 2.01463394])


@pytest.mark.parametrize("dim", [0, 1, 2, 5, 12])
def test_points_have_the_moments_of_a_normal_vector(dim: int) -> None:
    points, weights = normal_points(dim)
    assert points.shape == ((2 * dim + 1, dim) if dim else (1, 0))
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights @ points, np.zeros(dim), atol=1e-14)
    np.testing.assert_allclose((weights[:, None] * points).T @ points, np.eye(dim), atol=1e-13)
    cubes = np.einsum("n,ni,nj,nk->ijk", weights, points, points, points)
    np.testing.assert_allclose(cubes, np.zeros((dim,) * 3), atol=1e-13)
    assert weights @ (points**2).sum(axis=1) ** 2 == pytest.approx(dim * (dim + 2), abs=1e-12)
    if dim > 4:  # an axis has the entry sqrt(d + 2)
        assert np.abs(points).max() < 0.8 * math.sqrt(dim + 2)


def flat_model() -> LocalModel:
    """A garnet whose last state is never left out of sight: its angle is taken as one of the directions left out."""
    estimator = ZerothOrder(Blocks(1), preferences(1000, 5, Logistic(2.5)), 0.3)
    model = LocalModel.near(MDP, POLICY, estimator, OPTIMUM)
    every = np.concatenate([model.relevant.basis, model.relevant.others], axis=1)
    noise = np.array([every[:, k] @ model.linear.noise @ every[:, k] for k in (1, 3)])
    return replace(model, relevant=RelevantDirections(every[:, [0, 2, 4]], every[:, [1, 3]], noise))


@pytest.mark.parametrize("step", [1e-3, 0.3])
def test_moves_along_directions_left_out_by_a_plain_loop(step: float) -> None:
    model = flat_model()
    basis, total = model.relevant.basis, 0.0

    def norm_after(move: FloatArray) -> float:
        drift = model.moments.drift(model.theta + move)
        follow = np.linalg.solve(basis.T @ model.linear.jacobian @ basis, basis.T @ drift)
        return float((policy_gradient(MDP, POLICY, model.theta + move - basis @ follow) ** 2).sum())

    for other, noise in zip(model.relevant.others.T, model.relevant.noise, strict=True):
        changes = []
        for way in (other, -other):
            best = 0.0
            for size in SIZES:
                fall = policy_value(MDP, POLICY, model.theta) - policy_value(MDP, POLICY, model.theta + size * way)
                if fall > step * noise / (4 * abs(model.drift_ratio)):
                    break
                best = size
            changes.append(abs(norm_after(best * way) - norm_after(np.zeros(5))))
        assert changes[0] != pytest.approx(changes[1], rel=1e-3)
        total += max(changes)
    assert model.change_by_others(step) == pytest.approx(total, rel=1e-9)
    assert (SIZES[0], SIZES[1], SIZES[-1]) == (0.0, pytest.approx(1e-6), pytest.approx(1.0))
    assert replace(model, relevant=replace(model.relevant, others=np.zeros((5, 0)))).change_by_others(step) == 0


def test_the_drift_ratio_is_the_best_factor() -> None:
    model = flat_model()
    basis = model.relevant.basis
    inner, outer = (basis.T @ matrix @ basis for matrix in (model.linear.jacobian, model.hessian))
    best = np.sum((inner - model.drift_ratio * outer) ** 2)
    for other in (model.drift_ratio + 1e-4, model.drift_ratio - 1e-4):
        assert np.sum((inner - other * outer) ** 2) > best
    # Planted: over all directions it is another factor.
    whole = np.sum(model.linear.jacobian * model.hessian) / np.sum(model.hessian**2)
    assert model.drift_ratio != pytest.approx(whole, rel=1e-4)


def linear(pull: list[float], noise: list[float]) -> LinearNoise:
    return LinearNoise.without_directions(-np.diag(pull), np.diag(noise))


def kept(curvature: list[float], pull: list[float], noise: list[float]) -> list[int]:
    """Which axes are relevant."""
    found = RelevantDirections.of(np.diag(curvature), linear(pull, noise))
    dim = len(curvature)
    assert found.basis.shape[1] + found.others.shape[1] == dim
    axes = np.abs(found.others).argmax(axis=0)
    np.testing.assert_allclose(found.noise, np.array(noise)[axes] if max(noise) > 0 else np.ones(len(axes)))
    return sorted(np.abs(found.basis).argmax(axis=0).tolist())


def test_directions_are_ranked_by_what_they_hold_of_the_floor() -> None:
    """held = a^2 S / pull: 1, and shares of it just above and just below what is left out."""
    for share, rest in ((1.02 * IRRELEVANT, False), (0.98 * IRRELEVANT, True)):
        for others in ([1.0], [1.0, 1.5]):
            held = share / (1 - share) * sum(others)
            ones = [1.0] * (1 + len(others))
            expected = [k for k in range(len(ones)) if k or not rest]
            assert kept([-math.sqrt(x) for x in (held, *others)], ones, ones) == expected
            assert kept([-x for x in ones], [1 / x for x in (held, *others)], ones) == expected
            assert kept([-x for x in ones], ones, [held, *others]) == expected


def test_two_small_ones_count_together_and_one_without_pull_by_its_curvature() -> None:
    half = 0.7 * IRRELEVANT
    assert kept([-1, -1, -1], [1, 1, 1], [1, half, 0.9 * half]) == [0, 1]
    assert kept([-1, -1, -1], [1, 1, 1], [1, 0.4 * IRRELEVANT, 0.4 * IRRELEVANT]) == [0]
    # Without pull: kept if it has curvature, left out if it has none.
    assert kept([-1, -1, 0], [1, 0, 0], [1, 1, 1]) == [0, 1]
    assert kept([-1, -5e-6, 0], [1, 1e-10, 0], [1, 1, 1]) == [0, 1]
    assert kept([-1, -5e-6, 0], [1, 1e-8, 0], [1, 1, 1]) == [0]
    # Without noise all directions count alike, and a flat V has none that matter.
    assert kept([-1, -1], [1, 1], [0, 0]) == [0, 1]
    assert kept([-1, -0.05], [1, 1], [0, 0]) == [0]
    assert kept([0, 0], [0, 0], [1, 1]) == []


# --- the mixing time to leading order --------------------------------------------------------------------------------

EXACT = ZerothOrder(Blocks(1), ExactFeedback(), 1e-3)
# Noise that is alike for all directions, as the leading order takes it.
NOISY = ZerothOrder(Blocks(1), ReturnFeedback(np.asarray(100)), 1e-3)


@pytest.mark.parametrize(
    "estimator",
    [
        NOISY,
        replace(NOISY, directions=Blocks(3)),
        replace(NOISY, symmetric=True),
        replace(NOISY, n_directions=4),
        replace(NOISY, directions=Sphere()),
    ],
    ids=["coordinates", "blocks", "symmetric", "four directions", "sphere"],
)
def test_for_a_small_radius_it_is_that_of_the_stationary_law(estimator: ZerothOrder) -> None:
    step = 0.2
    law = stationary_law(MDP, POLICY, estimator, OPTIMUM, step, np.random.default_rng(1))
    found = leading_mixing(MDP, POLICY, estimator, law.theta, step, np.random.default_rng(1))
    assert found == pytest.approx(1 / (1 - law.decay), rel=1e-4)


def test_one_angle_by_hand() -> None:
    """One arm pays: V'' = a at the optimum, every step multiplies the angle by 1 + s a, so r = (1 + s a)^2."""
    mdp, policy = bandit([0.0, 1.0]), CircularPolicy(1, 2, 1.0)
    optimum = np.array([np.pi])
    bend = float(policy_hessian(mdp, policy, optimum)[0, 0])
    assert bend < 0
    for step in (0.1, 1.0, 1.9 / -bend):
        decay = (1 + step * bend) ** 2
        found = leading_mixing(mdp, policy, EXACT, optimum, step, np.random.default_rng(0))
        assert found == pytest.approx(1 / (1 - decay), rel=1e-9)
    for step in (2.0 / -bend, 2.1 / -bend):
        assert leading_mixing(mdp, policy, EXACT, optimum, step, np.random.default_rng(0)) == math.inf
    # The worst angle is a minimum, and a policy that cannot change the value is flat.
    assert leading_mixing(mdp, policy, EXACT, np.zeros(1), 0.1, np.random.default_rng(0)) == math.inf
    same = bandit([1.0, 1.0])
    assert leading_mixing(same, policy, EXACT, optimum, 0.1, np.random.default_rng(0)) == math.inf


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"estimator": Sphere()}, "estimator must be a ZerothOrder"),
        ({"step_size": 0.0}, "step_size must be positive and finite, got 0.0"),
        ({"step_size": math.inf}, "step_size must be positive and finite, got inf"),
        ({"theta": np.zeros((2, 5))}, r"theta must have shape \(5,\), one point, got \(2, 5\)"),
        ({"policy": TabularSoftmax(2, 2)}, "policy must have 5 states"),
    ],
)
def test_wrong_arguments_are_refused(change: dict[str, Any], words: str) -> None:
    given = {
        "mdp": MDP,
        "policy": POLICY,
        "estimator": EXACT,
        "theta": OPTIMUM,
        "step_size": 0.2,
        "rng": np.random.default_rng(0),
    }
    with pytest.raises(InputError, match=words):
        leading_mixing(**(given | change))


def test_what_cannot_be_a_local_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = ZerothOrder(Blocks(1), preferences(1000, 5, Logistic(2.5)), 0.3)
    near = OPTIMUM + 0.05
    assert np.abs(LocalModel.near(MDP, POLICY, estimator, near).theta - near).max() > 0.01
    for shape in ((), (4,), (1, 5)):
        with pytest.raises(InputError, match=r"theta must have shape \(5,\), one point to start from, got "):
            LocalModel.near(MDP, POLICY, estimator, np.zeros(shape))
    # Rounding leaves something of most of these Hessians.
    for mean in (0.0, 0.3, 0.5, 1.0):
        with pytest.raises(InputError, match=r"near a curved optimum of V, got one where V is flat: \[1.0\]"):
            LocalModel.near(bandit([mean] * 3), CircularPolicy(1, 3, 1.0), estimator, [1.0])
    nearly = bandit([0.5, 0.5 + 1e-9, 0.5])
    assert LocalModel.near(nearly, CircularPolicy(1, 3, 1.0), estimator, [2.2]).theta[0] == pytest.approx(2.09, abs=0.1)
    monkeypatch.setattr("estimators.local_model.LONGEST_SEARCH", 1)
    with pytest.raises(InputError, match=r"theta must lie near a root of the drift E g, found none near \[0.21"):
        LocalModel.near(MDP, POLICY, estimator, near)
