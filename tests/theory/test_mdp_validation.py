"""What a TabularMDP refuses, in which words, and that its two forms are one."""

import math
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from scipy.sparse import csr_array

from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.mdp_families import gridworld
from theory.policies import TabularSoftmax
from theory.return_law import return_distribution
from theory.values import optimal_value, policy_gradient, policy_value


def dense(**changes):
    """Two states, three actions, horizon 4, after `changes`."""
    arguments = {
        "transitions": np.full((2, 3, 2), 0.5),
        "rewards": np.full((2, 3), 0.25),
        "initial": [0.5, 0.5],
        "horizon": 4,
    }
    return TabularMDP(**(arguments | changes))


def outcomes(**changes):
    """Two states, three actions, two outcomes, horizon 4, after `changes`."""
    arguments = {
        "probabilities": np.full((2, 3, 2), 0.5),
        "next_states": np.broadcast_to([0, 1], (2, 3, 2)),
        "rewards": np.full((2, 3, 2), 0.25),
        "initial": [0.5, 0.5],
        "horizon": 4,
    }
    return TabularMDP.from_outcomes(**(arguments | changes))


def edited(array, where, value):
    changed = np.array(array, dtype=np.float64)
    changed[where] = value
    return changed


HALVES = np.full((2, 3, 2), 0.5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"transitions": edited(HALVES, (1, 0), [0.5, 0.43])}, "transitions[1, 0] must sum to 1, got 0.93; normalise"),
        ({"transitions": edited(HALVES, (1, 0), [1.5, -0.5])}, "transitions[1, 0, 1] must not be negative, got -0.5"),
        ({"transitions": edited(HALVES, (1, 2, 0), math.nan)}, "transitions must be finite, got nan at [1, 2, 0]"),
        ({"transitions": edited(HALVES, (1, 2, 0), math.inf)}, "transitions must be finite, got inf at [1, 2, 0]"),
        ({"transitions": np.full((2, 2), 0.5)}, "transitions must have shape (S, A, S) or (H, S, A, S), got (2, 2)"),
        ({"transitions": np.full((2, 3, 4), 0.25)}, "transitions must have shape (S, A, S) or "),
        ({"transitions": np.full((3, 2, 3, 2), 0.5)}, "a leading stage axis must have length horizon = 4, got 3"),
        ({"rewards": np.zeros((5, 2, 3))}, "a leading stage axis must have length horizon = 4, got 5"),
        ({"rewards": np.zeros((3, 2))}, "rewards must have shape (2, 3), (2, 3, 2) or either with a leading horizon"),
        ({"rewards": edited(np.zeros((2, 3)), (1, 1), math.nan)}, "rewards must be finite, got nan at [1, 1]"),
        ({"rewards": edited(np.zeros((2, 3)), (1, 1), 1.5)}, "rewards must lie in [0, 1], got 1.5 at [1, 1, 0]; pass "),
        ({"rewards": edited(np.zeros((2, 3)), (0, 2), -3)}, "rewards must lie in [0, 1], got -3 at [0, 2, 0]; pass "),
        ({"initial": [1.0]}, "initial must have shape (2,), got (1,)"),
        ({"initial": [1.5, -0.5]}, "initial[1] must not be negative, got -0.5"),
        ({"initial": [math.nan, 1.0]}, "initial must be finite, got nan at [0]"),
        ({"initial": [0.5, 0.2]}, "initial must sum to 1, got 0.7; normalise"),
        ({"horizon": 0}, "horizon must be an integer of at least 1, got 0"),
        ({"horizon": 2.5}, "horizon must be an integer of at least 1, got 2.5"),
        ({"horizon": True}, "horizon must be an integer of at least 1, got True"),
        ({"reward_range": (1.0, 1.0)}, "reward_range must be (low, high) with low < high, got (1.0, 1.0)"),
        ({"reward_range": (0.0, math.nan)}, "reward_range must be (low, high) with low < high, got (0.0, nan)"),
        ({"reward_range": (0.0, math.inf)}, "reward_range must be "),
        ({"reward_range": 5}, "reward_range must be (low, high) with low < high, got 5; write for example "),
        ({"reward_range": (0, 1, 2)}, "reward_range must be (low, high) with low < high, got (0, 1, 2); write "),
        ({"reward_range": ("a", "b")}, "reward_range must be (low, high) with low < high, got ('a', 'b'); write "),
        ({"horizon": 5.0}, "horizon must be an integer of at least 1, got 5.0; write 5"),
        ({"horizon": "5"}, "horizon must be an integer of at least 1, got '5'"),
        ({"horizon": 4.0, "rewards": np.zeros((3, 2, 3))}, "horizon must be an integer of at least 1, got 4.0; write"),
        ({"transitions": HALVES * (1 + 0j)}, "transitions must be real, got complex numbers; pass the real part only"),
        ({"rewards": np.full((2, 3), 0.5j)}, "rewards must be real, got complex numbers; pass the real part only"),
        ({"initial": [0.5, 0.5 + 0j]}, "initial must be real, got complex numbers; pass the real part only"),
        ({"transitions": [[[0.5, 0.5], [1.0]]]}, "transitions must be an array of numbers, got rows of"),
        ({"transitions": "uniform"}, "transitions must be an array of numbers, got an entry of type str"),
        ({"rewards": [["0.5"] * 3] * 2}, "rewards must be an array of numbers, got an entry of type str"),
        ({"transitions": csr_array(np.eye(2))}, "transitions must be an array of numbers, got an entry of type csr"),
        ({"initial": None}, "initial must be finite, got nan"),
        (
            {"transitions": np.full((4, 2, 3, 2), 0.5), "rewards": np.zeros((3, 2, 3))},
            "a leading stage axis must have length horizon = 4, got 3",
        ),
    ],
)  # fmt: skip
def test_the_dense_form_refuses(changes, said):
    with pytest.raises(InputError) as caught:
        dense(**changes)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probabilities": edited(HALVES, (0, 2), [0.3, 0.3])}, "probabilities[0, 2] must sum to 1, got 0.6; "),
        ({"probabilities": edited(HALVES, (0, 2), [2, -1])}, "probabilities[0, 2, 1] must not be negative, got -1"),
        ({"probabilities": edited(HALVES, (0, 2, 1), math.nan)}, "probabilities must be finite, got nan at [0, 2, 1]"),
        ({"probabilities": np.ones((2, 3))}, "probabilities must have shape (S, A, O) or (H, S, A, O), got (2, 3)"),
        ({"next_states": np.zeros((2, 3), dtype=int)}, "next_states must have the shape of probabilities, "),
        ({"rewards": np.zeros((2, 3, 1))}, "rewards must have the shape of probabilities, (2, 3, 2), got (2, 3, 1)"),
        ({"next_states": np.full((2, 3, 2), 2)}, "next_states must be integers from 0 to 1"),
        ({"next_states": np.full((2, 3, 2), -1)}, "next_states must be integers from 0 to 1"),
        ({"next_states": np.zeros((2, 3, 2))}, "next_states must be integers from 0 to 1, got float64"),
        ({"next_states": np.full((2, 3, 2), "0")}, "next_states must be integers from 0 to 1, got <U1"),
        ({"next_states": [[[0, 1], [0]]]}, "next_states must be an array of numbers, got rows of different lengths"),
        ({"probabilities": HALVES * (1 + 0j)}, "probabilities must be real, got complex numbers; "),
        ({"horizon": 4.0}, "horizon must be an integer of at least 1, got 4.0; write 4"),
        ({"reward_range": 5}, "reward_range must be (low, high) with low < high, got 5; write "),
        ({"rewards": edited(HALVES, (1, 2, 1), 7)}, "rewards must lie in [0, 1], got 7 at [1, 2, 1]; pass "),
        ({"initial": [0.9, 0.3]}, "initial must sum to 1, got 1.2; normalise"),
    ],
)  # fmt: skip
def test_the_outcome_form_refuses(changes, said):
    with pytest.raises(InputError) as caught:
        outcomes(**changes)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_fractions_and_whole_numbers_are_numbers():
    mdp = dense(transitions=np.full((2, 3, 2), Fraction(1, 2)), rewards=np.ones((2, 3), dtype=int), horizon=np.int64(4))
    assert mdp.probabilities.dtype == mdp.rewards.dtype == np.float64
    assert type(mdp.horizon) is int


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2), (2, 3, 0)])
def test_empty_axes_are_refused(shape):
    with pytest.raises(InputError, match=r"^probabilities"):
        outcomes(
            probabilities=np.zeros(shape),
            next_states=np.zeros(shape, dtype=int),
            rewards=np.zeros(shape),
            initial=np.full(shape[0], 1 / max(1, shape[0])),
        )


def test_padding_outcomes_may_hold_anything_finite():
    padded = outcomes(
        probabilities=np.broadcast_to([0.0, 1.0], (2, 3, 2)), rewards=np.broadcast_to([99.0, 0.5], (2, 3, 2))
    )
    assert padded.rewards.max() == 0.5
    assert padded.reward_lattice == 2


def test_arrays_are_read_only_copies():
    given = {"transitions": HALVES.copy(), "rewards": np.zeros((2, 3)), "initial": np.array([0.5, 0.5])}
    mdp = dense(**given)
    for name in ("probabilities", "next_states", "rewards", "initial", "expected_reward"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(mdp, name)[...] = 0
    for array in given.values():
        array[...] = 7
    assert mdp.probabilities.max() == 0.5
    assert mdp.initial.max() == 0.5
    with pytest.raises(AttributeError):
        mdp.horizon = 3


@pytest.mark.parametrize("per_successor", [False, True])
@pytest.mark.parametrize("stages", [(), (4,)])
def test_dense_and_outcome_forms_agree(stages, per_successor):
    rng = np.random.default_rng(5)
    transitions = rng.dirichlet(np.ones(3), size=(*stages, 3, 2))
    transitions[..., 0, 1, :] = [0.0, 1.0, 0.0]
    rewards = rng.integers(0, 5, size=(*stages, 3, 2, *([3] * per_successor))) / 4
    first = TabularMDP(transitions, rewards, [0.2, 0.3, 0.5], 4)
    second = TabularMDP.from_outcomes(
        transitions,
        np.broadcast_to(np.arange(3), transitions.shape),
        rewards if per_successor else np.broadcast_to(rewards[..., None], transitions.shape),
        [0.2, 0.3, 0.5],
        4,
    )
    policy = TabularSoftmax(3, 2)
    theta = rng.normal(size=(7, policy.dim))
    np.testing.assert_allclose(policy_value(first, policy, theta), policy_value(second, policy, theta), rtol=1e-13)
    np.testing.assert_allclose(
        policy_gradient(first, policy, theta), policy_gradient(second, policy, theta), atol=1e-14
    )
    laws = [return_distribution(mdp, policy, theta).probabilities for mdp in (first, second)]
    np.testing.assert_allclose(*laws, atol=1e-14)


def test_a_repeated_law_is_the_stationary_one():
    rng = np.random.default_rng(6)
    transitions, rewards = rng.dirichlet(np.ones(3), size=(3, 2)), rng.integers(0, 3, size=(3, 2)) / 2
    still = TabularMDP(transitions, rewards, np.eye(3)[0], 5)
    staged = TabularMDP(np.stack([transitions] * 5), np.stack([rewards] * 5), np.eye(3)[0], 5)
    assert still.stationary
    assert not staged.stationary
    policy = TabularSoftmax(3, 2)
    theta = rng.normal(size=policy.dim)
    assert policy_value(staged, policy, theta) == pytest.approx(float(policy_value(still, policy, theta)), rel=1e-14)


def test_reward_range_maps_and_maps_back():
    rewards = np.array([[-3.0, 0.0, 5.0], [1.0, 1.0, 1.0]])
    mdp = dense(rewards=rewards, reward_range=(-3.0, 5.0))
    assert (mdp.rewards.min(), mdp.rewards.max()) == (0.0, 1.0)
    policy = TabularSoftmax(2, 3)
    # Uniform policy and transitions: every step pays the mean of the table.
    value = mdp.original_return(policy_value(mdp, policy, np.zeros(policy.dim)))
    assert value == pytest.approx(4 * rewards.mean(), rel=1e-13)


@pytest.mark.parametrize(
    ("rewards", "lattice"), [([0.0, 1.0], 1), ([0.5, 0.75], 4), ([1 / 3, 0.5], 6), ([0.99, 1.0], 100)]
)
def test_reward_lattice_is_the_least_common_denominator(rewards, lattice):
    assert outcomes(rewards=np.broadcast_to(rewards, (2, 3, 2))).reward_lattice == lattice


def test_an_off_lattice_reward_is_named():
    mdp = outcomes(rewards=edited(HALVES, (1, 2, 0), math.sqrt(0.5)))
    assert mdp.reward_lattice is None
    said = r"^rewards must be multiples of 1/m .*got .*0\.7071067811865476.* at \[0, 1, 2, 0\]; round the rewards"
    with pytest.raises(InputError, match=said):
        mdp.require_lattice()
    with pytest.raises(InputError, match=said):
        return_distribution(mdp, TabularSoftmax(2, 3), np.zeros(6))


def test_a_large_gridworld_is_sparse_and_quick():
    """A table over S^2 A would be 200 MB."""
    cells = ["S" + "." * 49, *["." * 50] * 48, "." * 49 + "G"]
    tracemalloc.start()
    begun = time.perf_counter()
    mdp = gridworld(cells, 120, slip=0.1)
    built = time.perf_counter() - begun
    assert mdp.n_states == 2500
    optimum = optimal_value(mdp)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.5 < optimum < 1
    assert mdp.probabilities.nbytes + mdp.next_states.nbytes + mdp.rewards.nbytes < 1e6
    assert peak < 10e6
    assert built < 0.5


def test_rewards_are_mapped_to_the_unit_interval_and_returns_back() -> None:
    """By hand: rewards from -2 to 6 in one state, three steps."""
    rewards = np.array([[-2.0, 0.0, 6.0]])
    dense = TabularMDP(np.ones((1, 3, 1)), rewards, [1.0], 3, reward_range=(-2.0, 6.0))
    joint = TabularMDP.from_outcomes(
        np.ones((1, 3, 1)), np.zeros((1, 3, 1), dtype=int), rewards[..., None], [1.0], 3, reward_range=(-2.0, 6.0)
    )
    for mdp in (dense, joint):
        assert mdp.rewards.ravel().tolist() == [0.0, 0.25, 1.0]
        assert mdp.reward_range == (-2.0, 6.0)
        assert mdp.original_return([0.0, 0.75, 3.0]).tolist() == [-6.0, 0.0, 18.0]
    assert TabularMDP(np.ones((1, 1, 1)), [[0.5]], [1.0], 3).original_return(1.5) == 1.5


def test_rows_that_are_off_by_rounding_sum_to_one_exactly_as_samplers_need() -> None:
    row = np.array([0.3, 0.7 + 4e-10])
    mdp = TabularMDP(np.tile(row, (2, 1, 1)).reshape(2, 1, 2), np.zeros((2, 1)), row, 2)
    assert np.abs(mdp.probabilities.sum(axis=-1) - 1).max() < 1e-15
    assert abs(mdp.initial.sum() - 1) < 1e-15
    np.testing.assert_allclose(mdp.initial, row / row.sum(), rtol=1e-15)


def test_only_the_support_is_kept_and_the_fullest_row_sets_its_size() -> None:
    law = np.zeros((4, 2, 4))
    law[..., 3] = 1.0
    assert TabularMDP(law, np.zeros((4, 2)), np.eye(4)[0], 2).probabilities.shape == (1, 4, 2, 1)
    law[2, 1] = [0.5, 0.0, 0.5, 0.0]
    wider = TabularMDP(law, np.arange(32.0).reshape(4, 2, 4) / 31, np.eye(4)[0], 2)
    assert wider.probabilities.shape == (1, 4, 2, 2)
    assert wider.next_states[0, 2, 1].tolist() == [0, 2]
    assert wider.next_states[0, 0, 0].tolist() == [3, 0]
    assert wider.rewards[0, 2, 1].tolist() == [20 / 31, 22 / 31]
    assert wider.rewards[0, 0, 0].tolist() == [3 / 31, 0]


def test_what_an_mdp_says_of_itself():
    assert repr(dense()) == "TabularMDP(n_states=2, n_actions=3, horizon=4)"
    timed = dense(rewards=np.zeros((4, 2, 3)))
    assert repr(timed) == "TabularMDP(n_states=2, n_actions=3, horizon=4, time-dependent)"
    assert (timed.stationary, dense().stationary) == (False, True)


def test_returns_are_rounded_to_the_lattice_only_if_there_is_one():
    mdp = dense(rewards=np.full((2, 3), 0.25))
    assert mdp.on_lattice([0.1 + 0.2, 0.25 + 1e-12, 1.0]).tolist() == [0.25, 0.25, 1.0]
    loose = dense(rewards=np.full((2, 3), math.sqrt(0.5)))
    assert loose.on_lattice([0.1, 0.2]).tolist() == [0.1, 0.2]


def test_the_largest_return_needs_possible_outcomes_and_states_in_reach():
    """State 1 pays most and cannot be reached at first; state 2 never; an outcome without probability pays 1."""
    mdp = TabularMDP.from_outcomes(
        [[[1.0, 0.0]], [[0.5, 0.5]], [[1.0, 0.0]]],
        [[[1, 0]], [[1, 0]], [[2, 0]]],
        [[[0.25, 1.0]], [[0.5, 0.0]], [[1.0, 1.0]]],
        [1.0, 0.0, 0.0],
        3,
    )
    assert mdp.reward_lattice == 4
    assert mdp.largest_return_steps == (0, 1, 3, 5)


@pytest.mark.parametrize("wrong", [-1, 2, 7])
@pytest.mark.parametrize("where", [(0, 0, 0), (1, 2, 1)])
def test_one_stray_state_among_many_is_named(wrong, where):
    nexts = np.zeros((2, 3, 2), dtype=int)
    nexts[where] = wrong
    with pytest.raises(InputError, match=rf"^next_states must be integers from 0 to 1, got {wrong} at \["):
        outcomes(next_states=nexts)


@pytest.mark.parametrize("wrong", [-1e-9, 1 + 1e-9, -7.0, 99.0])
@pytest.mark.parametrize("where", [(0, 0, 0), (1, 2, 1)])
def test_one_reward_outside_among_many_is_named(wrong, where):
    with pytest.raises(InputError, match=r"^rewards must lie in \[0, 1\], got .* at \[" + ", ".join(map(str, where))):
        outcomes(rewards=edited(HALVES, where, wrong))
    assert outcomes(rewards=edited(edited(HALVES, (0, 0, 0), 0.0), (1, 2, 1), 1.0)).rewards.max() == 1


def test_either_of_law_and_rewards_may_have_stages():
    staged_law, staged_pay = np.full((4, 2, 3, 2), 0.5), np.full((4, 2, 3), 0.25)
    for law, pay, stages in (
        (HALVES, staged_pay, 4),
        (staged_law, np.full((2, 3), 0.25), 4),
        (staged_law[:1], HALVES, 1),
    ):
        mdp = dense(transitions=law, rewards=pay)
        assert mdp.probabilities.shape == mdp.rewards.shape == (stages, 2, 3, 2)
