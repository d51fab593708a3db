"""The law near an optimum: against hand computations, dense matrices and tensors, and its own refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from estimators import (
    Blocks,
    Dpo,
    ExactFeedback,
    ExactGradient,
    Gpomdp,
    LocalModel,
    PreferenceFeedback,
    Reinforce,
    ReturnFeedback,
    Sphere,
    StationaryLaw,
    ZerothOrder,
    law_at,
    stationary_law,
)
from estimators.feedback import preferences
from estimators.linear_recursion import LinearRecursion
from theory import (
    CircularPolicy,
    InputError,
    Logistic,
    TabularMDP,
    TabularSoftmax,
    VoteModel,
    bandit,
    from_gymnasium,
    garnet,
    policy_gradient,
    policy_hessian,
)
from theory.arrays import FloatArray

MDP = garnet(5, 3, 3, 5, np.random.default_rng(57))
POLICY = CircularPolicy(5, 3, 1.0)
OPTIMUM = np.array([0.1641068, 1.94791331, 1.50787621, -1.77402024, 2.01463394])
LINK = Logistic(2.5)
STEP = 0.2


def votes(n_pairs: float = 10**4, n_queries: float = 5, **settings: Any) -> PreferenceFeedback:
    return preferences(n_pairs, n_queries, LINK, **settings)


def law_of(estimator: Any, step: float = STEP) -> StationaryLaw:
    return stationary_law(MDP, POLICY, estimator, OPTIMUM, step, np.random.default_rng(3))


# --- by hand ---------------------------------------------------------------------------------------------------------


def arms(theta: FloatArray) -> FloatArray:
    """Value of one three-armed bandit of means 0.2, 0.9 and 0.4 under a circular policy, theta any shape."""
    odds = np.exp(np.cos(theta[..., None] - 2 * np.pi * np.arange(3) / 3))
    return np.asarray((odds / odds.sum(axis=-1, keepdims=True)) @ [0.2, 0.9, 0.4])


def slope(function: Any, at: float, order: int = 1) -> float:
    """Derivative of order 1 or 2 by central differences of high order."""
    h, points = 0.02, np.arange(-4, 5)
    first = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])
    second = np.array([-1 / 560, 8 / 315, -1 / 5, 8 / 5, -205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560])
    weights = first / h if order == 1 else second / h**2
    return float(weights @ function(at + h * points))


def test_one_parameter_by_hand() -> None:
    """One bandit, one angle, v = +-1, feedback from returns: every number from its formula."""
    radius, n_pairs, step = 0.8, 50, 1.5
    estimator = ZerothOrder(Sphere(), ReturnFeedback(np.asarray(n_pairs)), radius)
    law = stationary_law(bandit([0.2, 0.9, 0.4]), CircularPolicy(1, 3, 1.0), estimator, [2.0], step)

    def drift(theta: FloatArray) -> FloatArray:
        return (arms(theta + radius) - arms(theta - radius)) / (2 * radius)

    root = float(law.theta[0])
    assert abs(drift(law.theta)[0]) < 1e-9
    both = np.array([radius, -radius])
    lengths = (arms(root + both) - arms(law.theta)) / radius
    pulls = np.array([slope(arms, root + move) - slope(arms, root) for move in both]) / radius
    spread = arms(root + both) * (1 - arms(root + both)) + arms(law.theta) * (1 - arms(law.theta))
    noise = float((lengths**2 + spread / n_pairs / radius**2).mean())
    growth, pull = (pulls**2).mean(), (pulls * np.sign(both)).mean()
    moment = step**2 * noise / (-2 * step * pull - step**2 * growth)
    assert law.covariance[0, 0] == pytest.approx(moment, rel=1e-7)
    assert law.decay == pytest.approx(1 + 2 * step * pull + step**2 * growth, rel=1e-7)
    assert law.mixing_iterations == math.ceil(1 / (1 - law.decay))
    gradient, hessian = slope(arms, root), slope(arms, root, 2)
    shift = -slope(drift, root, 2) * moment / (2 * pull)
    third = slope(lambda at: np.array([slope(arms, x, 2) for x in at]), root)
    correction = 2 * gradient * (hessian * shift + third * moment / 2)
    assert law.bias_part == pytest.approx(gradient**2, rel=1e-6)
    assert law.first_correction == pytest.approx(correction, rel=1e-4)
    assert law.noise_part == pytest.approx(hessian**2 * moment + correction, rel=1e-6)
    assert law.gradient_norm_sq == law.bias_part + law.noise_part
    assert min(law.bias_part, abs(law.first_correction)) > 0.003 * law.noise_part
    assert law.standard_error == 0


# --- dense matrices and tensors --------------------------------------------------------------------------------------


def brute_force(estimator: ZerothOrder, root: FloatArray, step: float) -> tuple[FloatArray, float]:
    """X and r from the moments given each direction, with d^2 x d^2 matrices and differences of another order."""
    directions, given = estimator.moments_given_directions(MDP, POLICY, root)
    n, dim, h = *directions.shape, 1e-3
    scale, k = float(estimator.scale(POLICY)), estimator.n_directions
    moves = h * np.concatenate([c * np.eye(dim) for c in (1, -1, 2, -2)])
    moved = estimator.moments_given_directions(MDP, POLICY, root + moves)[1].mean.reshape(n, 4, dim)
    pulls = scale * (8 * (moved[:, 0] - moved[:, 1]) - (moved[:, 2] - moved[:, 3])) / (12 * h)
    jump = np.einsum("ni,nj->nij", directions, pulls)
    mean, eye = jump.mean(axis=0), np.eye(dim)
    square = np.einsum("nij,nkl->ikjl", jump, jump).reshape(dim**2, dim**2) / n
    second = scale**2 * (given.mean**2 + given.variance_trajectory + given.variance_query)
    noise = np.einsum("n,ni,nj->ij", second, directions, directions) / n / k
    matrix = np.eye(dim**2) + step * (np.kron(mean, eye) + np.kron(eye, mean))
    matrix += step**2 * (square / k + (1 - 1 / k) * np.kron(mean, mean))
    solved = np.linalg.solve(np.eye(dim**2) - matrix, step**2 * noise.ravel()).reshape(dim, dim)
    return solved, float(np.abs(np.linalg.eigvals(matrix)).max())


@pytest.mark.parametrize(
    "estimator",
    [
        ZerothOrder(Blocks(1), votes(), 0.3),
        ZerothOrder(Blocks(3), votes(1000, 1), 0.5, n_directions=4),
        ZerothOrder(Blocks(5), votes(300, 25), 0.3, symmetric=True),
        ZerothOrder(Blocks(2), PreferenceFeedback(np.asarray(99), "rollout", VoteModel(LINK, 3, repeated=True)), 0.4),
        ZerothOrder(Blocks(1), votes(100, 5, common_random_numbers=True), 0.3),
        ZerothOrder(Blocks(1), ReturnFeedback(np.asarray(math.inf)), 0.5),
        ZerothOrder(Blocks(3), ExactFeedback(), 0.5),
    ],
)
def test_law_is_that_of_the_dense_recursion(estimator: ZerothOrder) -> None:
    law = law_of(estimator)
    covariance, decay = brute_force(estimator, law.theta, STEP)
    np.testing.assert_allclose(law.covariance, covariance, rtol=1e-6, atol=1e-7 * np.abs(covariance).max())
    assert law.decay == pytest.approx(decay, abs=1e-8)
    bend = -policy_hessian(MDP, POLICY, law.theta)
    noise = np.trace(bend @ covariance @ bend)
    assert law.noise_part - law.first_correction == pytest.approx(noise, rel=1e-6)
    assert law.bias_part == pytest.approx((policy_gradient(MDP, POLICY, law.theta) ** 2).sum(), rel=1e-9)


def test_first_correction_is_that_of_the_tensors() -> None:
    """K = 1 with a large radius: the root lies far from the optimum, so the correction counts."""
    estimator = ZerothOrder(Blocks(1), votes(1000), 1.0)
    law = law_of(estimator)
    moments, h = law.model.moments, 1e-3
    moves = h * np.eye(5)
    bend_of_drift = np.stack([moments.jacobian(law.theta + e) - moments.jacobian(law.theta - e) for e in moves]) / (
        2 * h
    )
    bend = np.stack(
        [policy_hessian(MDP, POLICY, law.theta + e) - policy_hessian(MDP, POLICY, law.theta - e) for e in moves]
    ) / (2 * h)
    curved, third = (np.einsum("kij,kj->i", tensor, law.covariance) for tensor in (bend_of_drift, bend))
    shift = -np.linalg.solve(moments.jacobian(law.theta), curved) / 2
    gradient, hessian = policy_gradient(MDP, POLICY, law.theta), policy_hessian(MDP, POLICY, law.theta)
    assert law.first_correction == pytest.approx(2 * gradient @ (hessian @ shift + third / 2), rel=1e-3)
    assert abs(law.first_correction) > 0.01 * law.gradient_norm_sq


@pytest.mark.parametrize("estimator", [Reinforce(100, "value"), Reinforce(100, "best"), Gpomdp(100, "value")])
def test_law_of_unbiased_estimators(estimator: Reinforce | Gpomdp) -> None:
    """No direction: the noise is the covariance matrix, whose trace is the exact variance of `moments`."""
    law = law_of(estimator)
    noise = estimator.covariance(MDP, POLICY, law.theta)
    assert np.trace(noise) == pytest.approx(float(estimator.moments(MDP, POLICY, law.theta).variance), rel=1e-9)
    mean = np.eye(5) + STEP * policy_hessian(MDP, POLICY, law.theta)
    np.testing.assert_allclose(law.covariance, mean @ law.covariance @ mean.T + STEP**2 * noise, rtol=1e-9)
    assert law.bias_part < 1e-15
    assert abs(law.next_order) < 0.01


def test_without_noise_everything_is_forgotten() -> None:
    law = law_of(ExactGradient(), 1.0)
    assert law.gradient_norm_sq < 1e-15
    values = np.linalg.eigvalsh(policy_hessian(MDP, POLICY, law.theta))
    assert law.decay == pytest.approx((1 + values.max()) ** 2, rel=1e-6)
    curve = law.curve(30, covariance=1e-4 * np.eye(5))
    np.testing.assert_allclose(curve, 1e-4 * (values**2 * (1 + values) ** (2 * np.arange(30)[:, None])).sum(axis=1))


# --- the curve, the scale of the votes, several steps ----------------------------------------------------------------


def test_curve_rises_from_the_bias_to_the_floor_and_stays_there() -> None:
    law = law_of(ZerothOrder(Blocks(1), votes(), 0.5))
    curve = law.curve(20 * law.mixing_iterations)
    assert curve[0] == pytest.approx(law.bias_part, rel=1e-9)
    assert curve[-1] == pytest.approx(law.gradient_norm_sq, rel=1e-6)
    np.testing.assert_allclose(law.curve(5, law.covariance), law.gradient_norm_sq, rtol=1e-8)
    uncorrected = law.curve(20 * law.mixing_iterations, corrected=False)[-1]
    assert uncorrected == pytest.approx(law.gradient_norm_sq - law.first_correction, rel=1e-6)
    left = curve[-1] - curve
    late = slice(8 * law.mixing_iterations, 9 * law.mixing_iterations)
    ratios = left[1:][late] / left[:-1][late]
    assert (np.diff(ratios) > 0).all()
    assert law.decay - 0.01 < ratios[-1] < law.decay


def test_curve_from_a_point_is_that_of_the_moments_given_the_point() -> None:
    """Two iterations from x: the mean step and the mean of the squares, from the definition."""
    law = law_of(ZerothOrder(Blocks(3), votes(), 0.5))
    x = np.array([0.02, -0.01, 0.03, 0.0, 0.01])
    linear, gradient = law.model.linear, law.model.gradient
    steps = (linear.lengths + linear.pulls @ x)[:, None] * linear.directions
    ends = x + STEP * steps
    spread = linear.variances + (linear.slopes - 2 * linear.lengths[:, None] * linear.pulls) @ x
    hessian = law.model.hessian
    after = ((gradient + ends @ hessian) ** 2).sum(axis=1)
    noise = STEP**2 * spread * ((linear.directions @ hessian) ** 2).sum(axis=1)
    curve = law.curve(2, mean=x, corrected=False)
    assert curve[0] == pytest.approx(((gradient + hessian @ x) ** 2).sum(), rel=1e-12)
    # (pulls' x)^2 is of second order, which the recursion keeps; slopes x is of first.
    assert curve[1] == pytest.approx(linear.weights @ (after + noise), rel=1e-9)


def test_one_model_serves_every_step() -> None:
    estimator = ZerothOrder(Blocks(3), votes(), 0.5)
    model = LocalModel.near(MDP, POLICY, estimator, OPTIMUM)
    for step in (0.05, 0.4):
        assert law_at(model, step).gradient_norm_sq == law_of(estimator, step).gradient_norm_sq
    assert law_at(model, 0.05).gradient_norm_sq < law_at(model, 0.4).gradient_norm_sq


def test_sampled_directions_agree_within_their_standard_errors() -> None:
    """K = 8 of 16 bandits: 3.3 million directions. Two samples against each other, false-alarm rate 1e-6 if normal."""
    mdp = TabularMDP.from_outcomes(
        np.broadcast_to([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]], (16, 3, 2)),
        np.broadcast_to(np.arange(16)[:, None, None], (16, 3, 2)),
        np.broadcast_to([0.0, 1.0], (16, 3, 2)),
        np.full(16, 1 / 16),
        1,
    )
    policy, estimator = CircularPolicy(16, 3, 1.0), ZerothOrder(Blocks(8), votes(10**6, 25), 0.5)
    laws = [
        stationary_law(mdp, policy, estimator, np.full(16, 4 * np.pi / 3), 1.0, np.random.default_rng(seed))
        for seed in (0, 1)
    ]
    errors = [law.standard_error for law in laws]
    assert 0 < max(errors) < 0.01 * laws[0].gradient_norm_sq
    assert abs(laws[0].gradient_norm_sq - laws[1].gradient_norm_sq) < 4.9 * math.hypot(*errors)


# --- directions that do not matter -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_flat_directions_of_circular_frozenlake_are_left_out() -> None:
    """5 of the 16 angles are those of states where nothing is decided, one more is almost: curvature 3e-5 of 1e-2.

    With them no step is stable; without them the floor is within 0.5% of the sum of the parts of all directions.
    """
    lake, policy = from_gymnasium("FrozenLake-v1", 20), CircularPolicy(16, 4, 1.0)
    # fmt: off
    optimum = np.array([
        -0.14, -1.71, -0.19, -1.71, -0.04, 0, 0.01, 0, 1.53, -2.97, -0.16, 0, 0, 3.1, 2.89, 0,
    ])
    # fmt: on
    estimator = ZerothOrder(Blocks(1), preferences(10**8, 25, Logistic(10.0)), 0.3)
    law = stationary_law(lake, policy, estimator, _climb(lake, policy, optimum), 1.0)
    model, relevant = law.model, law.model.relevant
    assert relevant.others.shape == (16, 6)
    np.testing.assert_allclose(law.covariance @ relevant.others, 0, atol=1e-15)
    assert not LinearRecursion(model.linear, 1.0).stable
    assert 100 < law.mixing_iterations < 1000
    values, vectors = np.linalg.eigh(-model.hessian)
    curved = vectors[:, values > 1e-9]
    assert curved.shape == (16, 11)
    recursion = LinearRecursion(model.linear.on(curved), 1.0)
    bend = model.hessian @ curved
    whole = np.sum((bend.T @ bend) * recursion.solve(recursion.linear.noise))
    assert 1 <= whole / (law.noise_part - law.first_correction) < 1.005
    # The direction left out would have made the run look as if it never mixed.
    assert 1 / (1 - recursion.decay) > 4 * law.mixing_iterations
    assert law.curve(5 * law.mixing_iterations)[-1] > 0.98 * law.gradient_norm_sq


def _climb(mdp: TabularMDP, policy: CircularPolicy, theta: FloatArray) -> FloatArray:
    for _ in range(4000):
        theta = theta + 60 * policy_gradient(mdp, policy, theta)
    return theta


def two_bandits() -> tuple[TabularMDP, CircularPolicy]:
    """At kappa = 2 the optimum of the first bandit, angle pi, is flat to third order; that of the second is not."""
    law = np.array([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]])
    stay = np.broadcast_to(np.arange(2)[:, None, None], law.shape)
    mdp = TabularMDP.from_outcomes(law, stay, np.broadcast_to([0.0, 1.0], law.shape), [0.95, 0.05], 1)
    return mdp, CircularPolicy(2, 3, 2.0)


def test_a_degenerate_optimum_is_refused_when_it_matters() -> None:
    mdp, policy = two_bandits()
    optimum = np.array([np.pi, 0.0])
    assert np.linalg.eigvalsh(policy_hessian(mdp, policy, optimum))[-1] == pytest.approx(0, abs=1e-9)

    def law(n_pairs: int) -> StationaryLaw:
        return stationary_law(mdp, policy, ZerothOrder(Blocks(1), ReturnFeedback(np.asarray(n_pairs)), 0.1), optimum, 1)

    with pytest.raises(InputError, match="got a degenerate one: moves along them change"):
        law(1000)
    # With less noise the part of a flat direction falls faster than that of a curved one.
    assert law(10**8).covariance[0, 0] == 0 < law(10**8).covariance[1, 1]


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_step_too_large_is_refused_with_the_largest_that_is_not() -> None:
    estimator = ZerothOrder(Blocks(1), votes(), 0.1)
    with pytest.raises(InputError, match=r"step_size must be below 0\.9\d+ for a stable law") as refused:
        law_of(estimator, 3.0)
    largest = float(str(refused.value).split("below ")[1].split()[0])
    assert law_of(estimator, 0.999 * largest).decay > 0.99
    with pytest.raises(InputError, match="step_size must be below"):
        law_of(estimator, 1.001 * largest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta": np.zeros(4)}, r"theta must have shape \(5,\)"),
        ({"theta": np.zeros((2, 5))}, r"theta must have shape \(5,\)"),
        ({"theta": np.full(5, np.nan)}, "theta must be finite"),
        ({"step_size": -0.1}, "step_size must be positive"),
        ({"step_size": [0.1, 0.2]}, "step_size must be one number"),
        ({"estimator": ZerothOrder(Blocks(1), votes(), [0.1, 0.2])}, "radius must be one number"),
        ({"estimator": ZerothOrder(Blocks(1), votes(np.array([10, 20])), 0.1)}, "n_pairs must be one number"),
        ({"estimator": ZerothOrder(Sphere(), votes(), 0.1)}, "rng must be given"),
        ({"estimator": Dpo(votes(), 0.1)}, "estimator must be a ZerothOrder"),
        (
            {"estimator": Reinforce(5), "theta": -OPTIMUM, "policy": TabularSoftmax(5, 3)},
            r"theta must have shape \(15,\)",
        ),
    ],
)
def test_wrong_arguments_are_refused(change: dict[str, Any], message: str) -> None:
    given = {"policy": POLICY, "estimator": ZerothOrder(Blocks(1), votes(), 0.1), "theta": OPTIMUM, "step_size": 0.1}
    with pytest.raises(InputError, match=message):
        stationary_law(MDP, **(given | change))


def test_a_minimum_is_refused() -> None:
    """Descent: the drift of an estimate with the sign lost leads away from the optimum."""

    class Descent(ExactGradient):
        pass

    model = LocalModel.near(MDP, POLICY, Descent(), OPTIMUM)
    object.__setattr__(model.linear, "jacobian", -model.linear.jacobian)
    with pytest.raises(InputError, match="got a root that the drift leads away from"):
        law_at(model, 0.1)


def test_wrong_starts_of_a_curve_are_refused() -> None:
    law = law_of(ZerothOrder(Blocks(1), votes(), 0.3))
    for wrong, message in (
        ({"covariance": np.eye(4)}, r"covariance must be 0 or an array of shape \(5, 5\)"),
        ({"covariance": 0.1}, r"covariance must be 0 or an array of shape \(5, 5\)"),
        ({"mean": np.zeros(4)}, r"mean must be 0 or an array of shape \(5,\)"),
    ):
        with pytest.raises(InputError, match=message):
            law.curve(3, **wrong)
    with pytest.raises(InputError, match="n_iterations must be an integer"):
        law.curve(0)
