"""The coupled law against the product MDP, against simulation, and with faults planted in it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import theory.common_random_numbers as common_random_numbers
import theory.coupled_steps as coupled_steps
from estimators.rollouts import sample_returns
from theory import (
    CircularPolicy,
    InputError,
    Policy,
    TabularMDP,
    TabularSoftmax,
    bandit,
    chain,
    difference_law,
    garnet,
    gridworld,
    policy_gradient,
    return_distribution,
)
from theory.arrays import FloatArray
from theory.common_random_numbers import coupled_difference_law

FALSE_ALARM = 1e-6


def lake_of_two(low: float = 0.0, high: float = 0.0) -> TabularMDP:
    """A slippery lake of 2x2 cells: start, free, hole, goal. The hole pays `low` and the goal `high` at each step."""
    lake = gridworld(["S.", "HG"], 4, slip=2 / 3)
    paid = lake.rewards[0].copy()
    paid[2], paid[3] = low, high
    return TabularMDP.from_outcomes(lake.probabilities[0], lake.next_states[0], paid, [0.5, 0.3, 0.2, 0.0], 4)


def staged() -> TabularMDP:
    """Every step has its own law. State 2 absorbs; it pays nothing at first and 1 at the last step, state 3 nothing."""
    rng = np.random.default_rng(8)
    transitions = np.zeros((3, 4, 2, 4))
    transitions[:, :2] = rng.dirichlet(np.ones(4), (3, 2, 2))
    transitions[:, 2, :, 2] = transitions[:, 3, :, 3] = 1
    rewards = np.zeros((3, 4, 2, 4))
    rewards[:, :2], rewards[2, 2] = rng.integers(0, 4, (3, 2, 2, 4)) / 3, 1.0
    return TabularMDP(transitions, rewards, [0.3, 0.5, 0.1, 0.1], 3)


def late() -> TabularMDP:
    """Little is paid on the way and much at the end: some gains are larger than any return can be by then."""
    transitions = [[[1, 0], [0, 1]], [[0, 1], [0, 1]]]
    return TabularMDP(transitions, rewards=[[1 / 3, 0], [1, 1]], initial=[1, 0], horizon=6)


def moody() -> TabularMDP:
    """States 1, 2, 3 absorb: 1 and 2 pay by the action, 3 by chance; lowest and highest pay are the same for all."""
    law = np.broadcast_to([0.4, 0.6], (4, 2, 2))
    nexts = np.array([[[1, 2], [3, 0]], [[1, 1]] * 2, [[2, 2]] * 2, [[3, 3]] * 2])
    paid = np.array([[[0.5, 0.0]] * 2, [[0, 0], [1, 1]], [[1, 1], [0, 0]], [[0, 1], [0, 1]]], dtype=float)
    return TabularMDP.from_outcomes(law, nexts, paid, [0.7, 0.1, 0.1, 0.1], 3)


BUILD: dict[str, Callable[[], TabularMDP]] = {
    "late": late,
    "garnet": lambda: garnet(4, 3, 2, 4, np.random.default_rng(2), lattice=2),
    "chain": lambda: chain(4, 5, slip=0.2),
    "bandit": lambda: bandit([0.2, 0.5, 0.9], 3),
    "lake": lake_of_two,
    "paying lake": lambda: lake_of_two(0.5, 1.0),
    "lake, equal pay": lambda: lake_of_two(1.0, 1.0),
    "staged": staged,
    "moody": moody,
}


def policies(mdp: TabularMDP) -> list[Policy]:
    return [TabularSoftmax(mdp.n_states, mdp.n_actions), TabularSoftmax(mdp.n_states, mdp.n_actions, mdp.horizon)]


def parameters(policy: Policy) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(4)
    return 2 * rng.normal(size=(2, 3, policy.dim)), rng.normal(size=policy.dim)


def product_law(mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> FloatArray:
    """Law of the difference from the return of the product MDP, whose reward is (r1 - r0 + 1) / 2.

    Its states are all pairs of states and its actions all pairs of actions. It knows of no absorbing states and of no
    reachable differences.
    """
    n, n_states, n_actions, _ = mdp.probabilities.shape
    both = n_states**2, n_actions**2

    def of_pairs(first: FloatArray, second: FloatArray, add: Callable[..., FloatArray]) -> FloatArray:
        paired = add(first[:, :, None, :, None, :, None], second[:, None, :, None, :, None, :])
        return paired.reshape(n, *both, -1)

    law = np.stack([_coupled(each.reshape(n_states * n_actions, -1)) for each in mdp.probabilities])
    split = law.reshape(n, n_states, n_actions, n_states, n_actions, -1).transpose(0, 1, 3, 2, 4, 5)
    successors = of_pairs(mdp.next_states, mdp.next_states, lambda a, b: a * n_states + b)
    rewards = of_pairs(mdp.rewards, mdp.rewards, lambda a, b: (a - b + 1) / 2)
    initial = _coupled(mdp.initial[None]).ravel()
    product = TabularMDP.from_outcomes(split.reshape(successors.shape), successors, rewards, initial, mdp.horizon)
    laws = [policy.probabilities(theta) for theta in (first, second)]
    stages = len(laws[0])
    coupled = np.stack([_coupled(np.concatenate([a, b]))[:n_states, n_states:] for a, b in zip(*laws, strict=True)])
    returns = _given_actions(product, coupled.reshape(stages, *both))
    lattice, reach = mdp.require_lattice(), mdp.largest_return_steps[-1]
    spread = np.zeros(2 * reach + 1)
    for k, probability in enumerate(returns):
        step = round((2 * k / product.require_lattice() - mdp.horizon) * lattice)
        assert abs(step) <= reach or probability == 0
        if abs(step) <= reach:
            spread[step + reach] += probability
    return spread


def _coupled(laws: FloatArray) -> FloatArray:
    """Joint laws of indices drawn by inversion of one number: of each breakpoint's interval, who is drawn there."""
    n, size = laws.shape
    ends = np.minimum(np.cumsum(laws, axis=1), 1.0)
    ends[:, -1] = 1.0
    cuts = np.unique(np.concatenate([[0.0], ends.ravel()]))
    drawn = np.stack([np.minimum(np.searchsorted(row, (cuts[1:] + cuts[:-1]) / 2), size - 1) for row in ends])
    joint = np.zeros((n, n, size, size))
    first, second = np.arange(n)[:, None, None], np.arange(n)[None, :, None]
    np.add.at(joint, (first, second, drawn[:, None], drawn[None, :]), np.diff(cuts))
    return joint


def _given_actions(mdp: TabularMDP, pi: FloatArray) -> FloatArray:
    """Law of the return, by forward recursion over (state, return so far)."""
    lattice = mdp.require_lattice()
    mass = np.zeros((mdp.n_states, mdp.horizon * lattice + 1))
    mass[:, 0] = mdp.initial
    for h in range(mdp.horizon):
        n, moved = h % len(mdp.probabilities), np.zeros_like(mass)
        for s, a, o in zip(*np.nonzero(mdp.probabilities[n]), strict=True):
            share, paid = (
                pi[h % len(pi), s, a] * mdp.probabilities[n, s, a, o],
                round(mdp.rewards[n, s, a, o] * lattice),
            )
            moved[mdp.next_states[n, s, a, o], paid:] += share * mass[s, : mass.shape[1] - paid]
        mass = moved
    return np.asarray(mass.sum(axis=0))


def discrepancy(mdp: TabularMDP) -> float:
    """Largest difference of a probability between the two routes."""
    worst = 0.0
    for policy in policies(mdp):
        first, second = parameters(policy)
        law = coupled_difference_law(mdp, policy, first, second)
        assert law.shape == (2, 3, 2 * mdp.largest_return_steps[-1] + 1)
        for index in np.ndindex(first.shape[:-1]):
            worst = max(worst, np.abs(law[index] - product_law(mdp, policy, first[index], second)).max())
    return worst


@pytest.mark.parametrize("name", BUILD)
def test_coupled_law_is_that_of_the_product_mdp(name: str) -> None:
    assert discrepancy(BUILD[name]()) < 1e-12


@pytest.mark.parametrize("name", BUILD)
def test_windows_and_edges_give_the_same_law(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mdp = BUILD[name]()
    for policy in policies(mdp):
        laws = []
        for windows in (True, False):
            monkeypatch.setattr(common_random_numbers, "takes_windows", lambda _, windows=windows: windows)
            laws.append(coupled_difference_law(mdp, policy, *parameters(policy)))
        np.testing.assert_allclose(laws[0], laws[1], rtol=0, atol=1e-14)


def test_windows_are_for_many_differences() -> None:
    assert not common_random_numbers.takes_windows(frozen_lake())
    assert common_random_numbers.takes_windows(garnet(5, 3, 3, 5, np.random.default_rng(57)))


def test_pieces_of_a_batch_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    mdp = BUILD["garnet"]()
    policy = policies(mdp)[0]
    whole = coupled_difference_law(mdp, policy, *parameters(policy))
    for size in (1, 4 * coupled_steps.coupled_steps(mdp).n_edges):
        monkeypatch.setattr(common_random_numbers, "WORKING_SET", size)
        cut = coupled_difference_law(mdp, policy, *parameters(policy))
        np.testing.assert_array_equal(cut, whole)


def independent(laws: FloatArray) -> FloatArray:
    """Fault: outcomes of the two trajectories with numbers of their own."""
    return np.asarray(laws[:, None, :, None] * laws[None, :, None, :])


def test_independent_outcomes_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coupled_steps, "overlap", independent)
    assert all(discrepancy(BUILD[name]()) > 1e-3 for name in ("garnet", "chain", "lake", "staged"))


def test_independent_actions_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(step: coupled_steps.CoupledStage, first: FloatArray, second: FloatArray) -> FloatArray:
        joint = first[step.first][:, :, None] * second[step.second][:, None]
        return np.asarray(joint.reshape(-1, joint.shape[-1]))

    monkeypatch.setattr(common_random_numbers, "_joint_actions", alone)
    assert all(discrepancy(build()) > 1e-3 for build in BUILD.values())


def test_absorbing_states_that_pay_otherwise_must_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault: all states that cannot be left count as one, whatever they pay and at whatever step."""

    def merged(mdp: TabularMDP) -> np.ndarray:
        stays = ((mdp.next_states == np.arange(mdp.n_states)[:, None, None]) | (mdp.probabilities == 0)).all((0, 2, 3))
        return np.where(stays, np.argmax(stays), np.arange(mdp.n_states))

    monkeypatch.setattr(coupled_steps, "_representatives", merged)
    assert max(discrepancy(BUILD[name]()) for name in ("lake", "lake, equal pay")) < 1e-12
    assert min(discrepancy(BUILD[name]()) for name in ("paying lake", "staged")) > 1e-3


def frozen_lake() -> TabularMDP:
    return gridworld(["S...", ".H.H", "...H", "H..G"], 20, slip=2 / 3)


def test_few_nodes_of_a_lake_are_followed() -> None:
    """11 cells where one walks on, squared; one of both absorbed before or after a gain; both absorbed."""
    graph = coupled_steps.coupled_steps(frozen_lake())
    assert len(graph.initial) == 11**2 + 2 * 11 * 2 + 3


def test_coupled_law_on_a_lake_is_that_of_simulated_pairs() -> None:
    """Dvoretzky-Kiefer-Wolfowitz at FALSE_ALARM. It misses a fault of 2 `allowed` at most as often as it alarms.

    Pairs drawn independently lie far outside.
    """
    mdp, n = frozen_lake(), 300_000
    policy = CircularPolicy(mdp.n_states, mdp.n_actions, 2.0)
    theta = np.random.default_rng(1).uniform(-np.pi, np.pi, policy.dim)
    for _ in range(100):
        slope = policy_gradient(mdp, policy, theta)
        theta = theta + 0.3 * slope / np.linalg.norm(slope)
    both = np.stack([theta + 0.3 * np.random.default_rng(2).normal(size=policy.dim), theta])
    returns = sample_returns(mdp, policy, both, n, np.random.default_rng(3), shared=True)
    drawn = np.bincount(np.rint(returns[0] - returns[1]).astype(int) + 1, minlength=3).cumsum() / n
    law = coupled_difference_law(mdp, policy, *both)
    allowed = math.sqrt(math.log(2 / FALSE_ALARM) / (2 * n))
    assert np.abs(drawn - law.cumsum()).max() <= allowed < 0.005
    alone = return_distribution(mdp, policy, both).probabilities
    assert np.abs(drawn - difference_law(alone[0], alone[1]).cumsum()).max() > 4 * allowed


def test_an_mdp_that_is_too_large_is_refused() -> None:
    large = garnet(600, 4, 1, 2, np.random.default_rng(0))
    policy = TabularSoftmax(600, 4)
    with pytest.raises(InputError, match=r"^mdp must have \(S A\)\^2 <= 5000000 [^\n]*, got 5760000; use [^\n]*$"):
        coupled_difference_law(large, policy, np.zeros(policy.dim), np.zeros(policy.dim))
