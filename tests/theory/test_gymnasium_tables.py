"""Gymnasium's tables, against the numbers measured once and against recursions over the raw table itself."""

import subprocess
import sys
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest

from theory.errors import InputError
from theory.gymnasium_tables import from_gymnasium
from theory.mdp_families import gridworld
from theory.policies import TabularSoftmax
from theory.return_law import return_distribution
from theory.values import optimal_value, policy_gradient, policy_value

MODELS = [
    ("FrozenLake-v1", {"map_name": "8x8"}),
    ("FrozenLake-v1", {"desc": ["SFF", "FHG"], "is_slippery": True}),
    ("CliffWalking-v1", {}),
    ("CliffWalking-v1", {"is_slippery": True}),
    ("Taxi-v4", {}),
    ("Taxi-v4", {"is_rainy": True}),
]


def uniform(mdp):
    policy = TabularSoftmax(mdp.n_states, mdp.n_actions)
    return policy, np.zeros(policy.dim)


def raw_recursion(env_id, kwargs, horizon):
    """Optimum, and mean and second moment of the return of the uniform policy, in the environment's own unit."""
    env = gymnasium.make(env_id, **kwargs)
    table, start = env.unwrapped.P, env.unwrapped.initial_state_distrib
    env.close()
    n = len(table)
    best, mean, square = np.zeros(n), np.zeros(n), np.zeros(n)
    for _ in range(horizon):
        q = np.zeros((3, n, len(table[0])))
        for s, actions in table.items():
            for a, outcomes in actions.items():
                for p, s2, r, done in outcomes:
                    later = (0, 0, 0) if done else (best[s2], mean[s2], square[s2])
                    q[:, s, a] += p * np.array([r + later[0], r + later[1], r * r + 2 * r * later[1] + later[2]])
        best, mean, square = q[0].max(axis=1), q[1].mean(axis=1), q[2].mean(axis=1)
    return start @ best, start @ mean, start @ square


@pytest.mark.parametrize(
    ("slippery", "value", "optimum", "gradient_norm"),
    [
        (True, 0.01244482429228811, 0.19913270083486317, 0.006030004851263581),
        (False, 0.01244482429228811, 1.0, 0.018090014553790734),
    ],
)
def test_frozen_lake_facts(slippery, value, optimum, gradient_norm):
    mdp = from_gymnasium("FrozenLake-v1", 20, is_slippery=slippery)
    policy, theta = uniform(mdp)
    assert (mdp.n_states, mdp.n_actions, mdp.reward_range) == (16, 4, (0.0, 1.0))
    assert mdp.reward_lattice == 1
    assert policy_value(mdp, policy, theta) == pytest.approx(value, abs=1e-12)
    assert optimal_value(mdp) == pytest.approx(optimum, abs=1e-12)
    assert np.linalg.norm(policy_gradient(mdp, policy, theta)) == pytest.approx(gradient_norm, abs=1e-12)


@pytest.mark.parametrize("name", ["4x4", "8x8"])
@pytest.mark.parametrize("slip", [0.0, 2 / 3])
def test_frozen_lake_is_a_gridworld(name, slip):
    cells = [row.replace("F", ".") for row in gymnasium.envs.toy_text.frozen_lake.MAPS[name]]
    grid = gridworld(cells, 30, slip)
    lake = from_gymnasium("FrozenLake-v1", 30, map_name=name, is_slippery=slip > 0)
    policy = TabularSoftmax(lake.n_states, 4)
    theta = np.sin(np.arange(policy.dim))
    np.testing.assert_allclose(policy_gradient(grid, policy, theta), policy_gradient(lake, policy, theta), atol=1e-13)
    assert policy_value(grid, policy, theta) == pytest.approx(float(policy_value(lake, policy, theta)), rel=1e-12)
    assert optimal_value(grid) == pytest.approx(optimal_value(lake), rel=1e-12)


@pytest.mark.parametrize(("env_id", "kwargs"), MODELS)
def test_values_agree_with_a_recursion_over_the_raw_table(env_id, kwargs):
    mdp = from_gymnasium(env_id, 15, **kwargs)
    best, mean, _ = raw_recursion(env_id, kwargs, 15)
    assert mdp.original_return(optimal_value(mdp)) == pytest.approx(best, abs=1e-9)
    assert mdp.original_return(policy_value(mdp, *uniform(mdp))) == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize(("env_id", "kwargs"), MODELS)
def test_the_law_of_the_return_is_an_affine_image_of_the_original(env_id, kwargs):
    mdp = from_gymnasium(env_id, 6, **kwargs)
    _, mean, square = raw_recursion(env_id, kwargs, 6)
    law = return_distribution(mdp, *uniform(mdp))
    width = mdp.reward_range[1] - mdp.reward_range[0]
    assert law.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert mdp.original_return(law.mean) == pytest.approx(mean, abs=1e-9)
    assert width**2 * law.variance == pytest.approx(square - mean**2, rel=1e-9)


@pytest.mark.parametrize("horizon", [13, 40])
def test_cliff_walking_optimum_in_its_own_unit(horizon):
    mdp = from_gymnasium("CliffWalking-v1", horizon)
    assert mdp.reward_range == (-100.0, 0.0)
    assert mdp.original_return(optimal_value(mdp)) == pytest.approx(-13, abs=1e-9)


def test_cliff_walking_cut_short_pays_every_step():
    mdp = from_gymnasium("CliffWalking-v1", 12)
    assert mdp.original_return(optimal_value(mdp)) == pytest.approx(-12, abs=1e-9)


def test_slippery_cliff_walking_keeps_both_rewards_of_one_successor():
    mdp = from_gymnasium("CliffWalking-v1", 20, is_slippery=True)
    live = mdp.probabilities[0] > 0
    paid = {}
    for s, a, k in np.argwhere(live):
        paid.setdefault((s, a, mdp.next_states[0, s, a, k]), set()).add(round(100 * mdp.rewards[0, s, a, k] - 100))
    both = [key for key, rewards in paid.items() if rewards == {-1, -100}]
    assert len(both) == 6
    assert mdp.reward_lattice == 100


def test_repeated_outcomes_are_one():
    mdp = from_gymnasium("FrozenLake-v1", 5)
    # In the corner left and down (or left and up) both stay.
    assert (mdp.probabilities[0, 0, 0] > 0).sum() == 2
    assert sorted(mdp.probabilities[0, 0, 0])[-2:] == pytest.approx([1 / 3, 2 / 3], rel=1e-15)
    assert mdp.probabilities.sum(axis=-1) == pytest.approx(1, abs=1e-15)


def test_rounded_probabilities_are_normalised(monkeypatch):
    table = {0: {0: [(0.333, 0, 0.0, False), (0.333, 1, 1.0, True), (0.333, 1, 0.5, True)]}, 1: {0: [(1, 1, 0, True)]}}
    model = SimpleNamespace(P=table, initial_state_distrib=[0.999, 0.0])
    monkeypatch.setattr(gymnasium, "make", lambda _: SimpleNamespace(unwrapped=model, close=lambda: None))
    mdp = from_gymnasium("Rounded-v0", 1)
    np.testing.assert_allclose(mdp.probabilities[0, 0, 0], 1 / 3, rtol=1e-15)
    np.testing.assert_array_equal(mdp.initial, [1, 0])
    assert optimal_value(mdp) == pytest.approx(0.5, rel=1e-15)


@pytest.mark.parametrize(("env_id", "n_states"), [("CliffWalking-v1", 49), ("Taxi-v4", 501)])
def test_terminals_that_do_not_absorb_lead_to_one_more_state(env_id, n_states):
    mdp = from_gymnasium(env_id, 5)
    end = n_states - 1
    assert mdp.n_states == n_states
    assert mdp.initial[end] == 0
    live = mdp.probabilities[0, end] > 0
    assert (mdp.next_states[0, end][live] == end).all()
    low, high = mdp.reward_range
    np.testing.assert_allclose(low + (high - low) * mdp.rewards[0, end][live], 0, atol=1e-13)


def test_taxi_rewards_lie_on_one_lattice():
    mdp = from_gymnasium("Taxi-v4", 5)
    assert mdp.reward_range == (-10.0, 20.0)
    assert mdp.reward_lattice == 30


def test_fickle_passenger_is_refused():
    with pytest.raises(InputError, match=r"^fickle_passenger must be False, got True: .*outside the table P"):
        from_gymnasium("Taxi-v4", 5, fickle_passenger=True)


@pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        ("NoSuchLake-v1", {}),
        ("no such name", {}),
        ("no_such_module:Lake-v1", {}),
        ("FrozenLake-v1", {"no_such_option": 1}),
        ("FrozenLake-v1", {"map_name": "9x9"}),
    ],
)
def test_environments_that_cannot_be_made_are_refused_in_one_line(env_id, kwargs):
    with pytest.raises(InputError, match=r"^env_id and its options must be ones Gymnasium can make, got ") as caught:
        from_gymnasium(env_id, 5, **kwargs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Blackjack-v1"])
def test_environments_without_a_table_are_refused(env_id):
    said = (
        rf"^env_id must name an environment with a table P and an initial_state_distrib, got '{env_id}'; try FrozenLake"
    )
    with pytest.raises(InputError, match=said):
        from_gymnasium(env_id, 5)


def test_the_environment_is_closed_even_when_refused(monkeypatch):
    closed = []
    make = gymnasium.make

    def watched(*arguments, **kwargs):
        env = make(*arguments, **kwargs)
        monkeypatch.setattr(env, "close", lambda: closed.append(env.spec.id), raising=False)
        return env

    monkeypatch.setattr(gymnasium, "make", watched)
    from_gymnasium("FrozenLake-v1", 5)
    with pytest.raises(InputError):
        from_gymnasium("CartPole-v1", 5)
    assert closed == ["FrozenLake-v1", "CartPole-v1"]


def test_importing_theory_does_not_import_gymnasium():
    script = "import sys, theory, theory.gymnasium_tables; sys.exit('gymnasium' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def told(monkeypatch, table, start):
    model = SimpleNamespace(P=table, initial_state_distrib=start)
    monkeypatch.setattr(gymnasium, "make", lambda _: SimpleNamespace(unwrapped=model, close=lambda: None))
    return from_gymnasium("Told-v0", 2)


def test_outcomes_without_probability_are_no_outcomes(monkeypatch):
    """They would end elsewhere, pay otherwise, and keep the last state from being absorbing."""
    table = {
        0: {0: [(1.0, 1, 1.0, True), (0.0, 0, -5.0, True)]},
        1: {0: [(0.0, 0, 1.0, False), (1.0, 1, 0.0, True), (0.0, 1, 7.0, False)]},
    }
    mdp = told(monkeypatch, table, [1.0, 0.0])
    assert mdp.probabilities.shape == (1, 2, 1, 1)
    assert mdp.next_states.ravel().tolist() == [1, 1]
    assert mdp.rewards.ravel().tolist() == [1.0, 0.0]
    assert mdp.reward_range == (0.0, 1.0)


@pytest.mark.parametrize(
    ("rewards", "limits"),
    [((0.2, 0.8), (0.0, 1.0)), ((0.5, 2.0), (0.0, 2.0)), ((-0.5, 0.5), (-0.5, 0.5)), ((-3.0, -1.0), (-3.0, 0.0)),
     ((-1.0, 3.0), (-1.0, 3.0)), ((0.0, 1.0), (0.0, 1.0))],
)  # fmt: skip
def test_only_rewards_outside_the_unit_interval_are_mapped(monkeypatch, rewards, limits):
    table = {0: {a: [(1.0, 0, reward, True)] for a, reward in enumerate(rewards)}}
    mdp = told(monkeypatch, table, [1.0])
    assert mdp.reward_range == limits
    assert (mdp.n_states, mdp.n_actions) == (2, 2)  # the end of the episode is a state of its own
    assert mdp.initial.tolist() == [1.0, 0.0]
    paid = mdp.rewards[0, 0, :, 0] * (limits[1] - limits[0]) + limits[0]
    np.testing.assert_allclose(paid, rewards, atol=1e-15)
    assert mdp.original_return(0) == 2 * limits[0]
    assert optimal_value(mdp) == pytest.approx((max(rewards) - 2 * limits[0]) / (limits[1] - limits[0]), rel=1e-14)


def test_the_range_holds_0_also_where_nothing_pays_0(monkeypatch):
    """One state without an end: no outcome pays 0, and none is added."""
    for rewards, limits in (((0.5, 2.0), (0.0, 2.0)), ((-2.0, -0.5), (-2.0, 0.0)), ((0.5, 0.75), (0.0, 1.0))):
        table = {0: {a: [(1.0, 0, reward, False)] for a, reward in enumerate(rewards)}}
        mdp = told(monkeypatch, table, [1.0])
        assert mdp.n_states == 1
        assert mdp.reward_range == limits
