"""Parts of the feedbacks one by one: what they cost, what they refuse, and what batches and orders make of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from estimators import Blocks, ExactFeedback, PreferenceFeedback, ReturnFeedback, SignFeedback, Streams, ZerothOrder
from estimators.feedback import preferences
from estimators.linear_control import _Recording
from theory import (
    CircularPolicy,
    HaldaneAnscombe,
    InputError,
    Logistic,
    MajoritySign,
    Trimmed,
    UntilDisagreement,
    VoteModel,
    chain,
    garnet,
    policy_value,
)
from theory.coupled_steps import coupled_steps
from theory.votes import LARGEST_COUNT

MDP, POLICY = garnet(3, 2, 2, 3, np.random.default_rng(0), lattice=2), CircularPolicy(3, 2, 1.0)
LINK = Logistic(3.0)
FIRST, SECOND = np.random.default_rng(1).normal(size=(2, 4, 3))


def test_exact_feedback_costs_no_votes_and_has_no_variance() -> None:
    exact = ExactFeedback()
    assert exact.expected_votes(MDP, POLICY, FIRST[:, None], SECOND[None]).tolist() == [[0.0] * 4] * 4
    found = exact.moments(MDP, POLICY, FIRST, SECOND)
    gap = policy_value(MDP, POLICY, FIRST) - policy_value(MDP, POLICY, SECOND)
    for part in (
        found.exact,
        found.mean,
        exact.difference(MDP, POLICY, FIRST, SECOND, Streams.of(np.random.default_rng(0))),
    ):
        np.testing.assert_array_equal(part, gap)
    for part in (found.variance_trajectory, found.variance_query, found.clip_rate):
        assert part.tolist() == [0.0] * 4
    assert (exact.n_queries, exact.batch_size, float(exact.n_pairs)) == (0.0, 1, 0.0)


def test_work_of_a_law_is_counted_in_multiplications() -> None:
    """A chain of 3 states and 2 actions without slip: 6 branches a step; reaches 0, 0, 1 before steps 1, 2, 3."""
    mdp = chain(3, 3)
    assert mdp.largest_return_steps == (0, 0, 1, 2)
    assert preferences(1, 1, LINK).law_work(mdp) == 6 * (1 + 1 + 2)
    coupled = preferences(1, 1, LINK, common_random_numbers=True)
    assert coupled.law_work(mdp) == 3 * coupled_steps(mdp).n_edges


def test_a_recording_is_the_feedback_it_records() -> None:
    feedback = preferences(5, 3, LINK)
    recording = _Recording(feedback)
    assert (recording.n_queries, recording.batch_size, recording.n_pairs) == (3, 1, feedback.n_pairs)
    streams = [Streams.of(np.random.default_rng(7)) for _ in range(2)]
    drawn = [
        each.difference(MDP, POLICY, FIRST, SECOND, s) for each, s in zip((feedback, recording), streams, strict=True)
    ]
    np.testing.assert_array_equal(*drawn)
    for kept, given in zip(recording.last, (FIRST, SECOND, drawn[1]), strict=True):
        assert kept is given
    np.testing.assert_array_equal(
        recording.expected_votes(MDP, POLICY, FIRST, SECOND), feedback.expected_votes(MDP, POLICY, FIRST, SECOND)
    )
    np.testing.assert_array_equal(
        recording.moments(MDP, POLICY, FIRST, SECOND).mean, feedback.moments(MDP, POLICY, FIRST, SECOND).mean
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n_pairs": [3, 0]}, r"n_pairs must be a whole number of at least 1 or math.inf, got 0 at \[1\]"),
        ({"n_pairs": [0.5, 3]}, r"n_pairs must be a whole number of at least 1 or math.inf, got 0.5 at \[0\]"),
        ({"n_pairs": [math.inf, 2.0**63, 1]}, "n_pairs must be at most"),
        ({"sampler": "laws"}, "sampler must be 'law' or 'rollout', got 'laws'"),
        (
            {"sampler": "rollout", "n_pairs": math.inf},
            "n_pairs must be one finite number under sampler='rollout', got inf",
        ),
        ({"sampler": "rollout", "n_pairs": [3]}, r"n_pairs must be one finite number under .* got \[3.0\]; use 'law'"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1"),
        ({"common_random_numbers": 1}, "common_random_numbers must be a bool"),
        ({"votes": LINK}, "votes must be a VoteModel or UntilDisagreement such as"),
    ],
)
def test_pairs_of_another_kind_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        PreferenceFeedback(**({"n_pairs": 3, "sampler": "law", "votes": VoteModel(LINK, 3)} | given))


def test_pairs_are_kept_as_floats_and_may_be_as_many_as_can_be_counted() -> None:
    for pairs in (LARGEST_COUNT, [1, math.inf], math.inf, [[2], [3]]):
        kept = PreferenceFeedback(pairs, "law", VoteModel(LINK, 3)).n_pairs  # type: ignore[arg-type]
        assert kept.dtype == np.float64
        np.testing.assert_array_equal(kept, pairs)


def test_batches_of_the_same_trajectories() -> None:
    feedback = preferences(12, 3, LINK)
    whole, thirds = feedback.as_batches(), feedback.as_batches(4)
    assert (float(whole.n_pairs), whole.batch_size, whole.n_queries) == (1, 12, 36)
    assert (float(thirds.n_pairs), thirds.batch_size, thirds.n_queries) == (3, 4, 12)
    twice = thirds.as_batches(3)
    assert (float(twice.n_pairs), twice.batch_size, twice.n_queries) == (1, 12, 36)
    for each in (whole, thirds, twice):
        assert isinstance(each.votes, VoteModel)
        assert each.votes.inversion == MajoritySign()
    for size, words in (
        (5, "size must divide the number of pairs, 12, got 5"),
        (0, "size must be an integer"),
        (24, "size must divide"),
    ):
        with pytest.raises(InputError, match=words):
            feedback.as_batches(size)
    for pairs in (math.inf, [12]):
        with pytest.raises(InputError, match="n_pairs must be one finite number to make batches"):
            preferences(pairs, 3, LINK).as_batches()
        with pytest.raises(InputError, match="n_pairs must be one finite number for methods that simulate"):
            preferences(pairs, 3, LINK).require_finite()
    preferences(12, 3, LINK).require_finite()


def test_what_needs_a_fixed_number_of_votes_refuses_a_random_one() -> None:
    open_ended = preferences(12, 3, LINK).until_disagreement(7)
    assert open_ended.votes == UntilDisagreement(LINK, 7)
    for use in (
        lambda: open_ended.reading(Trimmed()),
        lambda: open_ended.as_batches(),
        lambda: open_ended.in_random_order(),
        lambda: open_ended.shares(np.zeros(1), np.random.default_rng(0)),
    ):
        with pytest.raises(InputError, match="votes must be a VoteModel, with a fixed number of votes, for this use"):
            use()
    assert preferences(12, 3, LINK).reading(HaldaneAnscombe()).votes == VoteModel(LINK, 3, HaldaneAnscombe())
    assert preferences(12, 3, LINK).in_random_order().votes == VoteModel(LINK, 3, random_order=True)
    own = PreferenceFeedback(np.asarray(2), "law", VoteModel(LINK, 3, rater_link=Logistic(5.0)))
    assert own.until_disagreement().votes == UntilDisagreement(LINK, None, Logistic(5.0))


def test_shorthands_build_what_they_say() -> None:
    sign = SignFeedback(4, 3, batch_size=2)
    assert (sign.votes, sign.batch_size, sign.sampler) == (VoteModel(Logistic(), 3, MajoritySign()), 2, "law")
    assert SignFeedback(4, 3, LINK, "rollout").votes == VoteModel(LINK, 3, MajoritySign())
    made = preferences(4, 3, LINK, 0.1)
    assert (made.votes, made.sampler, made.common_random_numbers) == (VoteModel(LINK, 3, Trimmed(0.1)), "law", False)
    shown = ReturnFeedback(np.asarray(4))
    assert (shown.sampler, shown.n_queries) == ("law", 0.0)
    assert ZerothOrder(Blocks(1), shown, 0.1).n_votes == 0


@pytest.mark.parametrize("votes", [VoteModel(LINK, 3), VoteModel(LINK, math.inf), UntilDisagreement(LINK, 4)])
def test_expected_votes_are_pairs_times_the_votes_of_a_pair(votes: Any) -> None:
    """Rows of different numbers of pairs; without end where a row has no end."""
    pairs = np.array([1.0, 5.0, 2.0, math.inf])
    feedback = PreferenceFeedback(pairs, "law", votes)
    found = feedback.expected_votes(MDP, POLICY, FIRST, SECOND)
    law = feedback.law(MDP, POLICY, FIRST, SECOND)
    np.testing.assert_allclose(found, pairs * (law @ votes.table(MDP).votes), rtol=1e-13)
    np.testing.assert_allclose(feedback.votes_under(MDP, law), found, rtol=1e-13)


@pytest.mark.parametrize("n_directions", [1, 3])
def test_expected_votes_of_an_estimate_are_averaged_over_directions(n_directions: int) -> None:
    """Each row of a batch against its own directions, one by one."""
    estimator = ZerothOrder(
        Blocks(1), preferences(5, 3, LINK).until_disagreement(4), [0.3, 0.9, 0.3, 0.9], n_directions=n_directions
    )
    found = estimator.expected_votes(MDP, POLICY, FIRST)
    assert found.shape == (4,)
    directions = Blocks(1).support(3)
    assert directions is not None
    for k, theta in enumerate(FIRST):
        radius = (0.3, 0.9)[k % 2]
        each = [estimator.feedback.expected_votes(MDP, POLICY, theta + radius * v, theta) for v in directions]
        assert found[k] == pytest.approx(n_directions * np.mean(each), rel=1e-12)


@pytest.mark.parametrize("pairs", [math.inf, [math.inf, 4.0, math.inf, 7.0]])
def test_votes_of_a_draw_without_end_are_without_end_only_where_votes_are_asked(pairs: Any) -> None:
    endless = np.broadcast_to(np.isinf(pairs), (4,))
    for feedback, one in ((ReturnFeedback(np.asarray(pairs)), 0.0), (preferences(pairs, 3, LINK), 3.0)):
        law = feedback.law(MDP, POLICY, FIRST, SECOND)
        drawn = feedback.draw(MDP, law, np.random.default_rng(0))
        expected = np.where(endless, math.inf if one else 0.0, one * np.where(endless, 0, pairs))
        assert np.broadcast_to(drawn.votes, (4,)).tolist() == expected.tolist()
        exact = law @ feedback.table(MDP).mean
        np.testing.assert_allclose(drawn.values[endless], exact[endless], rtol=1e-13)
