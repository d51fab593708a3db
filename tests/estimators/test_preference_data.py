"""Visits and votes: against plain loops, the law of the votes, and the streams they come from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from estimators import PreferenceData, PreferenceFeedback, Streams
from estimators.preference_data import PreferenceBuffer, collect
from estimators.rollouts import sample_trajectories
from estimators.visits import visit_counts, visit_sums
from theory import InputError, Logistic, MajoritySign, TabularSoftmax, VoteModel, garnet

MDP = garnet(4, 3, 2, 5, np.random.default_rng(3), lattice=2)
POLICY = TabularSoftmax(4, 3)
THETA = np.random.default_rng(1).standard_normal((2, 3, POLICY.dim))
LINK = Logistic(2.0)


def oracle(n_pairs: int = 7, n_queries: float = 5) -> PreferenceFeedback:
    return PreferenceFeedback(np.asarray(n_pairs), "law", VoteModel(LINK, n_queries))


@pytest.mark.parametrize("n_stages", [1, 5])
def test_visits_are_those_of_a_plain_loop(n_stages: int) -> None:
    sampled = sample_trajectories(MDP, POLICY, THETA, 4, np.random.default_rng(0))
    weights = np.random.default_rng(1).random(sampled.states.shape)
    counts = np.zeros((2, 3, 4, n_stages, 4, 3))
    sums = np.zeros((2, 3, n_stages, 4, 3))
    for h, i, j, n in np.ndindex(sampled.states.shape):
        cell = (h % n_stages, sampled.states[h, i, j, n], sampled.actions[h, i, j, n])
        counts[(i, j, n, *cell)] += 1
        sums[(i, j, *cell)] += weights[h, i, j, n]
    np.testing.assert_array_equal(visit_counts(MDP, sampled, n_stages), counts)
    np.testing.assert_allclose(visit_sums(MDP, sampled, n_stages, weights), sums, rtol=1e-13)


def test_with_infinitely_many_votes_the_share_is_the_link_at_the_difference_of_returns() -> None:
    """Rewards of a garnet are those of state and action, so the visits tell the difference of the returns."""
    data = collect(MDP, POLICY, THETA, oracle(n_queries=math.inf), 1, Streams.of(np.random.default_rng(0)))
    gaps = data.visits @ MDP.expected_reward.ravel()
    np.testing.assert_allclose(data.shares, LINK.probability(gaps), rtol=1e-12)
    assert data.visits.shape == (2, 3, 7, 12)
    np.testing.assert_array_equal(data.visits.sum(axis=-1), 0)


def test_shares_follow_their_law() -> None:
    """Mean share less its expectation: Hoeffding, false-alarm rate 1e-6; sees a bias of 0.02 with miss rate 1e-6."""
    feedback, n = oracle(100_000, 3), 100_000
    data = collect(MDP, POLICY, THETA[0, 0], feedback, 1, Streams.of(np.random.default_rng(0)))
    expected = LINK.probability(data.visits @ MDP.expected_reward.ravel())
    bound = math.sqrt(math.log(2 / 1e-6) / (2 * n))
    assert bound < 0.01
    assert abs((data.shares - expected).mean()) < bound
    # Votes for the other trajectory would be told apart: they tend the opposite way on uneven pairs.
    uneven = np.abs(expected - 0.5) > 0.1
    assert np.corrcoef(data.shares[uneven], expected[uneven])[0, 1] > 0.3
    assert set(np.unique(np.rint(3 * data.shares))) <= {0.0, 1.0, 2.0, 3.0}


def test_more_votes_leave_the_trajectories_as_they_were() -> None:
    few, many = (
        collect(MDP, POLICY, THETA, oracle(n_queries=m), 1, Streams.of(np.random.default_rng(0))) for m in (1, 9)
    )
    np.testing.assert_array_equal(few.visits, many.visits)
    assert not np.array_equal(few.shares, many.shares)


def test_reading_otherwise_keeps_pairs_and_raters() -> None:
    feedback = oracle()
    other = feedback.reading(MajoritySign())
    assert (other.votes.raters, other.n_queries, float(other.n_pairs)) == (LINK, 5, 7)
    assert other.votes.inversion == MajoritySign()


def test_a_buffer_is_the_batches_one_after_the_other() -> None:
    rng = np.random.default_rng(0)
    batches = [PreferenceData(rng.random((2, n, 3)), rng.random((2, n)), 5) for n in (1, 4, 2, 9, 1, 1, 30)]
    buffer = PreferenceBuffer()
    for number, batch in enumerate(batches, 1):
        buffer.append(batch)
        so_far = batches[:number]
        np.testing.assert_array_equal(buffer.data.visits, np.concatenate([b.visits for b in so_far], axis=1))
        np.testing.assert_array_equal(buffer.data.shares, np.concatenate([b.shares for b in so_far], axis=1))
    assert (buffer.n_pairs, buffer.data.n_queries) == (48, 5)


def test_a_buffer_does_not_depend_on_what_stands_in_new_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, math.nan, dtype))
    buffer = PreferenceBuffer()
    for n in (2, 3, 1):
        buffer.append(PreferenceData(np.ones((n, 2)), np.full(n, 0.5), 5))
    assert (buffer.data.visits == 1).all()
    assert (buffer.data.visits.shape, buffer.data.shares.tolist()) == ((6, 2), [0.5] * 6)


def test_data_are_fitted_again_when_they_have_grown_by_exactly_a_quarter() -> None:
    buffer, grown = PreferenceBuffer(), []
    for n in (4, 0, 1, 1, 0, 1, 1):  # 4, 4, 5, 6, 6, 7, 8 pairs: fitted at 4, 5, 7
        buffer.append(PreferenceData(np.zeros((n, 2)), np.zeros(n), 5))
        grown.append(buffer.has_grown())
    assert grown == [True, False, True, False, False, True, False]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((np.full((2, 3), "1"), np.zeros(2), 5), "visits must be real numbers, got an array of <U1"),
        ((np.zeros((2, 3)), np.zeros(2) + 0j, 5), "shares must be real numbers, got an array of complex128"),
        (([[1.0]], np.zeros(1), 5), "visits must be a ndarray such as"),
        ((np.zeros((2, 3)), np.zeros(2), 0), "n_queries must be a whole number"),
        ((np.array([[0.0], [np.nan]]), np.zeros(2), 5), r"visits must be finite, got nan at \[1, 0\]"),
        ((np.array([[np.inf], [0.0]]), np.zeros(2), 5), r"visits must be finite, got inf at \[0, 0\]"),
        ((np.zeros(2), np.zeros(()), 5), "visits must have shape"),
        ((np.zeros((2, 3)), np.array([0.0, 1.1]), 5), r"shares must lie in \[0, 1\], got 1.1 at \[1\]"),
        ((np.zeros((2, 3)), np.array([-0.1, 1.0]), 5), r"shares must lie in \[0, 1\], got -0.1 at \[0\]"),
        ((np.zeros((2, 3)), np.zeros(2), 5, [0.5, 0.5]), "weights must be a ndarray such as"),
        ((np.zeros((2, 3)), np.zeros(2), 5, np.array(["a", "b"])), "weights must be real numbers, got an array of <U1"),
    ],
)
def test_other_data_are_refused_by_name(given: tuple[object, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        PreferenceData(*given)  # type: ignore[arg-type]


def test_shares_pass_at_both_ends() -> None:
    data = PreferenceData(np.zeros((2, 3), dtype=bool), np.array([0.0, 1.0]), math.inf, np.array([1.0, 0.0]))
    assert data.of_run(()).visits.dtype == np.float64


@pytest.mark.parametrize("n_pairs", [math.inf, [8, 16]])
def test_methods_that_see_trajectories_need_one_finite_number_of_pairs(n_pairs: object) -> None:
    feedback = PreferenceFeedback(np.asarray(n_pairs), "law", VoteModel(LINK, 5))
    with pytest.raises(InputError, match="n_pairs must be one finite number"):
        feedback.require_finite()


def test_data_that_cannot_be_votes_are_refused() -> None:
    visits = np.zeros((2, 3, 4))
    with pytest.raises(InputError, match=r"visits must have shape .*, got \(2, 3, 4\) and \(3,\)"):
        PreferenceData(visits, np.zeros(3), 5)
    for shares in (np.full((2, 3), 3.0), np.full((2, 3), -0.1), np.full((2, 3), np.nan)):
        with pytest.raises(InputError, match=r"shares must lie in \[0, 1\]"):
            PreferenceData(visits, shares, 5)


@pytest.mark.parametrize(
    ("weights", "words"),
    [([1.0], "weights must have shape"), ([1.5, -0.5], "weights must be at least 0"), ([0.5, 0.4], "with sum 1")],
)
def test_weights_are_those_of_a_distribution(weights: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        PreferenceData(np.zeros((2, 3)), np.full(2, 0.5), 5, np.array(weights))


def test_a_run_keeps_its_own_weights() -> None:
    weights = np.array([[0.5, 0.5], [0.1, 0.9]])
    data = PreferenceData(np.zeros((2, 2, 3)), np.full((2, 2), 0.5), 5, weights)
    np.testing.assert_array_equal(data.of_run((1,)).weights, weights[1])
