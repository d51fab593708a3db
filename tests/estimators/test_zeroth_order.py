"""Zeroth-order estimates: their limits, their settings, their cost, their streams."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from estimators import (
    Blocks,
    Directions,
    ExactFeedback,
    PreferenceFeedback,
    ReturnFeedback,
    SignFeedback,
    Sphere,
    Streams,
    ZerothOrder,
    zbcpg,
    zpg,
)
from theory import (
    CircularPolicy,
    InputError,
    Logistic,
    TabularMDP,
    VoteModel,
    difference_law,
    garnet,
    policy_gradient,
    policy_value,
    return_distribution,
)
from theory.arrays import FloatArray

MDP = garnet(4, 3, 2, 4, np.random.default_rng(5), lattice=2)
POLICY = CircularPolicy(4, 3, 1.2)
DIM = POLICY.dim
LINK = Logistic(2.0)
THETA = np.random.default_rng(1).normal(size=(3, 2, DIM))
OFF_LATTICE = TabularMDP(np.full((4, 3, 4), 0.25), np.random.default_rng(0).random((4, 3)), [1.0, 0, 0, 0], 4)
SETTINGS: dict[str, Any] = {"radius": 0.3, "n_pairs": 20, "n_queries": 5, "link": LINK}
DIRECTIONS = pytest.mark.parametrize("law", [Sphere(), Blocks(1), Blocks(3)], ids=repr)


def estimate(estimator: ZerothOrder, seed: int = 0, theta: FloatArray = THETA) -> FloatArray:
    return estimator.estimate(MDP, POLICY, theta, np.random.default_rng(seed))


def directions(law: Directions, seed: int = 0) -> FloatArray:
    """The directions that an estimate with this seed takes."""
    return law.sample(DIM, THETA.shape[:-1], Streams.of(np.random.default_rng(seed)).directions)


@DIRECTIONS
def test_exact_limits_with_a_tiny_radius_are_directional_derivatives(law: Directions) -> None:
    v = directions(law)
    expected = DIM * (policy_gradient(MDP, POLICY, THETA) * v).sum(axis=-1, keepdims=True) * v
    for feedback in (
        ExactFeedback(),
        ReturnFeedback(np.array(math.inf)),
        PreferenceFeedback(np.array(math.inf), "law", VoteModel(LINK, math.inf)),
    ):
        np.testing.assert_allclose(estimate(ZerothOrder(law, feedback, 1e-6)), expected, rtol=0, atol=1e-4)


@DIRECTIONS
def test_exact_limits_are_exact_differences_at_any_radius(law: Directions) -> None:
    v = directions(law)
    radius = np.array([0.1, 0.5, 2.0])[:, None]
    change = policy_value(MDP, POLICY, THETA + radius[..., None] * v) - policy_value(MDP, POLICY, THETA)
    expected = (DIM / radius * change)[..., None] * v
    for feedback in (ExactFeedback(), ReturnFeedback(np.array(math.inf))):
        np.testing.assert_allclose(estimate(ZerothOrder(law, feedback, radius)), expected, rtol=0, atol=1e-12)


def test_infinitely_many_pairs_leave_the_inversion_bias_alone() -> None:
    found = estimate(zpg(**{**SETTINGS, "n_pairs": math.inf}))
    v = directions(Sphere())
    first, second = (return_distribution(MDP, POLICY, theta).probabilities for theta in (THETA + 0.3 * v, THETA))
    difference = difference_law(first, second) @ VoteModel(LINK, 5).table(MDP).mean
    np.testing.assert_allclose(found, (DIM / 0.3 * difference)[..., None] * v, rtol=0, atol=1e-12)


def test_zpg_and_zbcpg_are_their_parts() -> None:
    feedback = PreferenceFeedback(np.array(20), "law", VoteModel(LINK, 5))
    np.testing.assert_array_equal(estimate(zpg(**SETTINGS)), estimate(ZerothOrder(Sphere(), feedback, 0.3)))
    np.testing.assert_array_equal(
        estimate(zbcpg(block_size=2, **SETTINGS)), estimate(ZerothOrder(Blocks(2), feedback, 0.3))
    )
    assert (np.count_nonzero(estimate(zbcpg(block_size=2, **{**SETTINGS, "n_pairs": math.inf})), axis=-1) == 2).all()


def test_number_of_pairs_broadcasts_and_may_mix_finite_and_infinite() -> None:
    """The standard deviation of what is read falls like N^-1/2 along the axis, down to exactly 0 at infinity.

    Sample variances of 4,000 estimates, chi-square-like with relative error 0.03: bounds of 30% are beyond 1e-6.
    """
    pairs = np.array([1, 16, 10**12, math.inf])[:, None]
    theta = np.zeros((4, 4000, DIM))
    shifted = theta + 0.7 * np.ones(DIM)
    feedback = PreferenceFeedback(pairs, "law", VoteModel(LINK, 5))
    drawn = feedback.difference(MDP, POLICY, shifted, theta, Streams.of(np.random.default_rng(0)))
    assert drawn.shape == (4, 4000)
    laws = return_distribution(MDP, POLICY, np.stack([shifted[0, 0], theta[0, 0]])).probabilities
    table = VoteModel(LINK, 5).table(MDP)
    mean = difference_law(*laws) @ table.mean
    read = table.outcome_law(difference_law(*laws))
    variance = read @ (table.outcomes - mean) ** 2
    assert np.isin(np.round(drawn[0], 9), np.round(table.outcomes, 9)).all()
    assert drawn[0].var() == pytest.approx(variance, rel=0.3)
    assert drawn[1].var() == pytest.approx(variance / 16, rel=0.3)
    np.testing.assert_allclose(drawn[2], mean, rtol=0, atol=3e-5)  # 15 standard deviations
    assert np.ptp(drawn[2]) > 0
    np.testing.assert_allclose(drawn[3], mean, rtol=0, atol=1e-14)


def test_mixed_pairs_draw_for_finite_rows_what_they_would_draw_alone() -> None:
    mixed = estimate(zpg(**{**SETTINGS, "n_pairs": np.array([[math.inf], [50], [math.inf]])}))
    exact = estimate(zpg(**{**SETTINGS, "n_pairs": math.inf}))
    np.testing.assert_allclose(mixed[[0, 2]], exact[[0, 2]], rtol=0, atol=1e-12)
    assert (np.abs(mixed[1] - exact[1]).max(axis=-1) > 1e-3).all()


def test_costs_are_counted() -> None:
    for estimator in (zpg(**SETTINGS), zbcpg(block_size=2, **SETTINGS)):
        assert (float(estimator.n_trajectories), float(estimator.n_votes)) == (40, 100)
    rows = zpg(**{**SETTINGS, "n_pairs": [[10], [1000]]})
    np.testing.assert_array_equal(rows.n_trajectories, [[20], [2000]])
    np.testing.assert_array_equal(rows.n_votes, [[50], [5000]])
    assert float(zpg(**{**SETTINGS, "n_pairs": math.inf}).n_trajectories) == math.inf
    assert float(zpg(**{**SETTINGS, "n_queries": math.inf}).n_votes) == math.inf
    for n, trajectories in ((30, 60), (math.inf, math.inf)):
        shown = ZerothOrder(Sphere(), ReturnFeedback(np.array(n)), 0.1)
        assert (float(shown.n_trajectories), float(shown.n_votes)) == (trajectories, 0)
    known = ZerothOrder(Sphere(), ExactFeedback(), 0.1)
    assert (float(known.n_trajectories), float(known.n_votes)) == (0, 0)
    sign = ZerothOrder(Sphere(), SignFeedback(7, 3), 0.1)
    assert (float(sign.n_trajectories), float(sign.n_votes)) == (14, 21)


@pytest.mark.parametrize("radius", [0.0, -0.1, math.inf, math.nan])
def test_radius_must_be_positive_and_finite(radius: float) -> None:
    with pytest.raises(InputError, match=r"radius must be positive and finite, got "):
        zpg(**{**SETTINGS, "radius": radius})
    with pytest.raises(InputError, match=r"radius must be positive and finite, got "):
        zpg(**{**SETTINGS, "radius": [0.1, radius]})


@pytest.mark.parametrize("n", [0, 1.5, -3, math.nan])
@pytest.mark.parametrize("name", ["n_pairs", "n_queries"])
def test_counts_must_be_whole_numbers_or_infinite(name: str, n: float) -> None:
    with pytest.raises(InputError, match=rf"{name} must be a whole number of at least 1 or math.inf, got {n}"):
        zpg(**{**SETTINGS, name: n})


def test_every_entry_of_an_array_of_pairs_is_checked() -> None:
    with pytest.raises(InputError, match=r"n_pairs must be a whole number of at least 1 or math.inf, got 0"):
        zpg(**{**SETTINGS, "n_pairs": [[5], [0]]})


def test_unknown_samplers_are_refused() -> None:
    with pytest.raises(InputError, match=r"sampler must be 'law' or 'rollout', got 'exact'"):
        zpg(**SETTINGS, sampler="exact")  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [math.inf, [10, 20]])
def test_rollouts_need_one_finite_number_of_pairs(n: object) -> None:
    with pytest.raises(
        InputError, match=r"n_pairs must be one finite number under sampler='rollout', got .*; use 'law'"
    ):
        zpg(**{**SETTINGS, "n_pairs": n}, sampler="rollout")


def test_rewards_off_a_lattice_need_rollouts() -> None:
    theta = np.zeros((2, DIM))
    with pytest.raises(InputError, match=r"rewards must be multiples of 1/m .* use sampler='rollout'"):
        zpg(**SETTINGS).estimate(OFF_LATTICE, POLICY, theta, np.random.default_rng(0))
    found = zpg(**SETTINGS, sampler="rollout").estimate(OFF_LATTICE, POLICY, theta, np.random.default_rng(0))
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 0


def test_a_trim_above_its_limit_is_refused_when_the_instance_is_known() -> None:
    with pytest.raises(InputError, match=r"trim must be at most "):
        estimate(zpg(**SETTINGS, trim=0.4))


@pytest.mark.parametrize("sampler", ["law", "rollout"])
def test_same_seed_same_bytes(sampler: Any) -> None:
    for estimator in (zpg(**SETTINGS, sampler=sampler), zbcpg(block_size=2, **SETTINGS, sampler=sampler)):
        assert estimate(estimator, seed=3).tobytes() == estimate(estimator, seed=3).tobytes()
        assert estimate(estimator, seed=3).tobytes() != estimate(estimator, seed=4).tobytes()


@pytest.mark.parametrize("sampler", ["law", "rollout"])
def test_streams_go_on_and_generators_spawn_anew(sampler: Any) -> None:
    estimator = zpg(**SETTINGS, sampler=sampler)
    streams, rng = Streams.of(np.random.default_rng(3)), np.random.default_rng(3)
    first, second = (estimator.estimate(MDP, POLICY, THETA, streams) for _ in range(2))
    again, anew = (estimator.estimate(MDP, POLICY, THETA, rng) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, second)
    assert not np.allclose(again, anew)


@pytest.mark.parametrize("sampler", ["law", "rollout"])
@pytest.mark.parametrize("changes", [{"n_queries": 9}, {"n_pairs": 33}, {"n_queries": math.inf}])
def test_other_votes_or_pairs_leave_the_directions(sampler: Any, changes: dict[str, Any]) -> None:
    found = [estimate(zpg(**{**SETTINGS, **extra}, sampler=sampler)) for extra in ({}, changes)]
    unit = [g / np.linalg.norm(g, axis=-1, keepdims=True) for g in found]
    np.testing.assert_allclose(np.abs((unit[0] * unit[1]).sum(axis=-1)), 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.abs((unit[0] * directions(Sphere())).sum(axis=-1)), 1, rtol=0, atol=1e-12)
    assert not np.allclose(found[0], found[1])


def test_other_votes_leave_the_trajectories() -> None:
    """Rollouts, three estimates in a row: the more votes on the same 20 pairs, the nearer to their returns."""

    def three(estimator: ZerothOrder, seed: int = 0) -> FloatArray:
        streams = Streams.of(np.random.default_rng(seed))
        return np.stack([estimator.estimate(MDP, POLICY, THETA, streams) for _ in range(3)])

    returns = three(ZerothOrder(Sphere(), ReturnFeedback(np.array(20), "rollout"), 0.3))
    limit = zpg(**{**SETTINGS, "n_queries": math.inf}, sampler="rollout")
    np.testing.assert_allclose(three(limit), returns, rtol=0, atol=1e-12)
    near = three(zpg(**{**SETTINGS, "n_queries": 10**8}, sampler="rollout"))
    np.testing.assert_allclose(near, returns, rtol=0, atol=0.02)
    assert np.abs(three(limit, seed=1) - returns).max() > 1


def test_one_parameter_vector_is_enough() -> None:
    assert estimate(zpg(**SETTINGS), theta=THETA[0, 0]).shape == (DIM,)
    assert estimate(zpg(**SETTINGS, sampler="rollout"), theta=THETA[0, 0]).shape == (DIM,)
    assert estimate(ZerothOrder(Sphere(), ExactFeedback(), 0.1), theta=THETA[0, 0]).shape == (DIM,)
