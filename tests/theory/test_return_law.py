"""The law of the return against enumeration of every trajectory."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory.transition_matrices as transition_matrices
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
    policy_value,
    return_distribution,
    return_law,
)
from theory.arrays import FloatArray


def enumerate_returns(mdp: TabularMDP, policy: Policy, theta: FloatArray) -> dict[Fraction, float]:
    """Probability of every return, trajectory by trajectory, in exact arithmetic for the returns."""
    pi = policy.probabilities(theta)
    law: dict[Fraction, float] = defaultdict(float)
    outcomes = list(itertools.product(range(mdp.n_actions), range(mdp.probabilities.shape[-1])))
    for start in range(mdp.n_states):
        for path in itertools.product(outcomes, repeat=mdp.horizon):
            state, probability, total = start, float(mdp.initial[start]), Fraction(0)
            for h, (action, outcome) in enumerate(path):
                where = (h % len(mdp.probabilities), state, action, outcome)
                probability *= float(pi[h % len(pi), state, action] * mdp.probabilities[where])
                total += Fraction(float(mdp.rewards[where])).limit_denominator(1000)
                state = int(mdp.next_states[where])
            law[total] += probability
    return law


def joint() -> TabularMDP:
    """The same successor pays two rewards; one outcome is padding; one state never starts."""
    probabilities = [[[0.5, 0.25, 0.25], [0.2, 0.8, 0.0]], [[1.0, 0.0, 0.0], [0.3, 0.3, 0.4]]]
    next_states = [[[0, 0, 1], [1, 1, 0]], [[0, 0, 0], [1, 1, 0]]]
    rewards = [[[0.0, 1.0, 0.5], [0.25, 1.0, 0.0]], [[0.5, 0.0, 0.0], [0.0, 1.0, 0.75]]]
    return TabularMDP.from_outcomes(probabilities, next_states, rewards, [1.0, 0.0], 3)


def staged() -> TabularMDP:
    rng = np.random.default_rng(6)
    return TabularMDP(rng.dirichlet(np.ones(2), (3, 2, 2)), rng.integers(0, 4, (3, 2, 2, 2)) / 3, [0.3, 0.7], 3)


CASES = [
    pytest.param(joint(), TabularSoftmax(2, 2), id="joint"),
    pytest.param(joint(), TabularSoftmax(2, 2, 3), id="joint-time-dependent"),
    pytest.param(staged(), TabularSoftmax(2, 2, 3), id="staged-time-dependent"),
    pytest.param(staged(), CircularPolicy(2, 2, 1.0), id="staged"),
    pytest.param(garnet(3, 2, 2, 3, np.random.default_rng(1), lattice=6), TabularSoftmax(3, 2), id="garnet"),
]


@pytest.mark.parametrize(("mdp", "policy"), CASES)
def test_law_mean_and_variance_by_enumeration(mdp: TabularMDP, policy: Policy) -> None:
    theta = np.random.default_rng(0).normal(size=policy.dim)
    law = return_distribution(mdp, policy, theta)
    expected = enumerate_returns(mdp, policy, theta)
    found = dict(
        zip((Fraction(v).limit_denominator(1000) for v in law.values.tolist()), law.probabilities, strict=True)
    )
    for value, probability in expected.items():
        if probability > 0:
            assert found.pop(value) == pytest.approx(probability, abs=1e-14)
    assert not any(found.values())
    mean = sum(float(v) * p for v, p in expected.items())
    variance = sum((float(v) - mean) ** 2 * p for v, p in expected.items())
    assert float(law.mean) == pytest.approx(mean, abs=1e-13)
    assert float(law.variance) == pytest.approx(variance, abs=1e-13)


@pytest.mark.parametrize(("mdp", "policy"), CASES)
@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_any_leading_shape_is_a_law_with_the_exact_mean(
    mdp: TabularMDP, policy: Policy, batch: tuple[int, ...]
) -> None:
    theta = np.random.default_rng(2).normal(size=(*batch, policy.dim))
    law = return_distribution(mdp, policy, theta)
    assert law.probabilities.shape == (*batch, law.values.size)
    assert (law.probabilities >= 0).all()
    np.testing.assert_allclose(law.probabilities.sum(axis=-1), 1, rtol=0, atol=1e-13)
    np.testing.assert_allclose(law.mean, policy_value(mdp, policy, theta), rtol=0, atol=1e-13)
    for index in np.ndindex(batch):
        one = return_distribution(mdp, policy, theta[index])
        np.testing.assert_allclose(law.probabilities[index], one.probabilities, rtol=0, atol=1e-15)
        np.testing.assert_allclose(law.variance[index], one.variance, rtol=0, atol=1e-13)


def test_a_batch_cut_into_pieces_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    mdp, policy = staged(), TabularSoftmax(2, 2)
    theta = np.random.default_rng(2).normal(size=(5, 3, policy.dim))
    whole = return_distribution(mdp, policy, theta).probabilities
    monkeypatch.setattr(return_law, "WORKING_SET", 1000)
    np.testing.assert_allclose(return_distribution(mdp, policy, theta).probabilities, whole, rtol=0, atol=1e-15)


def test_sparse_and_dense_kernels_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = TabularSoftmax(5, 3)
    theta = np.random.default_rng(3).normal(size=(2, policy.dim))
    laws = []
    for entries, share in ((10**9, 0.0), (-1, 2.0)):
        monkeypatch.setattr(transition_matrices, "DENSE_ENTRIES", entries)
        monkeypatch.setattr(transition_matrices, "DENSE_SHARE", share)
        mdp = garnet(5, 3, 2, 4, np.random.default_rng(4), lattice=3)
        assert isinstance(mdp.reward_branches[0].successors, np.ndarray) == (entries > 0)
        laws.append(return_distribution(mdp, policy, theta).probabilities)
    np.testing.assert_allclose(laws[0], laws[1], rtol=0, atol=1e-15)


def test_sums_of_bernoulli_rewards_are_binomial() -> None:
    law = return_distribution(bandit([0.3], horizon=6), TabularSoftmax(1, 1), np.zeros(1))
    np.testing.assert_allclose(
        law.probabilities, [math.comb(6, k) * 0.3**k * 0.7 ** (6 - k) for k in range(7)], rtol=1e-13
    )
    assert float(law.variance) == pytest.approx(6 * 0.3 * 0.7, rel=1e-13)


def test_averaging_joint_rewards_keeps_the_value_but_not_the_law() -> None:
    mdp, policy = joint(), TabularSoftmax(2, 2)
    averaged = TabularMDP.from_outcomes(
        mdp.probabilities,
        mdp.next_states,
        np.broadcast_to(mdp.expected_reward[..., None], mdp.rewards.shape),
        mdp.initial,
        mdp.horizon,
    )
    theta = np.zeros(policy.dim)
    assert float(policy_value(averaged, policy, theta)) == pytest.approx(
        float(policy_value(mdp, policy, theta)), abs=1e-14
    )
    laws = [return_distribution(m, policy, theta) for m in (mdp, averaged)]
    assert float(laws[0].variance) > 1.5 * float(laws[1].variance)


def test_largest_rewards_that_no_policy_reaches() -> None:
    """State 2 pays far beyond the reach but is never entered; state 1 pays 1/5, from the second step on."""
    transitions = np.zeros((3, 1, 3))
    transitions[0, 0] = [0.5, 0.5, 0.0]
    transitions[1, 0, 1] = transitions[2, 0, 2] = 1.0
    mdp = TabularMDP(transitions, [[0.0], [0.2], [1.0]], [1.0, 0.0, 0.0], 4)
    assert mdp.reward_lattice == 5
    assert mdp.largest_return_steps == (0, 0, 1, 2, 3)
    law = return_distribution(mdp, TabularSoftmax(3, 1), np.zeros(3))
    np.testing.assert_allclose(law.values, [0.0, 0.2, 0.4, 0.6])
    np.testing.assert_allclose(law.probabilities, [1 / 8, 1 / 8, 1 / 4, 1 / 2], rtol=1e-14)


def test_reach_is_the_maximum_over_policies_not_over_states() -> None:
    assert chain(4, 5).largest_return_steps == (0, 0, 0, 1, 2, 3)
    law = return_distribution(chain(4, 5), TabularSoftmax(4, 2), np.zeros(8))
    assert law.values.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("reward", [math.sqrt(0.5), 1 / 10_007, 0.123456])
def test_an_off_lattice_reward_is_named_with_its_place(reward: float) -> None:
    mdp = TabularMDP([[[0.5, 0.5]], [[1.0, 0.0]]], [[[0.25, 1.0]], [[reward, 0.0]]], [1.0, 0.0], 2)
    assert mdp.reward_lattice is None
    with pytest.raises(
        InputError, match=r"rewards must be multiples of 1/m with m <= 10000 .*; round the rewards"
    ) as e:
        return_distribution(mdp, TabularSoftmax(2, 1), np.zeros(2))
    assert repr(reward) in str(e.value)
    assert "[0, 1, 0, 0]" in str(e.value)
    assert np.isfinite(policy_value(mdp, TabularSoftmax(2, 1), np.zeros(2)))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([(), (1,), (3,), (2, 2)]))
def test_difference_law_is_a_correlation(seed: int, n_returns: int, batch: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.dirichlet(np.ones(n_returns), (2, *batch))
    law = difference_law(first, second)
    assert law.shape == (*batch, 2 * n_returns - 1)
    for index in np.ndindex(batch):
        np.testing.assert_allclose(law[index], np.correlate(first[index], second[index], "full"), atol=1e-15)
    np.testing.assert_allclose(difference_law(second, first), law[..., ::-1], atol=1e-15)


def test_difference_law_broadcasts_one_law_against_many() -> None:
    rng = np.random.default_rng(0)
    many, one = rng.dirichlet(np.ones(4), (3, 2)), rng.dirichlet(np.ones(4))
    for found, pair in (
        (difference_law(many, one), lambda i: (many[i], one)),
        (difference_law(one, many), lambda i: (one, many[i])),
    ):
        for index in np.ndindex(3, 2):
            np.testing.assert_allclose(found[index], np.correlate(*pair(index), "full"), atol=1e-15)


def test_difference_law_is_that_of_independent_returns_by_hand() -> None:
    """R1 is 1 with 3/4, R0 is 1 with 1/3: the difference is +1 with 3/4 * 2/3."""
    np.testing.assert_allclose(
        difference_law(np.array([0.25, 0.75]), np.array([2 / 3, 1 / 3])), [1 / 12, 5 / 12, 1 / 2], rtol=1e-14
    )


def test_laws_of_different_lengths_or_that_are_no_laws_are_refused() -> None:
    with pytest.raises(InputError, match="law and other must have the same length, got 2 and 3; pad the shorter"):
        difference_law(np.full(2, 0.5), np.full(3, 1 / 3))
    for wrong in ([0.5, 0.4], [1.5, -0.5], [math.nan, 1.0]):
        for pair, name in (((wrong, [0.5, 0.5]), "law"), (([0.5, 0.5], wrong), "other")):
            with pytest.raises(InputError, match=f"^{name}"):
                difference_law(*map(np.array, pair))
