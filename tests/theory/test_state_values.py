"""Values without action values: two routes, the action values, and loops agree, whatever the pieces and the layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import theory.state_values as state_values
import theory.transition_matrices as transition_matrices
from theory import CircularPolicy, Policy, TabularMDP, TabularSoftmax, garnet, optimal_value, policy_value
from theory.arrays import FloatArray, stage
from theory.batching import columns
from theory.values import action_value_columns

S, A, H = 6, 3, 7
AGREES = {"rtol": 0, "atol": 1e-12}


def staged_mdp(seed: int) -> TabularMDP:
    rng = np.random.default_rng(seed)
    transitions = rng.dirichlet(np.ones(S), (H, S, A))
    return TabularMDP(transitions, rng.random((H, S, A, S)), rng.dirichlet(np.ones(S)), H)


MDPS = {"stationary": garnet(S, A, 3, H, np.random.default_rng(3)), "staged": staged_mdp(4)}
POLICIES: dict[str, Policy] = {"tabular": TabularSoftmax(S, A), "time-dependent": TabularSoftmax(S, A, H)}
BY_MDP = pytest.mark.parametrize("mdp", MDPS.values(), ids=MDPS)


def theta_of(policy: Policy, *batch: int) -> FloatArray:
    return np.random.default_rng(5).normal(size=(*batch, policy.dim))


def fresh(mdp: TabularMDP) -> TabularMDP:
    """The same MDP, with kernels still to be built."""
    return TabularMDP.from_outcomes(mdp.probabilities, mdp.next_states, mdp.rewards, mdp.initial, mdp.horizon)


def by_action_values(mdp: TabularMDP, policy: Policy, theta: FloatArray) -> Any:
    return mdp.initial @ action_value_columns(mdp, columns(policy.probabilities(theta), 3))[1]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", [float, complex])
def test_both_routes_give_the_state_values(monkeypatch: pytest.MonkeyPatch, sparse: bool, kind: type) -> None:
    if sparse:
        monkeypatch.setattr(transition_matrices, "DENSE_ENTRIES", 0)
        monkeypatch.setattr(transition_matrices, "DENSE_SHARE", 1.0)
    mdp, policy = fresh(MDPS["stationary"]), CircularPolicy(S, A, 1.3)
    assert isinstance(mdp.successor_kernels[0], np.ndarray) != sparse
    theta = theta_of(policy, 9).astype(kind)
    theta += 1e-3j * theta[::-1] if kind is complex else 0
    pi = columns(policy.probabilities(theta), 3)
    expected = action_value_columns(mdp, pi)[1]
    for route in (state_values.batch_values, state_values.chain_values):
        np.testing.assert_allclose(route(mdp, pi), expected, **AGREES)


@BY_MDP
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("n_batch", [1, 8, 9, 17])
@pytest.mark.parametrize("few", [0, 100])
def test_pieces_of_any_size_give_the_value(
    monkeypatch: pytest.MonkeyPatch, mdp: TabularMDP, policy: Policy, n_batch: int, few: int
) -> None:
    """With few = 100 every batch that may goes by chains; laws or policies that depend on the step may not."""
    for name, size in {"PIECE": 1, "SMALLEST_PIECE": 4, "CHAINS": 4, "FEW": few}.items():
        monkeypatch.setattr(state_values, name, size)
    theta = theta_of(policy, n_batch)
    np.testing.assert_allclose(policy_value(mdp, policy, theta), by_action_values(mdp, policy, theta), **AGREES)


def test_routes_taken_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def noted(route: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: (taken.append(route.__name__), route(*given))[1]

    for name in ("batch_values", "chain_values"):
        monkeypatch.setattr(state_values, name, noted(getattr(state_values, name)))
    dense = garnet(100, 4, 100, 3, np.random.default_rng(0))
    thin = garnet(100, 4, 3, 3, np.random.default_rng(0))
    for mdp, n_batch in ((MDPS["stationary"], 3), (MDPS["stationary"], 4), (thin, 4), (dense, 40)):
        pi = np.full((1, mdp.n_states, mdp.n_actions, n_batch), 1 / mdp.n_actions)
        state_values.start_values(mdp, pi)
    assert taken == ["chain_values", "batch_values", "batch_values", *["chain_values"] * 3]


@BY_MDP
@pytest.mark.parametrize("sparse", [False, True])
def test_optimum_is_that_of_scalar_loops(monkeypatch: pytest.MonkeyPatch, mdp: TabularMDP, sparse: bool) -> None:
    if sparse:
        monkeypatch.setattr(transition_matrices, "DENSE_ENTRIES", 0)
        monkeypatch.setattr(transition_matrices, "DENSE_SHARE", 1.0)
    value = [0.0] * S
    for h in reversed(range(H)):
        p, to, paid = (stage(array, h) for array in (mdp.probabilities, mdp.next_states, mdp.rewards))
        outcomes = range(p.shape[-1])
        value = [
            max(sum(p[s, a, o] * (paid[s, a, o] + value[to[s, a, o]]) for o in outcomes) for a in range(A))
            for s in range(S)
        ]
    assert optimal_value(fresh(mdp)) == pytest.approx(float(mdp.initial @ np.array(value)), rel=0, abs=1e-12)


@BY_MDP
def test_rows_by_action_are_the_same_rows(mdp: TabularMDP) -> None:
    for kernel, by_action in zip(mdp.successor_kernels, mdp.successor_kernels_by_action, strict=True):
        rows = np.asarray(by_action).reshape(A, S, S).swapaxes(0, 1).reshape(S * A, S)
        np.testing.assert_array_equal(rows, np.asarray(kernel))
