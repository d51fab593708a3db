"""Policies: laws of actions, their scores, and the bounds that the smoothness constant is made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import CircularPolicy, InputError, LogLinearSoftmax, Policy, TabularSoftmax
from theory.arrays import FloatArray

S, A = 3, 4
FEATURES = np.random.default_rng(1).normal(size=(S, A, 5))
POLICIES: dict[str, Policy] = {
    "tabular": TabularSoftmax(S, A),
    "time-dependent": TabularSoftmax(S, A, 2),
    "log-linear": LogLinearSoftmax(FEATURES),
    "circular": CircularPolicy(S, A, 1.7),
}
BY_POLICY = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def log_probabilities(policy: Policy, theta: FloatArray) -> FloatArray:
    return np.log(policy.probabilities(theta))


@BY_POLICY
def test_fits_the_protocol_and_its_shapes(policy: Policy) -> None:
    assert isinstance(policy, Policy)
    stages = policy.horizon or 1
    for batch in ((), (1,), (2, 3)):
        theta = np.random.default_rng(0).normal(size=(*batch, policy.dim))
        assert policy.probabilities(theta).shape == (*batch, stages, S, A)
        weights = np.ones((*batch, stages, S, A))
        assert policy.score_product(theta, policy.probabilities(theta), weights).shape == theta.shape


def test_dimensions() -> None:
    assert [policy.dim for policy in POLICIES.values()] == [S * A, 2 * S * A, 5, S]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 1.0, 30.0, 1e4]))
def test_probabilities_are_positive_and_sum_to_one_without_overflow(seed: int, size: float) -> None:
    for policy in POLICIES.values():
        theta = size * np.random.default_rng(seed).normal(size=(2, policy.dim))
        pi = policy.probabilities(theta)
        assert (pi >= 0).all()
        np.testing.assert_allclose(pi.sum(axis=-1), 1, rtol=0, atol=1e-14)


def test_probabilities_by_hand() -> None:
    theta = np.log([[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0], [4.0, 4.0, 1.0, 1.0]])
    expected = [[0.1, 0.2, 0.3, 0.4], [0.25] * 4, [0.4, 0.4, 0.1, 0.1]]
    np.testing.assert_allclose(POLICIES["tabular"].probabilities(theta.ravel())[0], expected, rtol=1e-14)
    staged = POLICIES["time-dependent"].probabilities(np.stack([theta, 0 * theta]).ravel())
    np.testing.assert_allclose(staged, [expected, np.full((S, A), 0.25)], rtol=1e-14)
    angles = np.array([0.0, np.pi / 2, -np.pi / 2])  # A = 4: action a points to angle a pi / 2
    e = np.exp(1.7)
    weights = np.array([[e, 1, 1 / e, 1], [1, e, 1, 1 / e], [1, 1 / e, 1, e]])
    np.testing.assert_allclose(
        POLICIES["circular"].probabilities(angles)[0], weights / weights.sum(axis=1, keepdims=True), rtol=1e-14
    )
    logits = FEATURES @ np.arange(5.0)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        POLICIES["log-linear"].probabilities(np.arange(5.0))[0], odds / odds.sum(axis=1, keepdims=True), rtol=1e-12
    )


@BY_POLICY
def test_score_product_is_the_difference_of_the_log_probabilities(policy: Policy) -> None:
    rng = np.random.default_rng(3)
    theta = rng.normal(size=(2, policy.dim))
    pi = policy.probabilities(theta)
    weights = rng.normal(size=pi.shape)
    found = policy.score_product(theta, pi, weights)
    step = 1e-5 * np.eye(policy.dim)[:, None, :]
    slopes = (log_probabilities(policy, theta + step) - log_probabilities(policy, theta - step)) / 2e-5
    np.testing.assert_allclose(found, np.einsum("dbhsa,bhsa->bd", slopes, weights), rtol=0, atol=1e-8)


@BY_POLICY
def test_probabilities_accept_complex_parameters(policy: Policy) -> None:
    """Complex steps of the log-probabilities are their central differences."""
    theta = np.random.default_rng(4).normal(size=policy.dim)
    exact = policy.probabilities(theta + 1e-30j * np.eye(policy.dim)).imag / 1e-30
    step = 1e-5 * np.eye(policy.dim)
    central = (policy.probabilities(theta + step) - policy.probabilities(theta - step)) / 2e-5
    np.testing.assert_allclose(exact, central, rtol=0, atol=1e-9)


def scores(policy: Policy, theta: FloatArray) -> FloatArray:
    """Gradient of every log pi(a|s), (H S, A, dim), by complex step of the probabilities."""
    slopes = policy.probabilities(theta + 1e-30j * np.eye(policy.dim)).imag / 1e-30
    return np.moveaxis(slopes / policy.probabilities(theta), 0, -1).reshape(-1, A, policy.dim)


@pytest.mark.parametrize("name", POLICIES)
def test_score_bounds_hold_and_are_not_idle(name: str) -> None:
    """Over random parameters F and G2 are never exceeded, and their sum is approached within a factor 4."""
    policy = POLICIES[name]
    largest_hessian, largest_score = policy.score_bounds
    found_hessian = found_score = 0.0
    rng = np.random.default_rng(5)
    for size in (0.3, 1.0, 3.0, 10.0):
        for _ in range(10):
            theta = size * rng.normal(size=policy.dim)
            score = scores(policy, theta)
            pi = policy.probabilities(theta).reshape(-1, A)
            second_moments = np.einsum("sa,sai,saj->sij", pi, score, score)
            found_score = max(found_score, float(np.linalg.eigvalsh(second_moments).max()))
            step = 1e-5
            for i in range(0, policy.dim, max(1, policy.dim // 3)):
                e = np.eye(policy.dim)[i] * step
                column = (scores(policy, theta + e) - scores(policy, theta - e)) / (2 * step)
                norm = float(np.linalg.norm(column, axis=-1).max())  # a column is no longer than the operator norm
                found_hessian = max(found_hessian, norm)
    assert found_hessian <= largest_hessian * (1 + 1e-6)
    assert found_score <= largest_score * (1 + 1e-9)
    assert found_hessian + found_score >= (largest_hessian + largest_score) / 4


@pytest.mark.parametrize("name", POLICIES)
def test_hessian_bound_in_operator_norm(name: str) -> None:
    policy = POLICIES[name]
    rng = np.random.default_rng(6)
    for _ in range(20):
        theta = 2 * rng.normal(size=policy.dim)
        step = 1e-5 * np.eye(policy.dim)
        hessians = np.stack([(scores(policy, theta + e) - scores(policy, theta - e)) / 2e-5 for e in step], axis=-1)
        assert np.linalg.norm(hessians, ord=2, axis=(-2, -1)).max() <= policy.score_bounds[0] + 1e-6


def test_tabular_score_bound_is_attained() -> None:
    """Two equally likely actions: diag(p) - p p' has the eigenvalue 1/2."""
    theta = np.zeros((S, A))
    theta[0, 2:] = -60
    score = scores(TabularSoftmax(S, A), theta.ravel())[0, :2]
    assert np.linalg.eigvalsh(0.5 * score.T @ score).max() == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize("name", ["n_states", "n_actions", "horizon"])
@pytest.mark.parametrize("size", [0, -2, 1.5])
def test_sizes_must_be_positive_integers(name: str, size: object) -> None:
    with pytest.raises(InputError, match=rf"{name} must be an integer of at least 1, got {size}"):
        TabularSoftmax(**{"n_states": 2, "n_actions": 2, name: size})  # type: ignore[arg-type]
    if name != "horizon":
        with pytest.raises(InputError, match=rf"{name} must be an integer of at least 1, got {size}"):
            CircularPolicy(**{"n_states": 2, "n_actions": 2, "concentration": 1.0, name: size})  # type: ignore[arg-type]


@pytest.mark.parametrize("concentration", [0.0, -1.0, np.inf, np.nan])
def test_concentration_must_be_positive_and_finite(concentration: float) -> None:
    with pytest.raises(InputError, match=r"concentration must be positive and finite, got "):
        CircularPolicy(2, 2, concentration)


@pytest.mark.parametrize("features", [np.ones((2, 3)), np.full((2, 2, 1), np.nan), np.ones((2, 0, 1))])
def test_features_must_be_finite_with_three_axes(features: FloatArray) -> None:
    with pytest.raises(InputError, match=r"features must be a finite array of shape \(S, A, d\), got shape "):
        LogLinearSoftmax(features)


def test_features_are_a_read_only_copy() -> None:
    given_features = np.ones((2, 2, 1))
    policy = LogLinearSoftmax(given_features)
    given_features[:] = 7
    assert np.array_equal(np.asarray(policy.features), np.ones((2, 2, 1)))
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(policy.features)[0] = 0


@BY_POLICY
def test_parameters_of_another_length_are_refused(policy: Policy) -> None:
    for shape in ((), (policy.dim + 1,), (policy.dim, 1)):
        with pytest.raises(InputError, match=rf"theta must have shape \(\.\.\., {policy.dim}\) for this policy, got "):
            policy.probabilities(np.zeros(shape))
