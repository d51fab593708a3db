"""The linear recursion of the second moment, against dense matrices and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estimators import Blocks, Sphere
from estimators.direction_rules import DirectionRule, direction_rule
from estimators.linear_noise import LinearNoise
from estimators.linear_recursion import LARGEST_TABLE, LinearRecursion
from theory.arrays import FloatArray

RNG = np.random.default_rng
DIM = 3
CURVATURE = np.array([[0.9, 0.2, 0.1], [0.2, 0.6, -0.1], [0.1, -0.1, 0.4]])


def some_noise(rule: DirectionRule, n_directions: int = 1, seed: int = 0) -> LinearNoise:
    """An estimate with no symmetry: pulls about -d A v, lengths and variances that depend on the direction."""
    rng, n, dim = RNG(seed), *rule.directions.shape
    curvature = CURVATURE if dim == DIM else np.diag(np.linspace(0.3, 1.0, dim))
    pulls = -dim * rule.directions @ curvature + 0.2 * rng.normal(size=(n, dim))
    return LinearNoise.along(
        rule, n_directions, 0.1 * rng.normal(size=n), 1 + rng.random(n), pulls, rng.normal(size=(n, dim))
    )


def dense(linear: LinearNoise, n_directions: int, step: float) -> FloatArray:
    """The recursion as a d^2 x d^2 matrix, from the steps themselves: independent of `LinearRecursion`.

    One step of k directions multiplies x by the mean of k independent matrices I + step v p'.
    """
    eye = np.eye(linear.directions.shape[1])
    mean = np.einsum("n,nij->ij", linear.weights, jumps := np.einsum("ni,nj->nij", linear.directions, linear.pulls))
    square = sum(w * np.kron(jump, jump) for w, jump in zip(linear.weights, jumps, strict=True))
    apart = np.kron(mean, mean)
    both = square / n_directions + (1 - 1 / n_directions) * apart
    return np.kron(eye, eye) + step * (np.kron(mean, eye) + np.kron(eye, mean)) + step**2 * both


@pytest.mark.parametrize("n_directions", [1, 3])
@pytest.mark.parametrize("law", [Blocks(1), Blocks(2), Sphere()])
def test_recursion_is_that_of_the_dense_matrix(law: Blocks | Sphere, n_directions: int) -> None:
    linear = some_noise(direction_rule(law, DIM, RNG(5)), n_directions)
    step = 0.2
    recursion, matrix = LinearRecursion(linear, step), dense(linear, n_directions, step)
    start = RNG(1).normal(size=(DIM, DIM))
    start = start @ start.T
    np.testing.assert_allclose(recursion.apply(start).ravel(), matrix @ start.ravel(), rtol=1e-12)
    solved = np.linalg.solve(np.eye(DIM**2) - matrix, start.ravel()).reshape(DIM, DIM)
    np.testing.assert_allclose(recursion.solve(start), solved, rtol=1e-9)
    assert recursion.decay == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max(), abs=1e-7)
    assert recursion.stable
    reading = np.diag([1.0, 2.0, 5.0])
    paired = np.sum(recursion.transposed.solve(reading) * start)
    assert paired == pytest.approx(np.sum(reading * recursion.solve(start)), rel=1e-9)


@pytest.mark.parametrize("law", [Blocks(1), Sphere()])
def test_stability_ends_where_the_spectral_radius_passes_one(law: Blocks | Sphere) -> None:
    linear = some_noise(direction_rule(law, DIM, RNG(5)))
    steps = np.linspace(0.1, 3, 59)
    radius = np.array([np.abs(np.linalg.eigvals(dense(linear, 1, step))).max() for step in steps])
    assert radius.min() < 0.99
    assert radius.max() > 1.01
    assert [LinearRecursion(linear, step).stable for step in steps] == (radius < 1).tolist()


def test_large_dimensions_use_no_matrix_of_directions_and_agree() -> None:
    dim = LARGEST_TABLE + 1
    linear = some_noise(direction_rule(Blocks(1), dim))
    recursion = LinearRecursion(linear, 0.05)
    assert recursion._table is None
    matrix = dense(linear, 1, 0.05)
    constant = np.eye(dim) + 0.1
    solved = np.linalg.solve(np.eye(dim**2) - matrix, constant.ravel()).reshape(dim, dim)
    np.testing.assert_allclose(recursion.solve(constant), solved, rtol=1e-8)
    assert recursion.decay == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max(), abs=1e-6)


@pytest.mark.parametrize("dim", [2, 3, 6])
def test_sphere_with_symmetric_pairs_has_a_closed_form(dim: int) -> None:
    """w = -A v, isotropic noise: E[(v'Bv) v v'] = (tr(B) I + 2 B) / (d (d + 2)) makes X diagonal with A.

    Planted: without the noise of the direction, or with the formula of another dimension, it does not agree.
    """
    curvature, step, variance = np.linspace(0.4, 1.0, dim), 0.7 / dim, 2.0
    rule = direction_rule(Sphere(), dim, RNG(3))
    v, n = rule.directions, len(rule.directions)
    linear = LinearNoise.along(rule, 1, np.zeros(n), np.full(n, variance), -dim * v * curvature, np.zeros((n, dim)))
    # x_i: -2 step a_i x_i + step^2 d^2 (sum_j a_j^2 x_j + 2 a_i^2 x_i) / (d (d + 2)) + step^2 variance / d = 0.
    share = step**2 * dim / (dim + 2)
    system = np.diag(2 * step * curvature - 2 * share * curvature**2) - share * curvature**2
    exact = np.linalg.solve(system, np.full(dim, step**2 * variance / dim))
    found = LinearRecursion(linear, step).solve(step**2 * linear.noise)
    np.testing.assert_allclose(found, np.diag(exact), atol=1e-10 * exact.max())
    # step^2 x_j-terms left out: what a recursion without the noise of the direction gives.
    plain = step * variance / dim / (curvature * (2 - step * curvature))
    assert (exact / plain > 1.1).all()


def test_one_parameter_by_hand() -> None:
    """x <- (1 - step a) x + step noise: X = step s^2 / (a (2 - step a)), r = (1 - step a)^2, curve geometric."""
    a, variance, step = 0.8, 3.0, 0.5
    rule = direction_rule(Sphere(), 1)
    v = rule.directions
    linear = LinearNoise.along(rule, 1, np.zeros(2), np.full(2, variance), -a * v, np.zeros((2, 1)))
    recursion = LinearRecursion(linear, step)
    exact = step * variance / (a * (2 - step * a))
    assert recursion.solve(step**2 * linear.noise)[0, 0] == pytest.approx(exact, rel=1e-12)
    assert recursion.decay == pytest.approx((1 - step * a) ** 2, rel=1e-9)
    assert recursion.apply(np.array([[2.0]]))[0, 0] == pytest.approx(2 * (1 - step * a) ** 2, rel=1e-12)
    assert not LinearRecursion(linear, 2.01 / a).stable
    assert LinearRecursion(linear, 1.99 / a).stable


def test_without_directions_the_noise_is_that_of_the_mean_step() -> None:
    jacobian, noise = -CURVATURE, np.diag([1.0, 2.0, 3.0])
    linear = LinearNoise.without_directions(jacobian, noise)
    recursion = LinearRecursion(linear, 0.3)
    found = recursion.solve(0.09 * noise)
    mean = np.eye(DIM) + 0.3 * jacobian
    np.testing.assert_allclose(found, mean @ found @ mean.T + 0.09 * noise, rtol=1e-12)
    assert recursion.decay == pytest.approx(np.linalg.eigvalsh(mean)[-1] ** 2, rel=1e-8)


def test_coordinates_do_not_matter() -> None:
    rotation = np.linalg.qr(RNG(2).normal(size=(DIM, DIM)))[0]
    linear = some_noise(direction_rule(Blocks(2), DIM))
    turned = LinearRecursion(linear.on(rotation), 0.2).solve(rotation.T @ np.diag([1.0, 2, 3]) @ rotation)
    np.testing.assert_allclose(
        rotation @ turned @ rotation.T, LinearRecursion(linear, 0.2).solve(np.diag([1.0, 2, 3])), rtol=1e-9
    )


def test_slopes_of_the_noise_are_those_of_the_moments() -> None:
    """E[g g' | x] by the definition, at a mean distance x: its part of first order."""
    rule = direction_rule(Blocks(2), DIM)
    n, rng = len(rule.directions), RNG(4)
    lengths, variances, pulls, rise = (
        rng.normal(size=n),
        1 + rng.random(n),
        rng.normal(size=(n, DIM)),
        rng.normal(size=(n, DIM)),
    )
    linear = LinearNoise.along(rule, 2, lengths, variances, pulls, rise)
    x, step = 1e-6 * rng.normal(size=DIM), 0.3

    def second(at: FloatArray) -> FloatArray:
        square = (lengths + pulls @ at) ** 2 + variances + rise @ at
        return np.einsum("n,ni,nj->ij", rule.weights * square / 2, rule.directions, rule.directions)

    np.testing.assert_allclose(
        LinearRecursion(linear, step).mean_noise(x), step**2 * (second(x) - second(-x)) / 2, rtol=1e-6
    )
    np.testing.assert_allclose(linear.noise, second(np.zeros(DIM)), rtol=1e-12)
    np.testing.assert_allclose(linear.variances, variances, rtol=1e-12)


def test_standard_error_is_that_of_independent_rules() -> None:
    """Spread of the floor over 200 independent rules against the standard errors stated; ratio within 25%.

    The floor is tr(A X A) of an estimate whose pulls are cubic and variances quadratic in v, so that rules of degree 5
    err. The estimate of a spread from 200 draws errs by 5%.
    """
    rng, curvature, step = RNG(6), np.diag([0.5, 0.8, 1.0]), 0.3

    def floor(rule: DirectionRule) -> tuple[float, float]:
        v = rule.directions
        pulls = -DIM * v @ curvature * (1 + 2 * (v**4).sum(axis=1, keepdims=True))
        n = len(v)
        linear = LinearNoise.along(rule, 1, np.zeros(n), 1 + 3 * v[:, 0] ** 4, pulls, np.zeros((n, DIM)))
        recursion = LinearRecursion(linear, step)
        covariance = recursion.solve(step**2 * linear.noise)
        adjoint = recursion.transposed.solve(curvature**2)
        return np.sum(curvature**2 * covariance), linear.standard_error(covariance, adjoint, np.zeros(DIM), step)

    found = np.array([floor(direction_rule(Sphere(), DIM, rng)) for _ in range(200)])
    assert found[:, 0].std(ddof=1) / np.sqrt((found[:, 1] ** 2).mean()) == pytest.approx(1, abs=0.25)
    assert floor(replace(direction_rule(Sphere(), DIM, rng), n_groups=1))[1] == 0


def test_at_the_edge_of_stability_there_is_no_solution() -> None:
    """One direction and one parameter: 1 - r = s (2 p - s (p^2 + q)), where q is the variance of the pull."""
    rule = DirectionRule(np.array([[1.0], [1.0]]), np.array([0.5, 0.5]), 1)
    linear = LinearNoise.along(rule, 1, np.zeros(2), np.ones(2), np.array([[-2.0], [0.0]]), np.zeros((2, 1)))
    edge = 1.0  # (1 - s)^2 + s^2 = 1
    for step in (0.999, 0.5):
        recursion = LinearRecursion(linear, step)
        assert recursion.stable
        assert recursion.decay == pytest.approx((1 - step) ** 2 + step**2, rel=1e-9)
        assert recursion.solve(np.eye(1))[0, 0] == pytest.approx(1 / (2 * step - 2 * step**2), rel=1e-7)
    assert not LinearRecursion(linear, edge + 1e-3).stable
    with pytest.raises(FloatingPointError, match="too close to the edge of stability"):
        LinearRecursion(linear, edge).solve(np.eye(1))


def test_an_estimate_without_directions_has_none_of_their_parts() -> None:
    linear = LinearNoise.without_directions(-CURVATURE, np.eye(DIM))
    assert (linear.share, linear.n_groups) == (1.0, 1)
    for part in (linear.weights, linear.lengths, linear.squares):
        assert part.shape == (0,)
    for part in (linear.directions, linear.pulls, linear.slopes):
        assert part.shape == (0, DIM)
    assert linear.standard_error(np.eye(DIM), np.eye(DIM), np.ones(DIM), 0.1) == 0
