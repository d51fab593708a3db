"""Votes drawn one by one against their exact law: readings, costs, and pairs in random order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from estimators import PreferenceFeedback, Sphere, StackedFeedback, Streams, ZerothOrder
from estimators.feedback import preferences
from estimators.vote_draws import read_votes, vote_runs, vote_shares
from theory import (
    CircularPolicy,
    ComplementaryLogLog,
    HaldaneAnscombe,
    InputError,
    Logistic,
    Probit,
    UntilDisagreement,
    VoteModel,
    chain,
)
from theory.votes import bias_at

MDP = chain(3, 4)
POLICY = CircularPolicy(MDP.n_states, MDP.n_actions, 1.0)
DRAWS = 200_000
# A bound of 5.5 standard errors: false alarm below 4e-8 a value.
SIGMAS = 5.5

MODELS = {
    "until, logistic": UntilDisagreement(Logistic(2.0)),
    "until, cloglog": UntilDisagreement(ComplementaryLogLog(4.0)),
    "until, cap 3": UntilDisagreement(Probit(3.0), cap=3),
    "until, other raters": UntilDisagreement(Logistic(2.0), rater_link=Probit(3.0)),
    "random order": VoteModel(ComplementaryLogLog(4.0), 3, random_order=True),
    "random order, no end": VoteModel(
        Logistic(2.0), np.inf, HaldaneAnscombe(), ComplementaryLogLog(4.0), random_order=True
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_drawn_readings_follow_the_table(name: str) -> None:
    """Misses a shift of the mean below about 1% of the standard deviation of a reading."""
    model = MODELS[name]
    table = model.table(MDP)
    differences = np.repeat(table.differences[:, None], DRAWS // 8, axis=1)
    drawn = read_votes(model, differences, MDP.horizon, np.random.default_rng(3)).values
    error = np.sqrt(table.variance / differences.shape[1])
    assert (np.abs(drawn.mean(axis=1) - table.mean) <= SIGMAS * error + 1e-12).all()
    spread = drawn.var(axis=1) / np.where(table.variance > 0, table.variance, 1)
    assert_allclose(spread, table.variance > 0, atol=0.15)
    assert set(np.unique(drawn.round(9))) <= set(np.unique(table.outcomes.round(9)))


def literal_run(p: float, cap: int | None, rng: np.random.Generator) -> tuple[bool, int, int]:
    """Ask one rater after the other: the first vote, how many agree, and how many were asked."""
    first = rng.random() < p
    run = asked = 1
    while cap is None or asked < cap:
        asked += 1
        if (rng.random() < p) != first:
            break
        run += 1
    return first, run, asked


@pytest.mark.parametrize("cap", [None, 2, 4])
def test_runs_are_those_of_raters_asked_one_after_the_other(cap: int | None) -> None:
    """Two simulations that share nothing but p. A bound of 5.5 standard errors a cell."""
    model, delta, n = UntilDisagreement(Logistic(2.0), cap), 2.0, 40_000
    p = float(Logistic(2.0).probability(delta))
    rng = np.random.default_rng(4)
    literal = [literal_run(p, cap, rng) for _ in range(n)]
    for_first, run, counted = vote_runs(model, np.full(n, delta), rng)
    for side in (True, False):
        for k in (1, 2, 3, 4):
            one = np.mean([first == side and length == k for first, length, _ in literal])
            two = np.mean((for_first == side) & (run == k))
            assert abs(one - two) <= SIGMAS * np.sqrt(2 * max(one, 1e-4) / n)
    (votes,) = model.table(MDP).votes[model.table(MDP).differences == delta]
    asked = np.array([count for _, _, count in literal])
    assert abs(asked.mean() - votes) <= SIGMAS * asked.std() / np.sqrt(n) + 1e-12
    assert abs(counted.mean() - votes) <= SIGMAS * asked.std() / np.sqrt(n) + 1e-12


def test_random_order_removes_the_offset_of_a_link_that_is_not_symmetric() -> None:
    plain = VoteModel(ComplementaryLogLog(4.0), 5)
    swapped = replace(plain, random_order=True)
    offset = plain.table(MDP).mean[len(plain.table(MDP).mean) // 2]
    assert abs(offset) > 0.05
    table = swapped.table(MDP)
    assert_allclose(table.mean, -table.mean[::-1], atol=1e-14)
    assert_allclose(table.bias, bias_at(swapped, table.differences, MDP.horizon), atol=1e-13)
    # The mean is the odd part of the reading in fixed order, and no votes are added.
    assert_allclose(table.mean, (plain.table(MDP).mean - plain.table(MDP).mean[::-1]) / 2, atol=1e-14)
    assert (table.votes == 5).all()


def test_random_order_changes_nothing_under_a_symmetric_link() -> None:
    plain = VoteModel(Logistic(2.0), 4)
    one, other = plain.table(MDP), replace(plain, random_order=True).table(MDP)
    assert_allclose(other.mean, one.mean, atol=1e-13)
    assert_allclose(other.variance, one.variance, atol=1e-12)
    exact = VoteModel(Logistic(2.0), np.inf)
    assert replace(exact, random_order=True).table(MDP).probabilities is None


@pytest.mark.parametrize("sampler", ["law", "rollout"])
def test_an_estimate_of_either_sampler_has_the_exact_moments(sampler: str) -> None:
    """Mean and mean square of 4,000 estimates within 5.5 standard errors."""
    oracle = PreferenceFeedback(np.array(8.0), sampler, MODELS["until, logistic"])  # type: ignore[arg-type]
    theta = np.broadcast_to(np.linspace(0.2, 1.2, POLICY.dim), (4000, POLICY.dim))
    first = theta + 0.3 * np.eye(POLICY.dim)[0]

    drawn = oracle.difference(MDP, POLICY, first, theta, Streams.of(np.random.default_rng(5)))
    exact = oracle.moments(MDP, POLICY, first[0], theta[0])
    variance = exact.variance_trajectory + exact.variance_query
    assert exact.mean == pytest.approx(float(exact.exact), abs=1e-12)
    assert abs(drawn.mean() - exact.mean) <= SIGMAS * np.sqrt(variance / len(drawn))
    assert drawn.var() == pytest.approx(float(variance), rel=0.15)


def test_methods_that_need_shares_refuse_what_has_none() -> None:
    until = preferences(4, 5, Logistic(2.0)).until_disagreement()
    assert until.votes == UntilDisagreement(Logistic(2.0))
    rng = np.random.default_rng(0)
    for use in (lambda: until.shares(np.zeros(3), rng), lambda: until.reading(HaldaneAnscombe())):
        with pytest.raises(InputError, match="votes must be a VoteModel, with a fixed number of votes"):
            use()
    with pytest.raises(InputError, match="votes must be shown in a fixed order"):
        vote_shares(VoteModel(Logistic(2.0), 5, random_order=True), np.zeros(3), rng)


def test_expected_votes_of_an_estimate() -> None:
    """By hand: all pairs of returns with their probabilities, three votes where they are equal."""
    oracle = preferences(7, 5, Logistic(2.0)).until_disagreement()
    theta = np.linspace(0.2, 1.2, POLICY.dim)
    law, table = oracle.law(MDP, POLICY, theta, theta), oracle.table(MDP)
    by_hand = 7 * sum(
        weight * (1 + p / (1 - p) + (1 - p) / p)
        for weight, p in zip(law, Logistic(2.0).probability(table.differences), strict=True)
    )
    assert oracle.expected_votes(MDP, POLICY, theta, theta) == pytest.approx(by_hand, rel=1e-12)
    fixed = preferences(7, 5, Logistic(2.0))
    assert fixed.expected_votes(MDP, POLICY, theta, theta) == pytest.approx(35)
    assert ZerothOrder(Sphere(), oracle, 0.1).n_votes == pytest.approx(21)


def test_expected_votes_of_members_side_by_side_are_those_of_each() -> None:
    """A stacked oracle keeps the members apart, whatever their pairs and however they are asked."""
    members = (preferences(7, 5, Logistic(2.0)), preferences(3, 2, Logistic(2.0)))
    theta = np.broadcast_to(np.linspace(0.2, 1.2, POLICY.dim), (2, 4, POLICY.dim))
    first = theta + 0.3
    until = StackedFeedback(members).until_disagreement()
    for stacked in (StackedFeedback(members), until, StackedFeedback(members).in_random_order()):
        found = stacked.expected_votes(MDP, POLICY, first, theta)
        for k, member in enumerate(stacked.members):
            assert_allclose(found[k], member.expected_votes(MDP, POLICY, first[k], theta[k]), rtol=1e-12)
    assert (until.expected_votes(MDP, POLICY, first, theta)[0] > 7 * 3).all()
