"""The ascent loop: what it records, what it promises, how its rows relate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from estimators import ExactFeedback, Sphere, Streams, ZerothOrder, ascend, zbcpg, zpg
from estimators.zeroth_order import GradientEstimator
from theory import (
    CircularPolicy,
    InputError,
    Logistic,
    LogLinearSoftmax,
    Policy,
    TabularMDP,
    TabularSoftmax,
    garnet,
    policy_gradient,
    policy_value,
    smoothness_bound,
)
from theory.arrays import FloatArray

MDP = garnet(4, 3, 2, 4, np.random.default_rng(5))
POLICY = CircularPolicy(4, 3, 1.2)
SETTINGS: dict[str, Any] = {"radius": 0.3, "n_pairs": 20, "n_queries": 5, "link": Logistic(2.0)}


class Recorder:
    """Passes on the estimates of another estimator, keeping them and where they were made."""

    def __init__(self, estimator: GradientEstimator) -> None:
        self.estimator = estimator
        self.thetas: list[FloatArray] = []
        self.estimates: list[FloatArray] = []
        self.streams: list[Generator | Streams] = []

    @property
    def n_trajectories(self) -> FloatArray:
        return self.estimator.n_trajectories

    @property
    def n_votes(self) -> FloatArray:
        return self.estimator.n_votes

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        self.thetas.append(theta.copy())
        self.streams.append(rng)
        self.estimates.append(self.estimator.estimate(mdp, policy, theta, rng))
        return self.estimates[-1]


class TrueGradient:
    """The exact gradient as an estimate."""

    n_trajectories = np.array(0.0)
    n_votes = np.array(0.0)

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, _: Generator | Streams) -> FloatArray:
        return policy_gradient(mdp, policy, theta)


def start(*batch: int, seed: int = 2) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(*batch, POLICY.dim))


@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3)])
def test_records_are_exact_along_the_path(batch: tuple[int, ...]) -> None:
    recorder = Recorder(zpg(**SETTINGS))
    n, step = 6, 0.2
    found = ascend(MDP, POLICY, recorder, start(*batch), n, step, np.random.default_rng(0))
    assert found.theta.shape == (*batch, POLICY.dim)
    assert found.values.shape == found.gradient_norm_sq.shape == (*batch, n)
    path = np.stack(recorder.thetas)
    np.testing.assert_array_equal(path[0], start(*batch))
    np.testing.assert_allclose(found.values, np.moveaxis(policy_value(MDP, POLICY, path), 0, -1), rtol=0, atol=1e-13)
    norms = (policy_gradient(MDP, POLICY, path) ** 2).sum(axis=-1)
    np.testing.assert_allclose(found.gradient_norm_sq, np.moveaxis(norms, 0, -1), rtol=0, atol=1e-13)
    following = np.concatenate([path[1:], found.theta[None]])
    np.testing.assert_allclose(following, path + step * np.stack(recorder.estimates), rtol=0, atol=1e-14)


def test_streams_are_spawned_once_a_run() -> None:
    recorder = Recorder(zpg(**SETTINGS))
    ascend(MDP, POLICY, recorder, start(2), 5, 0.2, np.random.default_rng(0))
    assert isinstance(recorder.streams[0], Streams)
    assert all(streams is recorder.streams[0] for streams in recorder.streams)


def test_a_prefix_of_a_run_is_the_shorter_run() -> None:
    long, short = (ascend(MDP, POLICY, zpg(**SETTINGS), start(3), n, 0.1, np.random.default_rng(0)) for n in (9, 4))
    np.testing.assert_array_equal(long.values[:, :4], short.values)
    np.testing.assert_array_equal(long.gradient_norm_sq[:, :4], short.gradient_norm_sq)


@pytest.mark.parametrize("policy", [POLICY, TabularSoftmax(4, 3), TabularSoftmax(4, 3, 4)], ids=repr)
def test_exact_ascent_gains_what_smoothness_promises(policy: Policy) -> None:
    """With alpha <= 1 / L every step gains at least alpha |grad V|^2 / 2."""
    theta = np.random.default_rng(3).normal(size=(5, policy.dim))
    step = 1 / smoothness_bound(MDP, policy)
    found = ascend(MDP, policy, TrueGradient(), theta, 40, step, np.random.default_rng(0))
    gains = np.diff(found.values, axis=-1)
    assert (gains >= step / 2 * found.gradient_norm_sq[:, :-1] - 1e-14).all()
    assert (found.values[:, -1] > found.values[:, 0] + 1e-3).all()


def test_recorded_iterates_are_those_of_the_whole_record() -> None:
    estimator, start = zpg(**SETTINGS), np.zeros((3, POLICY.dim))
    whole, some = (
        ascend(MDP, POLICY, estimator, start, 9, 0.05, np.random.default_rng(4), recorded=recorded)
        for recorded in (None, [1, 4, 9])
    )
    np.testing.assert_array_equal(some.theta, whole.theta)
    np.testing.assert_array_equal(some.values, whole.values[..., [0, 3, 8]])
    np.testing.assert_array_equal(some.gradient_norm_sq, whole.gradient_norm_sq[..., [0, 3, 8]])
    np.testing.assert_array_equal(some.n_votes, whole.n_votes)


@pytest.mark.parametrize("recorded", [[], [0, 3], [1, 11], [3, 1], [2, 2], [1.5], [[1, 2]], 3, "all", [True]])
def test_iterates_that_cannot_be_recorded_are_refused(recorded: Any) -> None:
    with pytest.raises(InputError, match="recorded must be ascending integers from 1 to n_iterations = 10, got"):
        ascend(MDP, POLICY, zpg(**SETTINGS), np.zeros(POLICY.dim), 10, 0.1, np.random.default_rng(0), recorded=recorded)


def test_exact_directional_ascent_never_loses() -> None:
    """Steps d <grad V, v> v gain for any direction when alpha <= 1 / (L d), up to the smoothing of a tiny radius."""
    step = 1 / (smoothness_bound(MDP, POLICY) * POLICY.dim)
    estimator = ZerothOrder(Sphere(), ExactFeedback(), 1e-6)
    found = ascend(MDP, POLICY, estimator, start(5), 60, step, np.random.default_rng(0))
    assert (np.diff(found.values, axis=-1) >= -1e-8).all()
    assert (found.values[:, -1] > found.values[:, 0] + 1e-3).all()
    assert (found.n_trajectories, found.n_votes) == (0, 0)


def test_step_sizes_broadcast_against_the_batch() -> None:
    steps = np.array([[0.05], [0.1], [0.4]])
    found = ascend(MDP, POLICY, TrueGradient(), start(3, 2), 5, steps, np.random.default_rng(0))
    for i, step in enumerate(steps.ravel()):
        alone = ascend(MDP, POLICY, TrueGradient(), start(3, 2)[i], 5, float(step), np.random.default_rng(0))
        np.testing.assert_allclose(found.theta[i], alone.theta, rtol=0, atol=1e-14)


@pytest.mark.parametrize("sampler", ["law", "rollout"])
def test_a_row_has_the_same_law_whatever_runs_beside_it(sampler: Any) -> None:
    """Two-sample DKW on V after 3 iterations: 4,000 runs beside others that start elsewhere, and 4,000 without.

    Independence of the neighbour: Hoeffding on concordance. False-alarm rate 2e-6 over both checks and samplers; sees,
    with probability 0.999, a difference of distribution functions of 0.15 and a Kendall correlation of 0.25.
    """
    n = 4000
    estimator = zpg(**SETTINGS, sampler=sampler)
    both = np.broadcast_to(np.stack([start(), start(seed=9)]), (n, 2, POLICY.dim))
    together = ascend(MDP, POLICY, estimator, both, 4, 0.3, np.random.default_rng(0)).values[..., -1]
    alone = ascend(MDP, POLICY, estimator, both[:, 0], 4, 0.3, np.random.default_rng(1)).values[..., -1]
    points = np.concatenate([together[:, 0], alone])
    shares = [np.searchsorted(np.sort(x), points, side="right") / n for x in (together[:, 0], alone)]
    assert np.abs(shares[0] - shares[1]).max() <= 2 * math.sqrt(math.log(8 / 1e-6) / (2 * n))
    # Differences of two runs are symmetric: for independent neighbours the sign of their product is a fair coin.
    concordance = np.sign(together[::2] - together[1::2]).prod(axis=1)
    assert abs(concordance.mean()) <= math.sqrt(2 * math.log(4 / 1e-6) / (n // 2))


def test_runs_from_one_start_part() -> None:
    found = ascend(MDP, POLICY, zpg(**SETTINGS), np.zeros((50, POLICY.dim)), 2, 0.3, np.random.default_rng(0))
    assert len(np.unique(found.theta[:, 0])) == 50
    # A matrix product may round the last columns of a batch otherwise than the first.
    np.testing.assert_allclose(found.values[:, 0], found.values[0, 0], rtol=1e-14)


def test_costs_are_those_of_all_iterations() -> None:
    found = ascend(MDP, POLICY, zbcpg(block_size=2, **SETTINGS), start(2), 7, 0.1, np.random.default_rng(0))
    assert (float(found.n_trajectories), float(found.n_votes)) == (7 * 2 * 20, 7 * 20 * 5)
    pairs = np.array([[10], [math.inf]])
    found = ascend(MDP, POLICY, zpg(**{**SETTINGS, "n_pairs": pairs}), start(2, 3), 7, 0.1, np.random.default_rng(0))
    np.testing.assert_array_equal(found.n_trajectories, [[140], [math.inf]])
    np.testing.assert_array_equal(found.n_votes, [[350], [math.inf]])


@pytest.mark.parametrize("sampler", ["law", "rollout"])
def test_same_seed_same_bytes(sampler: Any) -> None:
    def run(seed: int) -> bytes:
        found = ascend(MDP, POLICY, zpg(**SETTINGS, sampler=sampler), start(3), 4, 0.2, np.random.default_rng(seed))
        return found.theta.tobytes() + found.values.tobytes() + found.gradient_norm_sq.tobytes()

    assert run(0) == run(0)
    assert run(0) != run(1)


def test_the_start_is_left_as_it_was_and_may_be_a_list() -> None:
    theta = start(2)
    found = ascend(MDP, POLICY, TrueGradient(), theta, 3, 0.5, np.random.default_rng(0))
    np.testing.assert_array_equal(theta, start(2))
    listed = ascend(MDP, POLICY, TrueGradient(), theta.tolist(), 3, 0.5, np.random.default_rng(0))
    np.testing.assert_array_equal(found.theta, listed.theta)


@pytest.mark.parametrize("n", [0, -1, 2.0, "3", True])
def test_number_of_iterations_must_be_a_positive_integer(n: Any) -> None:
    with pytest.raises(InputError, match=rf"n_iterations must be an integer of at least 1, got {n!r}"):
        ascend(MDP, POLICY, zpg(**SETTINGS), start(), n, 0.1, np.random.default_rng(0))


@pytest.mark.parametrize("step", [0.0, -0.1, math.inf, math.nan, [0.1, 0.0]])
def test_step_size_must_be_positive_and_finite(step: Any) -> None:
    with pytest.raises(InputError, match=r"step_size must be positive and finite, got "):
        ascend(MDP, POLICY, zpg(**SETTINGS), start(2), 3, step, np.random.default_rng(0))


def test_a_start_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match=r"theta must have shape \(\.\.\., 4\) for this policy, got \(2, 5\)"):
        ascend(MDP, POLICY, zpg(**SETTINGS), np.zeros((2, 5)), 3, 0.1, np.random.default_rng(0))


@pytest.mark.parametrize("step", [1e300, 1e308])
def test_parameters_that_overflow_are_said_to(step: float) -> None:
    """With a step of 1e300 the parameters stay finite, but their squares do not."""
    steep = zpg(**{**SETTINGS, "radius": 1e-3})
    said = "^parameters overflowed in iteration 1; the step size is far too large$"
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match=said):
        ascend(MDP, POLICY, steep, start(), 3, step, np.random.default_rng(0))


def test_large_parameters_below_the_limit_are_left_alone() -> None:
    policy = TabularSoftmax(4, 3)
    found = ascend(MDP, policy, TrueGradient(), np.zeros(12), 2, 1e140, np.random.default_rng(0))
    assert 1e130 < np.abs(found.theta).max() < 1e145
    assert np.isfinite(found.values).all()


def test_a_gradient_that_is_not_finite_ends_the_run() -> None:
    """Logits of 1e160 times 1e149 overflow; the estimator itself would return 0 for ever."""

    class Idle(TrueGradient):
        def estimate(self, *given: Any) -> FloatArray:
            return np.zeros_like(given[2])

    policy = LogLinearSoftmax(np.random.default_rng(0).normal(size=(4, 3, 2)) * 1e160)
    said = "^gradient not finite in iteration 1; lower step_size or check the policy$"
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=said):
        ascend(MDP, policy, Idle(), np.full(2, 1e149), 3, 0.1, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("theta", "said"),
    [
        ([0.0, 0.0, math.nan, 0.0], r"theta must be finite, got nan at \[2\]"),
        ([0.0, 0.0, 0.0, -1e200], r"theta must be at most 1e\+150 in size, got -1e\+200 at \[3\]"),
        (np.full(4, 1j), "theta must be real, got complex numbers; pass the real part only"),
    ],
)
def test_starts_that_cannot_be_are_refused(theta: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}$"):
        ascend(MDP, POLICY, TrueGradient(), theta, 3, 0.1, np.random.default_rng(0))
