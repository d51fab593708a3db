"""Values, gradients and Hessians by routes that share nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory.transition_matrices as transition_matrices
from estimators.rollouts import sample_returns
from theory import (
    CircularPolicy,
    InputError,
    LogLinearSoftmax,
    Policy,
    TabularMDP,
    TabularSoftmax,
    additive_moments,
    chain,
    garnet,
    hessian_norm,
    occupancy,
    optimal_value,
    policy_gradient,
    policy_hessian,
    policy_value,
    return_distribution,
    value_and_gradient,
)
from theory.arrays import FloatArray
from theory.common_random_numbers import coupled_difference_law
from theory.values import expected_rewards

S, A, H = 4, 3, 5


def staged_mdp(seed: int, n_states: int = S, n_actions: int = A, horizon: int = H) -> TabularMDP:
    """Time-dependent: every step has transitions and rewards of its own."""
    rng = np.random.default_rng(seed)
    transitions = rng.dirichlet(np.ones(n_states), (horizon, n_states, n_actions))
    rewards = rng.random((horizon, n_states, n_actions, n_states))
    return TabularMDP(transitions, rewards, rng.dirichlet(np.ones(n_states)), horizon)


MDPS = {"stationary": garnet(S, A, 3, H, np.random.default_rng(3), lattice=4), "staged": staged_mdp(4)}
POLICIES: dict[str, Policy] = {
    "tabular": TabularSoftmax(S, A),
    "time-dependent": TabularSoftmax(S, A, H),
    "log-linear": LogLinearSoftmax(np.random.default_rng(5).normal(size=(S, A, 3))),
    "circular": CircularPolicy(S, A, 1.3),
}
PAIRS = pytest.mark.parametrize(
    ("mdp", "policy"),
    [pytest.param(m, p, id=f"{i}-{j}") for i, m in MDPS.items() for j, p in POLICIES.items()],
)


def parameters(policy: Policy, *batch: int, seed: int = 1) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(*batch, policy.dim))


def value_by_recursion(mdp: TabularMDP, policy: Policy, theta: FloatArray) -> float:
    """Forward, scalar loops over the stored outcomes: shares no code with the library."""
    pi = policy.probabilities(theta)
    visits, total = mdp.initial, 0.0
    for h in range(mdp.horizon):
        stage, choice = h % len(mdp.probabilities), pi[h % len(pi)]
        following = np.zeros(mdp.n_states)
        for (s, a, o), p in np.ndenumerate(mdp.probabilities[stage]):
            weight = visits[s] * choice[s, a] * p
            total += weight * mdp.rewards[stage, s, a, o]
            following[mdp.next_states[stage, s, a, o]] += weight
        visits = following
    return total


@PAIRS
def test_value_is_that_of_scalar_loops(mdp: TabularMDP, policy: Policy) -> None:
    theta = parameters(policy)
    assert float(policy_value(mdp, policy, theta)) == pytest.approx(value_by_recursion(mdp, policy, theta), abs=1e-13)


@PAIRS
def test_gradient_is_complex_step_and_central_difference_of_the_value(mdp: TabularMDP, policy: Policy) -> None:
    theta = parameters(policy)
    gradient = policy_gradient(mdp, policy, theta)
    complex_step = policy_value(mdp, policy, theta + 1e-30j * np.eye(policy.dim)).imag / 1e-30
    np.testing.assert_allclose(gradient, complex_step, rtol=0, atol=1e-13)
    step = 1e-5 * np.eye(policy.dim)
    central = (policy_value(mdp, policy, theta + step) - policy_value(mdp, policy, theta - step)) / 2e-5
    np.testing.assert_allclose(gradient, central, rtol=0, atol=1e-9)
    assert np.linalg.norm(gradient) > 1e-2


@PAIRS
def test_value_and_gradient_are_the_separate_ones(mdp: TabularMDP, policy: Policy) -> None:
    theta = parameters(policy, 3)
    value, gradient = value_and_gradient(mdp, policy, theta)
    np.testing.assert_allclose(value, policy_value(mdp, policy, theta), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(gradient, policy_gradient(mdp, policy, theta))


@PAIRS
def test_hessian_is_the_central_difference_of_the_gradient(mdp: TabularMDP, policy: Policy) -> None:
    theta = parameters(policy)
    hessian = policy_hessian(mdp, policy, theta)
    step = 1e-5 * np.eye(policy.dim)
    central = (policy_gradient(mdp, policy, theta + step) - policy_gradient(mdp, policy, theta - step)) / 2e-5
    np.testing.assert_allclose(hessian, central, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(hessian, hessian.T)
    assert np.abs(hessian).max() > 1e-2


@PAIRS
def test_taylor_remainders_fall_at_orders_two_and_three(mdp: TabularMDP, policy: Policy) -> None:
    """Halving the step divides the remainder by 4 without the Hessian and by 8 with it."""
    theta, direction = parameters(policy), parameters(policy, seed=2)
    direction /= np.linalg.norm(direction)
    steps = 2.0 ** -np.arange(7, 11)
    value, gradient = value_and_gradient(mdp, policy, theta)
    change = policy_value(mdp, policy, theta + steps[:, None] * direction) - value
    first = change - steps * (gradient @ direction)
    second = first - steps**2 / 2 * (direction @ policy_hessian(mdp, policy, theta) @ direction)
    np.testing.assert_allclose(np.log2(np.abs(first[:-1] / first[1:])), 2, atol=0.1)
    np.testing.assert_allclose(np.log2(np.abs(second[:-1] / second[1:])), 3, atol=0.1)


def test_time_dependent_softmax_with_equal_stages_is_the_stationary_one() -> None:
    mdp, policy, staged = MDPS["staged"], POLICIES["tabular"], POLICIES["time-dependent"]
    theta = parameters(policy)
    repeated = np.tile(theta, H)
    np.testing.assert_allclose(policy_value(mdp, staged, repeated), policy_value(mdp, policy, theta), atol=1e-14)
    per_stage = policy_gradient(mdp, staged, repeated).reshape(H, -1)
    np.testing.assert_allclose(per_stage.sum(axis=0), policy_gradient(mdp, policy, theta), atol=1e-14)


def test_two_state_chain_by_hand() -> None:
    """Stay or switch, both sure; state 1 pays 1 on leaving or staying. From state 0 with p = P(switch | 0),

    q = P(switch | 1), horizon 3: V = P(s_2 = 1) + P(s_3 = 1) = p + p (1 - q) + (1 - p) p.
    """
    transitions = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    mdp = TabularMDP(transitions, [[0.0, 0.0], [1.0, 1.0]], [1.0, 0.0], 3)
    policy = TabularSoftmax(2, 2)
    theta = np.log([[1.0, 3.0], [2.0, 1.0]]).ravel()
    p, q = 3 / 4, 1 / 3
    assert float(policy_value(mdp, policy, theta)) == pytest.approx(p + p * (1 - q) + (1 - p) * p, abs=1e-15)
    by_p, by_q = 1 + (1 - q) + 1 - 2 * p, -p
    slope_p, slope_q = p * (1 - p) * by_p, q * (1 - q) * by_q
    np.testing.assert_allclose(
        policy_gradient(mdp, policy, theta), [-slope_p, slope_p, -slope_q, slope_q], rtol=0, atol=1e-15
    )
    np.testing.assert_allclose(
        occupancy(mdp, policy, theta), [[1, 0], [1 - p, p], [(1 - p) ** 2 + p * q, p * (1 - q) + (1 - p) * p]]
    )
    assert optimal_value(mdp) == 2.0


@PAIRS
def test_occupancy_is_a_law_that_gives_the_value(mdp: TabularMDP, policy: Policy) -> None:
    theta = parameters(policy, 2)
    visits = occupancy(mdp, policy, theta)
    assert visits.shape == (2, H, S)
    assert (visits >= 0).all()
    np.testing.assert_allclose(visits.sum(axis=-1), 1, rtol=0, atol=1e-13)
    np.testing.assert_allclose(visits[:, 0], np.tile(mdp.initial, (2, 1)), rtol=0, atol=1e-15)
    paid = visits[..., None] * policy.probabilities(theta) * mdp.expected_reward
    np.testing.assert_allclose(paid.sum(axis=(1, 2, 3)), policy_value(mdp, policy, theta), rtol=0, atol=1e-13)


@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (2, 1, 3)])
@PAIRS
def test_any_leading_shape_is_the_loop_over_rows(mdp: TabularMDP, policy: Policy, batch: tuple[int, ...]) -> None:
    theta = parameters(policy, *batch)
    for function, core in (
        (policy_value, ()),
        (policy_gradient, (policy.dim,)),
        (policy_hessian, (policy.dim, policy.dim)),
        (occupancy, (H, S)),
    ):
        whole = function(mdp, policy, theta)
        assert whole.shape == batch + core
        for index in np.ndindex(batch):
            np.testing.assert_allclose(whole[index], function(mdp, policy, theta[index]), rtol=0, atol=1e-14)


def test_layout_in_memory_does_not_matter() -> None:
    mdp, policy = MDPS["staged"], POLICIES["tabular"]
    theta = parameters(policy, 4, 3)
    for other in (np.asfortranarray(theta), np.repeat(theta, 2, axis=0)[::2], theta.tolist()):
        np.testing.assert_allclose(
            policy_gradient(mdp, policy, other), policy_gradient(mdp, policy, theta), rtol=0, atol=1e-14
        )


def both_kernels(monkeypatch: pytest.MonkeyPatch, seed: int) -> Iterator[TabularMDP]:
    for entries, share in ((10**9, 0.0), (-1, 2.0)):
        monkeypatch.setattr(transition_matrices, "DENSE_ENTRIES", entries)
        monkeypatch.setattr(transition_matrices, "DENSE_SHARE", share)
        mdp = garnet(6, A, 2, H, np.random.default_rng(seed))
        assert isinstance(mdp.successor_kernels[0], np.ndarray) == (entries > 0)
        yield mdp


def test_sparse_and_dense_kernels_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = TabularSoftmax(6, A)
    theta = parameters(policy, 2, 2)
    results = [
        [f(mdp, policy, theta) for f in (policy_value, policy_gradient, policy_hessian, occupancy)]
        + [optimal_value(mdp)]
        for mdp in both_kernels(monkeypatch, 9)
    ]
    for dense, sparse in zip(*results, strict=True):
        np.testing.assert_allclose(sparse, dense, rtol=0, atol=1e-14)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_relabelling_the_states_keeps_values(seed: int, staged: bool) -> None:
    rng = np.random.default_rng(seed)
    mdp = staged_mdp(seed) if staged else garnet(S, A, 2, H, rng)
    label = rng.permutation(S)  # old state s is called label[s]
    old = np.argsort(label)
    renamed = TabularMDP.from_outcomes(
        mdp.probabilities[:, old],
        label[mdp.next_states[:, old]],
        mdp.rewards[:, old],
        mdp.initial[old],
        H,
    )
    policy = TabularSoftmax(S, A)
    theta = rng.normal(size=(S, A))
    value, gradient = value_and_gradient(mdp, policy, theta.ravel())
    other, other_gradient = value_and_gradient(renamed, policy, theta[old].ravel())
    assert float(other) == pytest.approx(float(value), abs=1e-12)
    np.testing.assert_allclose(other_gradient.reshape(S, A), gradient.reshape(S, A)[old], rtol=0, atol=1e-12)
    assert optimal_value(renamed) == pytest.approx(optimal_value(mdp), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_constant_reward_has_no_gradient(seed: int, reward: float) -> None:
    rng = np.random.default_rng(seed)
    mdp = TabularMDP(rng.dirichlet(np.ones(S), (S, A)), np.full((S, A), reward), rng.dirichlet(np.ones(S)), H)
    for policy in POLICIES.values():
        theta = rng.normal(size=policy.dim)
        value, gradient = value_and_gradient(mdp, policy, theta)
        assert float(value) == pytest.approx(H * reward, abs=1e-12)
        np.testing.assert_allclose(gradient, 0, atol=1e-12)
        np.testing.assert_allclose(policy_hessian(mdp, policy, theta), 0, atol=1e-12)
    assert optimal_value(mdp) == pytest.approx(H * reward, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_no_policy_exceeds_the_optimum_and_a_sharp_one_attains_it(seed: int) -> None:
    mdp = staged_mdp(seed)
    optimum = optimal_value(mdp)
    for policy in POLICIES.values():
        theta = 5 * np.random.default_rng(seed).normal(size=(8, policy.dim))
        assert (policy_value(mdp, policy, theta) <= optimum + 1e-12).all()
    # Greedy choices by a backward recursion of its own, played almost surely.
    value, greedy = np.zeros(S), np.zeros((H, S, A))
    for h in reversed(range(H)):
        following = np.zeros((S, A))
        for (s, a, o), p in np.ndenumerate(mdp.probabilities[h]):
            following[s, a] += p * (mdp.rewards[h, s, a, o] + value[mdp.next_states[h, s, a, o]])
        greedy[h, np.arange(S), following.argmax(axis=1)] = 1
        value = following.max(axis=1)
    assert optimum == pytest.approx(mdp.initial @ value, abs=1e-12)
    attained = policy_value(mdp, TabularSoftmax(S, A, H), 60 * greedy.ravel())
    assert float(attained) == pytest.approx(optimum, abs=1e-12)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (TabularSoftmax(S + 1, A), r"policy must have 4 states and 3 actions as the MDP has, got 5 and 3"),
        (CircularPolicy(S, A + 1, 1.0), r"policy must have 4 states and 3 actions as the MDP has, got 4 and 4"),
        (TabularSoftmax(S, A, H + 1), r"a time-dependent policy must have the MDP's horizon 5, got 6"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused(policy: Policy, said: str) -> None:
    for function in (policy_value, policy_gradient, policy_hessian, occupancy):
        with pytest.raises(InputError, match=said):
            function(MDPS["stationary"], policy, np.zeros(policy.dim))


@pytest.mark.parametrize("shape", [(), (11,), (2, 13), (12, 1)])
def test_parameters_of_another_length_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"theta must have shape \(\.\.\., 12\) for this policy, got "):
        policy_value(MDPS["stationary"], POLICIES["tabular"], np.zeros(shape))


EVERY_ROUTE = (
    policy_value,
    policy_gradient,
    value_and_gradient,
    policy_hessian,
    occupancy,
    expected_rewards,
    return_distribution,
    hessian_norm,
    lambda mdp, policy, theta: coupled_difference_law(mdp, policy, theta, np.zeros(policy.dim)),
    lambda mdp, policy, theta: additive_moments(mdp, policy, theta, mdp.expected_reward),
    lambda mdp, policy, theta: sample_returns(mdp, policy, np.asarray(theta), 3, np.random.default_rng(0)),
)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("route", EVERY_ROUTE)
def test_parameters_that_are_not_finite_are_refused(route: Callable[..., object], wrong: float) -> None:
    theta = np.zeros((2, 12))
    theta[0, 3] = wrong
    with pytest.raises(InputError, match=rf"^theta must be finite, got {wrong} at \[0, 3\]$"):
        route(MDPS["stationary"], POLICIES["tabular"], theta)


@pytest.mark.parametrize(
    ("theta", "said"),
    [
        (np.full(12, np.nan * 1j), "theta must be finite, got nan"),
        (["a"] * 12, "theta must be an array of numbers, got an entry of type str"),
        ([[0.0] * 12, [0.0]], "theta must be an array of numbers, got rows of different lengths"),
    ],
)
def test_parameters_that_are_not_numbers_are_refused(theta: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        policy_value(MDPS["stationary"], POLICIES["tabular"], theta)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_parameters_may_be_integers() -> None:
    mdp, policy = MDPS["stationary"], POLICIES["tabular"]
    np.testing.assert_array_equal(
        policy_value(mdp, policy, np.zeros(12, dtype=int)), policy_value(mdp, policy, np.zeros(12))
    )


def test_complex_parameters_are_for_derivatives_only() -> None:
    mdp, policy = chain(3, 2), TabularSoftmax(3, 2)
    stepped = np.arange(6.0) + 1e-30j * np.eye(6)
    slope = policy_value(mdp, policy, stepped).imag / 1e-30
    np.testing.assert_allclose(slope, policy_gradient(mdp, policy, np.arange(6.0)), rtol=1e-13)
    for function in (policy_hessian, return_distribution):
        with pytest.raises(InputError, match="theta must be real, got complex numbers"):
            function(mdp, policy, stepped)


class Overflowing(TabularSoftmax):
    """Its logits are squared before exp, which overflows for complex numbers."""

    def probabilities(self, theta: Any) -> Any:
        return super().probabilities(theta) if theta.dtype.kind == "f" else super().probabilities(theta) * math.inf


def test_a_policy_that_overflows_for_complex_parameters_has_no_hessian() -> None:
    with np.errstate(all="ignore"), pytest.raises(InputError, match=r"got a Hessian with nan or inf for .* up to 700"):
        policy_hessian(chain(3, 2), Overflowing(3, 2), [0, 0, 0, 0, -700.0, 3])


@pytest.mark.parametrize(
    ("theta", "words"),
    [
        (np.zeros(5), r"theta must have shape \(..., 6\) for this policy, got \(5,\)"),
        (0.0, r"theta must have shape \(..., 6\) for this policy, got \(\)"),
        ([0, 0, 0, 0, 0, math.nan], r"theta must be finite, got nan at \[5\]"),
        ([[math.inf, 0, 0, 0, 0, 0]], r"theta must be finite, got inf at \[0, 0\]"),
        ("zeros", "theta must be an array of numbers"),
    ],
)
def test_parameters_are_refused_by_name(theta: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        policy_value(chain(3, 2), TabularSoftmax(3, 2), theta)
    assert policy_value(chain(3, 2), TabularSoftmax(3, 2), np.zeros(6, dtype=int)).dtype == np.float64


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (TabularSoftmax(2, 2), "policy must have 3 states and 2 actions as the MDP has, got 2 and 2"),
        (TabularSoftmax(3, 3), "policy must have 3 states and 2 actions as the MDP has, got 3 and 3"),
        (TabularSoftmax(3, 2, 3), "a time-dependent policy must have the MDP's horizon 2, got 3"),
        (TabularSoftmax(3, 2, 1), "a time-dependent policy must have the MDP's horizon 2, got 1"),
        (TabularSoftmax, "policy must be a Policy such as"),
        (3, "policy must be a Policy such as"),
    ],
)
def test_policies_that_do_not_fit_are_refused(policy: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        policy_value(chain(3, 2), policy, np.zeros(6))
    with pytest.raises(InputError, match="mdp must be a TabularMDP such as"):
        policy_value(TabularSoftmax(3, 2), TabularSoftmax(3, 2), np.zeros(6))  # type: ignore[arg-type]
