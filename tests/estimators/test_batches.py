"""Raters who compare batches of trajectories: the law of mean returns by brute force and by simulation, and ZSPO."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import bdtr, bdtrc

from estimators import PreferenceFeedback, SignFeedback, Sphere, StackedFeedback, Streams, ZerothOrder
from estimators.feedback import preferences
from theory import InputError, Logistic, MajoritySign, TabularMDP, TabularSoftmax, UntilDisagreement, VoteModel, bandit
from theory.return_law import law_of_mean, return_distribution

ARMS = bandit((0.2, 0.5, 0.9), horizon=2)
POLICY = TabularSoftmax(ARMS.n_states, ARMS.n_actions)
FIRST, SECOND = np.array([0.3, -0.2, 0.4]), np.array([0.0, 0.1, 0.0])
SIGMAS = 5.5  # false alarm below 4e-8 a value


def brute_difference_law(size: int) -> dict[float, float]:
    """Law of the difference of the means of two batches: all tuples of returns."""
    laws = [return_distribution(ARMS, POLICY, theta) for theta in (FIRST, SECOND)]
    values, found = laws[0].values, {}
    for returns in product(range(len(values)), repeat=2 * size):
        one, other = returns[:size], returns[size:]
        weight = np.prod([laws[0].probabilities[k] for k in one]) * np.prod([laws[1].probabilities[k] for k in other])
        gap = round(float(values[list(one)].mean() - values[list(other)].mean()), 9)
        found[gap] = found.get(gap, 0.0) + float(weight)
    return found


@pytest.mark.parametrize("size", [1, 2, 3])
def test_law_of_the_difference_of_mean_returns(size: int) -> None:
    oracle = PreferenceFeedback(np.array(4.0), "law", VoteModel(Logistic(0.5), 3), batch_size=size)
    law, table = oracle.law(ARMS, POLICY, FIRST, SECOND), oracle.table(ARMS)
    by_hand = brute_difference_law(size)
    found = {round(float(x), 9): p for x, p in zip(table.differences, law, strict=True)}
    for gap, weight in found.items():
        assert weight == pytest.approx(by_hand.get(gap, 0.0), abs=1e-14)
    assert set(by_hand) <= set(found)


def test_law_of_a_mean_keeps_the_mean_and_divides_the_variance() -> None:
    law = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])
    x, fine = np.arange(3.0), np.arange(2 * 25 + 1) / 25
    found = law_of_mean(law, 25)
    assert_allclose(found @ fine, law @ x, rtol=1e-12)
    assert_allclose(found @ fine**2 - (found @ fine) ** 2, (law @ x**2 - (law @ x) ** 2) / 25, rtol=1e-10)
    assert (found >= 0).all()
    assert_allclose(law_of_mean(law, 1), law, atol=1e-15)


@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize(
    "votes", [VoteModel(Logistic(0.5), 3), UntilDisagreement(Logistic(0.5))], ids=["fixed", "until"]
)
def test_simulated_batches_follow_the_exact_moments(common: bool, votes: VoteModel | UntilDisagreement) -> None:
    """4,000 estimates of each sampler. A mean over pairs of single trajectories has another variance, and is caught."""
    theta = np.broadcast_to(SECOND, (4000, 3))
    first = np.broadcast_to(FIRST, (4000, 3))
    for sampler in ("law", "rollout"):
        oracle = PreferenceFeedback(
            np.array(2.0),
            sampler,
            votes,
            common_random_numbers=common,
            batch_size=3,  # type: ignore[arg-type]
        )
        exact = oracle.moments(ARMS, POLICY, FIRST, SECOND)
        variance = float(exact.variance_trajectory + exact.variance_query)
        drawn = oracle.difference(ARMS, POLICY, first, theta, Streams.of(np.random.default_rng(1)))
        assert abs(drawn.mean() - exact.mean) <= SIGMAS * np.sqrt(variance / len(drawn)), sampler
        assert drawn.var() == pytest.approx(variance, rel=0.15), sampler


def test_costs() -> None:
    batches = ZerothOrder(Sphere(), SignFeedback(1, 5, batch_size=25), 0.1)
    assert (float(batches.n_trajectories), float(batches.n_votes)) == (50, 5)
    stacked = StackedFeedback((preferences(2, 5, Logistic()),) * 2)
    assert stacked.batch_size.tolist() == [[1], [1]]


def test_the_sign_of_a_large_batch_shows_the_better_mean() -> None:
    """A sure 0.6 against 1 with probability 0.55: single returns mislead the majority, means of many do not.

    Exact: infinitely many raters prefer the risky arm with probability P(mean of D > 0.6).
    """
    law, rewards = [[[1.0, 0.0], [0.45, 0.55]]], [[[0.6, 0.0], [0.0, 1.0]]]
    risky = TabularMDP.from_outcomes(law, np.zeros((1, 2, 2), dtype=np.int64), rewards, [1.0], 1)
    policy, sure = TabularSoftmax(1, 2), np.array([40.0, -40.0])
    for size in (1, 5, 25, 125):
        signs = SignFeedback(1, np.inf, Logistic(0.1), batch_size=size)
        mean = float(signs.moments(risky, policy, -sure, sure).mean)
        above, below = bdtrc(0.6 * size + 1e-9, size, 0.55), bdtr(0.6 * size - 1e-9, size, 0.55)
        assert mean == pytest.approx(above - below, abs=1e-12)
        assert (mean > 0) == (size == 1)


@pytest.mark.parametrize("size", [None, 2, 1])
def test_batches_of_an_oracle_keep_its_trajectories_and_votes(size: int | None) -> None:
    """2 N trajectories and N M votes, whatever the size; 4,000 signs of either sampler have the exact mean."""
    oracle = preferences(6, 3, Logistic(0.5))
    grouped = oracle.as_batches(size)
    assert (grouped.batch_size, float(grouped.n_pairs)) == (size or 6, 6 / (size or 6))
    assert grouped.votes == VoteModel(Logistic(0.5), 3 * (size or 6), MajoritySign())
    costs = ZerothOrder(Sphere(), grouped, 0.1)
    assert (float(costs.n_trajectories), float(costs.n_votes)) == (12, 18)
    exact = grouped.moments(ARMS, POLICY, FIRST, SECOND)
    variance = float(exact.variance_trajectory + exact.variance_query)
    both = np.broadcast_to(FIRST, (4000, 3)), np.broadcast_to(SECOND, (4000, 3))
    for drawn_by in (grouped, replace(grouped, sampler="rollout")):
        drawn = drawn_by.difference(ARMS, POLICY, *both, Streams.of(np.random.default_rng(1)))
        assert abs(drawn.mean() - exact.mean) <= SIGMAS * np.sqrt(variance / len(drawn))
        assert drawn.var() == pytest.approx(variance, rel=0.15)
    with pytest.raises(InputError, match="size must divide the number of pairs, 6, got 4"):
        oracle.as_batches(4)


def test_members_may_have_batches_of_different_sizes() -> None:
    """ZSPO with several N side by side: laws, costs and expected votes of each are its own."""
    oracles = tuple(preferences(n, 3, Logistic(0.5)) for n in (1, 4))
    stacked = StackedFeedback(oracles).as_batches()
    first, second = (np.broadcast_to(end, (2, 5, 3)) for end in (FIRST, SECOND))
    found = stacked.moments(ARMS, POLICY, first, second)
    for k, oracle in enumerate(oracles):
        alone = oracle.as_batches().moments(ARMS, POLICY, FIRST, SECOND)
        assert_allclose(found.mean[k], alone.mean, rtol=1e-12)
        assert_allclose(found.variance_query[k], alone.variance_query, rtol=1e-12)
    estimator = ZerothOrder(Sphere(), stacked, 0.1)
    assert estimator.n_trajectories.tolist() == [[2], [8]]
    assert estimator.n_votes.tolist() == [[3], [12]]
    assert_allclose(stacked.expected_votes(ARMS, POLICY, first, second), [[3] * 5, [12] * 5])
    drawn = stacked.difference(ARMS, POLICY, first, second, Streams.of(np.random.default_rng(0)))
    assert set(np.unique(drawn)) <= {-1.0, 0.0, 1.0}


def test_bad_batch_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="batch_size must be an integer"):
        SignFeedback(1, 5, batch_size=0)
    for endless in (preferences(np.inf, 5, Logistic()), preferences([2, 3], 5, Logistic())):
        with pytest.raises(InputError, match="n_pairs must be one finite number to make batches"):
            endless.as_batches()
