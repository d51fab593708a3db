"""Feedbacks side by side answer as each would alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from estimators import Blocks, ExactFeedback, ReturnFeedback, Sphere, Streams, ZerothOrder, ascend
from estimators.feedback import preferences
from estimators.stacked_feedback import StackedFeedback
from theory import CircularPolicy, HaldaneAnscombe, InputError, Logistic, MajoritySign, Trimmed, VoteModel, garnet

MDP = garnet(4, 2, 2, 3, np.random.default_rng(1))
POLICY = CircularPolicy(4, 2, 1.0)
LINK = Logistic(1.5)
MEMBERS = (preferences(50, 4, LINK), preferences(math.inf, 16, LINK), preferences(7, math.inf, LINK))
THETA = np.random.default_rng(2).uniform(0, 6, (3, 5, 4))


def test_moments_are_those_of_each_member():
    stacked = StackedFeedback(MEMBERS).moments(MDP, POLICY, THETA + 0.3, THETA)
    for k, member in enumerate(MEMBERS):
        alone = member.moments(MDP, POLICY, THETA[k] + 0.3, THETA[k])
        for name in ("exact", "mean", "variance_trajectory", "variance_query", "clip_rate"):
            np.testing.assert_allclose(getattr(stacked, name)[k], getattr(alone, name), rtol=1e-12, atol=1e-15)


def test_draws_have_the_law_of_each_member():
    """z-test of the mean of 40,000 draws a member against the exact mean: false alarm 2e-9 a member (6 sigma)."""
    many = np.broadcast_to(THETA[:, :1], (3, 40_000, 4))
    drawn = StackedFeedback(MEMBERS).difference(MDP, POLICY, many + 0.3, many, Streams.of(np.random.default_rng(3)))
    exact = StackedFeedback(MEMBERS).moments(MDP, POLICY, THETA[:, :1] + 0.3, THETA[:, :1])
    spread = np.sqrt(exact.variance_trajectory + exact.variance_query)[:, 0]
    assert (np.abs(drawn.mean(axis=1) - exact.mean[:, 0]) <= 6 * spread / 200 + 1e-12).all()
    np.testing.assert_allclose(drawn.std(axis=1), spread, rtol=0.05, atol=1e-12)


def test_costs_are_listed_by_member():
    estimator = ZerothOrder(Sphere(), StackedFeedback(MEMBERS), 0.1)
    assert estimator.n_trajectories.ravel().tolist() == [100, math.inf, 14]
    assert estimator.n_votes.ravel().tolist() == [200, math.inf, math.inf]
    assert ZerothOrder(Sphere(), ReturnFeedback(np.array(math.inf)), 0.1).n_votes == 0


@pytest.mark.parametrize("inversion", [MajoritySign(), HaldaneAnscombe()])
def test_every_member_reads_its_votes_with_another_inversion(inversion):
    stacked = StackedFeedback(MEMBERS).reading(inversion)
    assert [member.votes.inversion for member in stacked.members] == [inversion] * 3
    found = stacked.moments(MDP, POLICY, THETA + 0.3, THETA)
    for k, member in enumerate(MEMBERS):
        alone = member.reading(inversion).moments(MDP, POLICY, THETA[k] + 0.3, THETA[k])
        np.testing.assert_allclose(found.mean[k], alone.mean, rtol=1e-12)
    changed = found.mean - StackedFeedback(MEMBERS).moments(MDP, POLICY, THETA + 0.3, THETA).mean
    assert np.abs(changed).max() > 1e-3


def test_gradient_moments_are_those_of_each_member():
    """The directions are one more axis before that of the members; as many directions as members must not matter."""
    for directions in (Blocks(1), Blocks(2), Sphere()):
        stacked = ZerothOrder(directions, StackedFeedback(MEMBERS), 0.1)
        found = stacked.moments(MDP, POLICY, THETA, np.random.default_rng(4))
        for k, member in enumerate(MEMBERS):
            alone = ZerothOrder(directions, member, 0.1).moments(MDP, POLICY, THETA[k], np.random.default_rng(4))
            for name in ("mean", "bias_inversion", "variance_trajectory", "variance_query", "mse"):
                np.testing.assert_allclose(getattr(found, name)[k], getattr(alone, name), rtol=1e-10, atol=1e-13)


def test_several_directions_are_averaged():
    """As many directions as members. z-test of the mean of 4,000 estimates: false alarm 2e-9 a number (6 sigma)."""
    many = np.broadcast_to(THETA[:, :1], (3, 4000, 4))
    estimator = ZerothOrder(Blocks(2), StackedFeedback(MEMBERS), 0.5, n_directions=3)
    drawn = estimator.estimate(MDP, POLICY, many, np.random.default_rng(5))
    exact = estimator.moments(MDP, POLICY, THETA[:, :1])
    z = (drawn.mean(axis=1) - exact.mean[:, 0]) / (drawn.std(axis=1) / np.sqrt(4000))
    assert np.abs(z).max() < 6
    squares = ((drawn - exact.mean) ** 2).sum(axis=-1).mean(axis=1)
    np.testing.assert_allclose(squares, exact.variance[:, 0], rtol=0.15)


def test_a_batch_without_the_axis_of_the_members_is_refused():
    for shape in ((4,), (5, 4), (2, 5, 4), (3, 5, 2, 4)):
        with pytest.raises(
            InputError, match=r"^theta must have length 3 along axis -3, one entry per member, got batch"
        ):
            StackedFeedback(MEMBERS).moments(MDP, POLICY, np.zeros(shape), np.zeros(shape))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ((), "members must hold at least one preference feedback, got none"),
        ((ExactFeedback(),), "members must be a PreferenceFeedback such as "),
        (
            (preferences(5, 5, LINK, sampler="rollout"),),
            "members must have sampler='law' and one number of pairs, got 'r",
        ),
        (
            (preferences([5, 6], 5, LINK),),
            "members must have sampler='law' and one number of pairs, got 'law' and [5.0, ",
        ),
        (
            (preferences(5, 5, LINK), preferences(5, 5, LINK, common_random_numbers=True)),
            "members must have the same common_random_numbers, got True and False",
        ),
    ],
)
def test_members_that_do_not_fit_are_refused(members, said):
    with pytest.raises(InputError) as raised:
        StackedFeedback(members)
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: VoteModel(LINK, math.inf, repeated=True), "n_queries must be finite"),
        (lambda: VoteModel(LINK, math.inf, Trimmed(0.4)).table(MDP), "trim must be at most"),
        (lambda: VoteModel(LINK, 1e9).table(MDP), "n_queries must be at most"),
        (lambda: preferences(1e30, 4, LINK), "n_pairs must be at most"),
        (lambda: ZerothOrder(Sphere(), ExactFeedback(), 0.1, n_directions=2.0), "n_directions must be an integer"),
        (lambda: Streams.of(np.random.RandomState(0)), "rng must be a numpy.random.Generator"),
        (
            lambda: ascend(
                MDP,
                POLICY,
                ZerothOrder(Sphere(), ExactFeedback(), 0.1),
                np.full(4, np.nan),
                2,
                0.1,
                np.random.default_rng(0),
            ),
            "theta must be finite",
        ),
        (
            lambda: ascend(
                MDP,
                POLICY,
                ZerothOrder(Sphere(), ExactFeedback(), 0.1),
                np.zeros(4),
                2,
                [0.1, 0.2],
                np.random.default_rng(0),
            ),
            "step_size must broadcast",
        ),
        (
            lambda: ZerothOrder(Sphere(), preferences([3, 4], 4, LINK), 0.1).estimate(
                MDP, POLICY, np.zeros(4), np.random.default_rng(0)
            ),
            "radius and n_pairs must broadcast",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, words):
    with pytest.raises(InputError, match=words) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_cached_tables_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        VoteModel(LINK, 5).table(MDP).mean[0] = 1.0


def test_rows_off_by_rounding_are_normalised():
    from theory import TabularMDP

    mdp = TabularMDP(np.full((2, 1, 2), 0.5) * (1 + 4e-10), [[0.0], [1.0]], [0.5, 0.5], 30)
    policy = CircularPolicy(2, 1, 1.0)
    feedback = preferences(10, 5, Logistic(15.0))
    drawn = ZerothOrder(Sphere(), feedback, 0.1).estimate(mdp, policy, np.zeros((4, 2)), np.random.default_rng(0))
    assert np.isfinite(drawn).all()


FINITE = (preferences(50, 4, LINK), preferences(12, 16, LINK), preferences(7, 2, LINK))


@pytest.mark.parametrize("n_axes", [0, 1, 2])
def test_every_way_to_ask_is_that_of_each_member_wherever_their_axis_is(n_axes: int) -> None:
    shape = {0: (5, 3), 1: (3, 5), 2: (3, 2, 4)}[n_axes]
    axis = len(shape) - 1 - n_axes
    theta = np.random.default_rng(2).uniform(0, 6, (*shape, 4))
    stacked = StackedFeedback(FINITE, n_axes)
    ways = {
        "plain": (stacked, FINITE),
        "until": (stacked.until_disagreement(), tuple(m.until_disagreement() for m in FINITE)),
        "batches": (stacked.as_batches(), tuple(m.as_batches() for m in FINITE)),
        "order": (stacked.in_random_order(), tuple(m.in_random_order() for m in FINITE)),
    }
    for together, alone in ways.values():
        assert [member.votes for member in together.members] == [member.votes for member in alone]
        assert together.n_axes == n_axes
        for name in ("n_pairs", "n_queries", "batch_size"):
            listed = getattr(together, name)
            assert listed.shape == (3, *(1,) * n_axes)
            assert listed.ravel().tolist() == [float(getattr(member, name)) for member in alone]
        assert together.batch_size.dtype == np.int64
        votes = together.expected_votes(MDP, POLICY, theta + 0.3, theta)
        drawn = together.difference(MDP, POLICY, theta + 0.3, theta, Streams.of(np.random.default_rng(0)))
        found = together.moments(MDP, POLICY, theta + 0.3, theta)
        assert votes.shape == drawn.shape == found.mean.shape == shape
        for k, member in enumerate(alone):
            row = np.take(theta, k, axis=axis)
            np.testing.assert_allclose(
                np.take(votes, k, axis=axis), member.expected_votes(MDP, POLICY, row + 0.3, row), rtol=1e-12
            )
            own = member.moments(MDP, POLICY, row + 0.3, row)
            for name in ("mean", "variance_trajectory", "variance_query", "clip_rate"):
                np.testing.assert_allclose(np.take(getattr(found, name), k, axis=axis), getattr(own, name), atol=1e-13)


def test_votes_of_a_draw_are_counted_for_each_member() -> None:
    streams = Streams.of(np.random.default_rng(0))
    StackedFeedback(FINITE).difference(MDP, POLICY, THETA + 0.3, THETA, streams)
    assert streams.tally.votes is not None
    assert float(streams.tally.votes) == 5 * (50 * 4 + 12 * 16 + 7 * 2)
