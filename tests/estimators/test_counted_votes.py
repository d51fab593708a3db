"""Votes counted where they are drawn: their mean is the expected number, run by run, under both samplers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from estimators import PreferenceFeedback, Sphere, StackedFeedback, Streams, ZerothOrder, ascend
from estimators.feedback import preferences
from estimators.vote_draws import Readings
from theory import Logistic, TabularSoftmax, UntilDisagreement, VoteModel, bandit

MDP = bandit((0.2, 0.5, 0.9), horizon=2)
POLICY = TabularSoftmax(MDP.n_states, MDP.n_actions)
FIRST, SECOND = np.array([0.9, -0.2, 0.4]), np.array([-0.5, 0.1, 0.6])
N, RUNS = 6, 2000
SIGMAS = 5.5  # false alarm below 4e-8 a value; a count 6% off is missed in fewer than 1 of 1000


def until(sampler: str = "law", n_pairs: float = N, cap: int | None = None) -> PreferenceFeedback:
    return PreferenceFeedback(np.asarray(n_pairs), sampler, UntilDisagreement(Logistic(0.7), cap))  # type: ignore[arg-type]


def counted(feedback: Any, seed: int = 0) -> np.ndarray:
    """Votes of 2,000 estimates of one difference."""
    streams, first = Streams.of(np.random.default_rng(seed)), np.broadcast_to(FIRST, (RUNS, 3))
    streams = replace(streams, tally=replace(streams.tally, batch=(RUNS,)))
    feedback.difference(MDP, POLICY, first, np.broadcast_to(SECOND, (RUNS, 3)), streams)
    assert streams.tally.votes is not None
    return streams.tally.votes


def is_the_expected_number(votes: np.ndarray, feedback: PreferenceFeedback) -> bool:
    expected = float(feedback.expected_votes(MDP, POLICY, FIRST, SECOND))
    return abs(votes.mean() - expected) <= SIGMAS * votes.std(ddof=1) / math.sqrt(len(votes)) + 1e-9


@pytest.mark.parametrize("sampler", ["law", "rollout"])
@pytest.mark.parametrize("cap", [None, 3])
def test_the_mean_count_is_the_expected_number(sampler: str, cap: int | None) -> None:
    feedback = until(sampler, cap=cap)
    votes = counted(feedback)
    assert votes.std() > 0.2
    assert (votes >= 2 * N).all()
    assert is_the_expected_number(votes, feedback)


class CountsPanels(PreferenceFeedback):
    """The fault: a panel counts as one vote, or as the number that pairs of equal returns would need."""

    each = 1.0

    def read(self, *arguments: Any) -> Readings:
        read = super().read(*arguments)
        return read._replace(votes=np.full_like(read.values, self.each))


@pytest.mark.parametrize("each", [1.0, 3.0])
def test_panels_counted_in_place_of_votes_are_seen(each: float) -> None:
    wrong = CountsPanels(np.asarray(N), "rollout", UntilDisagreement(Logistic(0.7)))
    object.__setattr__(wrong, "each", each)
    assert not is_the_expected_number(counted(wrong), wrong)


@pytest.mark.parametrize("n_directions", [1, 3])
def test_an_ascent_counts_what_each_of_its_runs_asks(n_directions: int) -> None:
    """With a step so small that the policy stays, T estimates have the expected number of votes each."""
    estimator = ZerothOrder(Sphere(), until(), 0.5, n_directions=n_directions)
    start, rng = np.broadcast_to(SECOND, (400, 3)), np.random.default_rng(1)
    run = ascend(MDP, POLICY, estimator, start, 4, 1e-12, rng)
    assert run.n_votes.shape == (400,)
    expected = 4 * float(estimator.expected_votes(MDP, POLICY, SECOND, rng))
    assert abs(run.n_votes.mean() - expected) <= SIGMAS * run.n_votes.std(ddof=1) / 20
    assert expected > float(4 * estimator.n_votes), "that of equal returns is the least"


def test_a_fixed_number_is_counted_as_stated() -> None:
    plain = ascend(
        MDP, POLICY, ZerothOrder(Sphere(), preferences(N, 5, Logistic()), 0.5), np.zeros((2, 3)), 3, 0.1, rng()
    )
    assert float(plain.n_votes) == 3 * N * 5
    endless = PreferenceFeedback(np.array([[4.0], [math.inf]]), "law", VoteModel(Logistic(), 5))
    found = ascend(MDP, POLICY, ZerothOrder(Sphere(), endless, 0.5), np.zeros((2, 3, 3)), 2, 0.1, rng())
    assert_allclose(np.broadcast_to(found.n_votes, (2, 3)), [[40] * 3, [math.inf] * 3])


def test_members_side_by_side_count_their_own() -> None:
    members = StackedFeedback((until(n_pairs=4), until(n_pairs=400)))
    run = ascend(MDP, POLICY, ZerothOrder(Sphere(), members, 0.5), np.zeros((2, 50, 3)), 2, 0.1, rng())
    few, many = run.n_votes.mean(axis=1)
    assert many == pytest.approx(100 * few, rel=0.2)


def rng() -> np.random.Generator:
    return np.random.default_rng(2)
