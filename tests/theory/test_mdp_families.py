"""Makers of small MDPs, against closed forms, hand-drawn grids and symmetries."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.mdp_families import bandit, chain, garnet, gridworld
from theory.policies import TabularSoftmax
from theory.return_law import return_distribution
from theory.values import occupancy, optimal_value, policy_gradient, policy_value

seeds = st.integers(0, 2**32 - 1)


def uniform(mdp):
    policy = TabularSoftmax(mdp.n_states, mdp.n_actions)
    return policy, np.zeros(policy.dim)


def test_bandit_return_is_binomial():
    mdp = bandit([0.3], horizon=6)
    law = return_distribution(mdp, *uniform(mdp))
    pmf = [math.comb(6, k) * 0.3**k * 0.7 ** (6 - k) for k in range(7)]
    np.testing.assert_allclose(law.probabilities, pmf, rtol=1e-13)
    assert mdp.reward_lattice == 1


def test_bandit_value_gradient_and_optimum():
    means = np.array([0.0, 0.2, 1.0])
    mdp = bandit(means, horizon=4)
    policy, theta = uniform(mdp)
    assert policy_value(mdp, policy, theta) == pytest.approx(4 * means.mean(), rel=1e-14)
    np.testing.assert_allclose(policy_gradient(mdp, policy, theta), 4 * (means - means.mean()) / 3, rtol=1e-13)
    assert optimal_value(mdp) == pytest.approx(4, rel=1e-14)


@pytest.mark.parametrize("means", [[], [[0.5]], [0.5, 1.1], [-0.1], [math.nan], np.full(99, 2)])
def test_bandit_refuses_means_that_are_no_probabilities(means):
    with pytest.raises(InputError, match=r"^means must be a vector of probabilities in \[0, 1\], got [^\n]*$"):
        bandit(means)


@pytest.mark.parametrize("n_states", [2, 3, 5])
@pytest.mark.parametrize("horizon", [1, 4, 9])
def test_chain_without_slip_is_deterministic_with_a_known_optimum(n_states, horizon):
    mdp = chain(n_states, horizon)
    assert set(np.unique(mdp.probabilities)) == {0.0, 1.0}
    assert optimal_value(mdp) == max(0, horizon - n_states + 2)


def test_chain_of_two_states_with_slip_pays_each_success():
    mdp = chain(2, 7, slip=0.25)
    assert optimal_value(mdp) == pytest.approx(7 * 0.75, rel=1e-14)
    # Under the uniform policy slipping changes nothing.
    assert policy_value(mdp, *uniform(mdp)) == pytest.approx(3.5, rel=1e-14)


def test_chain_moves_the_other_way_when_it_slips():
    mdp = chain(3, 1, slip=0.1)
    law = np.zeros((3, 2, 3))
    np.add.at(law, (*np.indices(mdp.next_states.shape[1:])[:2], mdp.next_states[0]), mdp.probabilities[0])
    expected = [[[0.9, 0.1, 0], [0.1, 0.9, 0]], [[0.9, 0, 0.1], [0.1, 0, 0.9]], [[0, 0.9, 0.1], [0, 0.1, 0.9]]]
    np.testing.assert_allclose(law, expected, atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((1, 5), "n_states must be an integer of at least 2, got 1"),
        ((2.0, 5), r"n_states must be an integer of at least 2, got 2\.0; write 2"),
        ((3, 5, 1.5), r"slip must be a probability in \[0, 1\], got 1\.5"),
        ((3, 5, math.nan), r"slip must be a probability in \[0, 1\], got nan"),
        ((3, 0), "horizon must be an integer of at least 1, got 0"),
    ],
)
def test_chain_refuses(arguments, said):
    with pytest.raises(InputError, match=f"^{said}$"):
        chain(*arguments)


def test_gridworld_shortest_path_goes_round_the_walls():
    cells = ["S#G", ".#.", "..."]
    assert optimal_value(gridworld(cells, 5)) == 0
    assert optimal_value(gridworld(cells, 6)) == 1
    assert gridworld(cells, 6).n_states == 7
    assert optimal_value(gridworld("S#G", 50)) == 0
    assert optimal_value(gridworld("SHG", 50)) == 0


def test_gridworld_actions_are_left_down_right_up():
    mdp = gridworld("...\n.S.\n...", 1)
    np.testing.assert_array_equal(mdp.next_states[0, 4, :, 0], [3, 7, 5, 1])
    np.testing.assert_array_equal(mdp.next_states[0, 0, :, 0], [0, 3, 1, 0])
    np.testing.assert_array_equal(mdp.initial, np.eye(9)[4])


def test_gridworld_goal_pays_once_and_absorbs():
    mdp = gridworld("SG", 10)
    law = return_distribution(mdp, *uniform(mdp))
    # Three of four actions bump into the border.
    np.testing.assert_allclose(law.probabilities[:2], [0.75**10, 1 - 0.75**10], rtol=1e-13)
    np.testing.assert_array_equal(law.probabilities[2:], 0)


def test_gridworld_hole_absorbs_unpaid():
    mdp = gridworld("HS", 10)
    assert policy_value(mdp, *uniform(mdp)) == 0
    np.testing.assert_allclose(occupancy(mdp, *uniform(mdp))[:, 0], 1 - 0.75 ** np.arange(10), atol=1e-14)


def test_gridworld_slip_is_spread_over_the_perpendicular_moves():
    mdp = gridworld([".G.", ".S.", "..."], 1, slip=0.4)
    # Of the four actions up reaches the goal directly, left and right by slipping, down never.
    np.testing.assert_allclose(mdp.expected_reward[0, 4], [0.2, 0.0, 0.2, 0.6], atol=1e-15)
    sideways = gridworld([".G.", ".S.", "..."], 1, slip=1.0)
    np.testing.assert_allclose(sideways.expected_reward[0, 4], [0.5, 0.0, 0.5, 0.0], atol=1e-15)


def test_gridworld_several_starts_are_uniform():
    np.testing.assert_array_equal(gridworld("S.S\nGSS", 1).initial, [0.25, 0, 0.25, 0, 0.25, 0.25])


@pytest.mark.parametrize(
    ("cells", "slip", "said"),
    [
        (["S.", "..."], 0.0, r"cells must be rows of one common length of at least 1, got lengths \[2, 3\]"),
        ([], 0.0, r"cells must be rows of one common length of at least 1, got lengths \[\]"),
        (["", ""], 0.0, r"cells must be rows of one common length of at least 1, got lengths \[0, 0\]"),
        (["S.", ".x"], 0.0, r"cells must consist of characters of S\.GH#, got 'x' in row 1, column 1"),
        (["..", ".G"], 0.0, "cells must hold at least one start S, got none; mark where episodes begin"),
        (["SG"], -0.1, r"slip must be a probability in \[0, 1\], got -0\.1"),
    ],
)
def test_gridworld_refuses(cells, slip, said):
    with pytest.raises(InputError, match=f"^{said}$"):
        gridworld(cells, 3, slip)


def test_garnet_is_what_its_definition_says():
    mdp = garnet(9, 3, 4, horizon=5, rng=np.random.default_rng(3), lattice=5)
    assert mdp.probabilities.shape == (1, 9, 3, 4)
    assert (np.diff(np.sort(mdp.next_states, axis=-1)) > 0).all()
    assert (mdp.rewards == mdp.rewards[..., :1]).all()
    np.testing.assert_array_equal(mdp.rewards * 5, np.rint(mdp.rewards * 5))
    np.testing.assert_array_equal(mdp.initial, np.full(9, 1 / 9))
    assert 5 % mdp.require_lattice() == 0


def test_garnet_keeps_no_more_than_its_successors():
    """A view of each permutation would keep all S^2 A entries, here 32 MB."""
    tracemalloc.start()
    garnet(1000, 4, 3, 5, np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_garnet_depends_on_its_generator_alone():
    same = [garnet(6, 2, 3, 4, np.random.default_rng(11)) for _ in range(2)]
    other = garnet(6, 2, 3, 4, np.random.default_rng(12))
    for name in ("probabilities", "next_states", "rewards"):
        np.testing.assert_array_equal(getattr(same[0], name), getattr(same[1], name))
    assert not np.array_equal(same[0].probabilities, other.probabilities)


def test_garnet_laws():
    """Successors uniform, Dirichlet(1, 1) probabilities and uniform rewards, over 20,000 state-action pairs.

    Seven normal statistics held to 5.3 standard errors: false-alarm rate below 1e-6. It sees (with probability above
    one half) a shift of 0.012 in the second moment of a probability (1/3), of 0.018 in the share of a reward (1/3), and
    of 0.018 in the share of pairs whose successors include a given state (2/3).
    """
    n = 20_000
    rng = np.random.default_rng(2024)
    mdp = garnet(3, n // 3 + 1, 2, horizon=1, rng=rng, lattice=2)
    law, successors = mdp.probabilities.reshape(-1, 2), mdp.next_states.reshape(-1, 2)
    rewards = mdp.rewards[..., 0].ravel()
    assert len(law) >= n
    assert abs((law[:, 0] ** 2).mean() - 1 / 3) < 5.3 * math.sqrt(4 / 45 / n)
    for value in (0.0, 0.5, 1.0):
        assert abs((rewards == value).mean() - 1 / 3) < 5.3 * math.sqrt(2 / 9 / n)
    for state in range(3):
        assert abs((successors == state).any(axis=1).mean() - 2 / 3) < 5.3 * math.sqrt(2 / 9 / n)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_states": 0}, "n_states must be an integer of at least 1, got 0"),
        ({"n_actions": True}, "n_actions must be an integer of at least 1, got True"),
        ({"branching": 0}, "branching must be an integer of at least 1, got 0"),
        ({"branching": 6}, "branching must be at most n_states = 5, got 6"),
        ({"lattice": 0.5}, r"lattice must be an integer of at least 1, got 0\.5"),
        ({"rng": 7}, r"rng must be a numpy\.random\.Generator, got int; pass np\.random\.default_rng\(0\)"),
    ],
)
def test_garnet_refuses(changes, said):
    arguments = {"n_states": 5, "n_actions": 2, "branching": 3, "horizon": 4, "rng": np.random.default_rng(0)}
    with pytest.raises(InputError, match=f"^{said}$"):
        garnet(**(arguments | changes))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seeds)
def test_relabelling_the_states_keeps_values_and_laws(seed):
    rng = np.random.default_rng(seed)
    mdp = garnet(6, 3, 2, horizon=4, rng=rng, lattice=2)
    new = rng.permutation(6)
    old = np.argsort(new)
    start = rng.dirichlet(np.ones(6))
    mdp = TabularMDP.from_outcomes(mdp.probabilities[0], mdp.next_states[0], mdp.rewards[0], start, 4)
    renamed = TabularMDP.from_outcomes(
        mdp.probabilities[0, old], new[mdp.next_states[0, old]], mdp.rewards[0, old], start[old], 4
    )
    policy = TabularSoftmax(6, 3)
    logits = rng.normal(size=(6, 3))
    theta, moved = logits.ravel(), logits[old].ravel()
    assert policy_value(renamed, policy, moved) == pytest.approx(float(policy_value(mdp, policy, theta)), rel=1e-12)
    gradient = policy_gradient(mdp, policy, theta).reshape(6, 3)[old].ravel()
    np.testing.assert_allclose(policy_gradient(renamed, policy, moved), gradient, atol=1e-13)
    assert optimal_value(renamed) == pytest.approx(optimal_value(mdp), rel=1e-12)
    laws = [return_distribution(m, policy, t).probabilities for m, t in ((mdp, theta), (renamed, moved))]
    np.testing.assert_allclose(*laws, atol=1e-13)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seeds, st.floats(0, 1))
def test_a_constant_reward_has_no_gradient(seed, reward):
    rng = np.random.default_rng(seed)
    mdp = garnet(5, 3, 3, horizon=6, rng=rng)
    constant = np.full(mdp.rewards[0].shape, reward)
    mdp = TabularMDP.from_outcomes(mdp.probabilities[0], mdp.next_states[0], constant, mdp.initial, 6)
    policy = TabularSoftmax(5, 3)
    theta = rng.normal(size=policy.dim)
    np.testing.assert_allclose(policy_gradient(mdp, policy, theta), 0, atol=1e-14)
    assert policy_value(mdp, policy, theta) == pytest.approx(6 * reward, rel=1e-13, abs=1e-300)
