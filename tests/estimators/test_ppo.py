"""PPO on a learned reward: its first step, its clipping, its sampled advantages, and when it fits again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from estimators import ExactGradient, Ppo, PreferenceFeedback, RewardModel, Streams, ascend
from estimators.ppo import PpoUpdate
from estimators.preference_data import collect
from estimators.rollouts import Trajectories, sample_trajectories
from theory import (
    InputError,
    Logistic,
    Policy,
    TabularSoftmax,
    VoteModel,
    bandit,
    enumerate_trajectories,
    garnet,
    policy_gradient,
    policy_value,
)
from theory.arrays import FloatArray

MDP = garnet(4, 3, 2, 5, np.random.default_rng(3), lattice=2)
POLICY, TIMED = TabularSoftmax(4, 3), TabularSoftmax(4, 3, horizon=5)
LINK = Logistic(2.0)
ONE_VOTE = PreferenceFeedback(np.asarray(1), "law", VoteModel(LINK, 1))


class Told(RewardModel):
    """A reward model that is told the truth, less a constant that must not matter."""

    def fit(self, data: object, start: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        assert start is not None
        return np.broadcast_to(MDP.expected_reward.ravel() - 0.3, start.shape)


def ppo(model: RewardModel | None = None, **options: object) -> Ppo:
    feedback = PreferenceFeedback(np.asarray(8), "law", VoteModel(LINK, 5))
    return Ppo(feedback, model or RewardModel(LINK), **options)  # type: ignore[arg-type]


def step(learner: Ppo, policy: Policy, theta: np.ndarray, size: float, seed: int = 0) -> np.ndarray:
    update = learner.begin(MDP, policy, theta)
    return update(theta, np.full((*theta.shape[:-1], 1), size), Streams.of(np.random.default_rng(seed)))


@pytest.mark.parametrize("policy", [POLICY, TIMED], ids=["stationary", "timed"])
def test_the_first_step_is_along_the_gradient_of_the_value_under_the_learned_reward(policy: Policy) -> None:
    """All ratios are 1, so nothing is clipped; told the truth, the gradient is that of V. Lost parts would show."""
    theta = np.random.default_rng(1).standard_normal((3, policy.dim))
    moved = step(ppo(Told(LINK), n_epochs=1), policy, theta, 0.7)
    np.testing.assert_allclose((moved - theta) / 0.7, policy_gradient(MDP, policy, theta), atol=1e-12)


def test_sampled_advantages_shrink_the_gradient_by_the_share_of_a_trajectory_in_its_own_baseline() -> None:
    """E = (1 - 1/n) grad V: the batch mean that is subtracted contains the trajectory itself.

    Mean over 100,000 runs in each coordinate, empirical Bernstein, |x| <= 12.5, false-alarm rate 1e-6 over all; n = 2
    halves the gradient, and without the factor its largest entries would be off by three times the bound.
    """
    n_runs, n = 100_000, 2
    theta = np.broadcast_to(np.random.default_rng(1).standard_normal(POLICY.dim), (n_runs, POLICY.dim))
    learner = Ppo(ONE_VOTE, Told(LINK), n_epochs=1, n_rollouts=n)
    moved = step(learner, POLICY, theta, 1.0) - theta
    log_term = math.log(2 * POLICY.dim / 1e-6)
    bound = np.sqrt(2 * moved.var(axis=0) * log_term / n_runs) + 25 * 7 * log_term / (3 * n_runs)
    exact = (1 - 1 / n) * policy_gradient(MDP, POLICY, theta[0])
    assert (np.abs(moved.mean(axis=0) - exact) < bound).all()
    assert np.abs(exact).max() > 3 * bound.max()


def test_a_gain_stops_counting_above_the_clip_and_a_loss_below_it() -> None:
    """Two arms, one pull: ratios end just past 1 + clip or 1 - clip, however many epochs; unclipped they run away."""
    mdp, policy = bandit([0.2, 0.8]), TabularSoftmax(1, 2)

    class Fixed(RewardModel):
        def fit(self, data: object, start: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
            return np.array([0.0, 1.0])

    theta = np.zeros(2)
    for clip in (0.1, 0.5):
        learner = Ppo(
            PreferenceFeedback(np.asarray(1), "law", VoteModel(LINK, 1)), Fixed(LINK), clip=clip, n_epochs=500
        )
        update = learner.begin(mdp, policy, theta)
        end = update(theta, np.array([0.01]), Streams.of(np.random.default_rng(0)))
        ratio = policy.probabilities(end)[0, 0] / 0.5
        assert ratio[1] == pytest.approx(1 + clip, abs=0.01)
    # A clip that is never reached leaves the steps as they are.
    wide = Ppo(ONE_VOTE, Fixed(LINK), clip=0.99, n_epochs=5000)
    end = wide.begin(mdp, policy, theta)(theta, np.array([0.01]), Streams.of(np.random.default_rng(0)))
    assert policy.probabilities(end)[0, 0, 1] / 0.5 > 1.9


@pytest.mark.parametrize(("better", "worse"), [(1, 0), (0, 1)])
def test_sampled_gains_and_losses_stop_at_their_own_side_of_the_clip(better: int, worse: int) -> None:
    """Three arms, one pull, by hand from the pulls that were drawn: steps count until a ratio leaves its side.

    A gain counts while its ratio is at most 1 + clip, a loss while it is at least 1 - clip. Exchanged, or clipped on
    the wrong side, the steps are the same at first and others later.
    """
    mdp, policy, paid, clip, size = bandit([0.2, 0.5, 0.8]), TabularSoftmax(1, 3), np.zeros(3), 0.1, 0.3
    paid[better], paid[worse] = 1.0, -0.5
    learner = Ppo(ONE_VOTE, RewardModel(LINK), clip=clip, n_epochs=12, n_rollouts=9)
    theta = np.array([0.3, -0.2, 0.1])
    update = PpoUpdate(learner, mdp, policy, theta)
    update.rewards = paid.reshape(1, 1, 3)
    end = update.improve(theta, np.array([size]), Streams.of(np.random.default_rng(4)))
    pulls = sample_trajectories(mdp, policy, theta, 9, Streams.of(np.random.default_rng(4)).trajectories).actions[0]
    old = np.exp(theta) / np.exp(theta).sum()
    by_hand, stopped = theta.copy(), set()
    for _ in range(12):
        new = np.exp(by_hand) / np.exp(by_hand).sum()
        step = np.zeros(3)
        for pull in pulls:
            advantage = (paid[pull] - paid[pulls].mean()) / 9
            ratio = new[pull] / old[pull]
            if ratio > 1 + clip if advantage > 0 else ratio < 1 - clip:
                stopped.add(bool(advantage > 0))
                continue
            step += advantage * ratio * (np.eye(3)[pull] - new)
        by_hand = by_hand + size * step
    assert stopped == {True, False}, "a gain and a loss were clipped"
    np.testing.assert_allclose(end, by_hand, atol=1e-12)


def test_an_action_whose_probability_rounds_to_zero_spoils_nothing() -> None:
    theta = np.zeros((1, POLICY.dim))
    theta[0, 0] = -2000.0
    for rollouts in (None, 4):
        assert np.isfinite(step(ppo(n_rollouts=rollouts), POLICY, theta, 1.0)).all()


def test_the_reward_is_fitted_again_when_the_data_have_grown_by_a_quarter() -> None:
    sizes: list[int] = []

    class Counting(RewardModel):
        def fit(self, data: object, start: np.ndarray | None = None) -> np.ndarray:
            sizes.append(data.shares.shape[-1])  # type: ignore[attr-defined]
            return super().fit(data, start)  # type: ignore[arg-type]

    ascend(MDP, POLICY, ppo(Counting(LINK)), np.zeros((2, POLICY.dim)), 12, 1.0, np.random.default_rng(0))
    assert sizes == [8, 16, 24, 32, 40, 56, 72, 96]


@pytest.mark.parametrize("online", [False, True])
@pytest.mark.parametrize("n_rollouts", [None, 16])
def test_it_improves_the_true_value(online: bool, n_rollouts: int | None) -> None:
    learner = ppo(online=online, n_rollouts=n_rollouts)
    run = ascend(MDP, POLICY, learner, np.zeros((5, POLICY.dim)), 40, 1.0, np.random.default_rng(0))
    best = ascend(MDP, POLICY, ExactGradient(), np.zeros(POLICY.dim), 200, 3.0, np.random.default_rng(0)).values[-1]
    start = float(policy_value(MDP, POLICY, np.zeros(POLICY.dim)))
    assert (run.values[:, -1] - start > 0.6 * (best - start)).all()
    assert float(run.n_votes) == 40 * 8 * 5
    assert float(run.n_trajectories) == 40 * (16 + (n_rollouts or 0))


def test_who_observes_sees_every_iteration_and_the_learned_reward() -> None:
    seen: list[tuple[int, np.ndarray]] = []

    def look(t: int, theta: np.ndarray, update: object) -> None:
        assert isinstance(update, PpoUpdate)
        assert update.rewards.shape == (2, 1, 4, 3)
        seen.append((t, theta))

    run = ascend(MDP, POLICY, ppo(), np.zeros((2, POLICY.dim)), 3, 1.0, np.random.default_rng(0), observe=look)
    assert [t for t, _ in seen] == [1, 2, 3]
    np.testing.assert_array_equal(seen[-1][1], run.theta)


def test_exact_ascent_costs_nothing_and_climbs() -> None:
    run = ascend(MDP, POLICY, ExactGradient(), np.zeros(POLICY.dim), 20, 0.5, np.random.default_rng(0))
    assert (np.diff(run.values) > 0).all()
    assert float(run.n_trajectories) == float(run.n_votes) == 0
    moments = ExactGradient().moments(MDP, POLICY, run.theta)
    np.testing.assert_array_equal(moments.mean, policy_gradient(MDP, POLICY, run.theta))
    assert float(moments.mse) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clip": 0.0}, "clip must lie strictly between 0 and 1"),
        ({"n_epochs": 0}, "n_epochs"),
        ({"n_rollouts": 0}, "n_rollouts"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ppo(**options)


@pytest.mark.parametrize(
    ("policy", "seed", "size"), [(POLICY, 4, 10.0), (TIMED, 39, 20.0)], ids=["stationary", "timed"]
)
def test_later_steps_follow_the_clipped_surrogate(policy: Policy, seed: int, size: float) -> None:
    """Its definition, E min(r A, clip(r) A), by its own dynamic programme and central differences where ratios left 1.

    All four cases occur: gains and losses past the clip on the side that stops counting, and on the side that still
    counts. A clip that drops both sides would be caught.
    """
    theta, clip = 1.5 * np.random.default_rng(seed).standard_normal(policy.dim), 0.2
    first, second = (step(ppo(Told(LINK), n_epochs=k, clip=clip), policy, theta, size) for k in (1, 2))
    old = policy.probabilities(theta)
    advantages, flow = by_loop(np.broadcast_to(old, (5, 4, 3)))

    def surrogate(at: FloatArray) -> float:
        ratio = policy.probabilities(at) / old
        return float((flow * np.minimum(ratio * advantages, np.clip(ratio, 1 - clip, 1 + clip) * advantages)).sum())

    ratio = np.broadcast_to(policy.probabilities(first) / old, advantages.shape)
    cases = [sign * (flow * advantages)[far] for far in (ratio > 1 + clip, ratio < 1 - clip) for sign in (1, -1)]
    assert all((case > 1e-5).any() for case in cases)
    slopes = [(surrogate(first + h) - surrogate(first - h)) / 2e-6 for h in 1e-6 * np.eye(policy.dim)]
    np.testing.assert_allclose((second - first) / size, slopes, rtol=0, atol=1e-7)


def by_loop(pi: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Advantages under the true rewards and probabilities of (step, state, action), outcome by outcome."""
    q, flow = np.zeros((5, 4, 3)), np.zeros((5, 4, 3))
    value, visits = np.zeros(4), MDP.initial.copy()
    for h in reversed(range(5)):
        q[h] = (MDP.probabilities[0] * (MDP.rewards[0] + value[MDP.next_states[0]])).sum(axis=-1)
        value = (pi[h] * q[h]).sum(axis=-1)
    for h in range(5):
        flow[h] = visits[:, None] * pi[h]
        visits = np.zeros(4)
        np.add.at(visits, MDP.next_states[0], flow[h][..., None] * MDP.probabilities[0])
    return q - (pi * q).sum(axis=-1, keepdims=True), flow


@pytest.mark.parametrize(("better", "end"), [(0.2, 0.36), (0.8, 0.96)])
def test_where_clipping_ends_in_an_uneven_bandit_by_hand(better: float, end: float) -> None:
    """Gains stop at 1.2 times the better arm, losses at 0.8 times the worse: the later of the two ends the climb.

    From (0.2, 0.8): 0.24 against 1 - 0.64 = 0.36. From (0.8, 0.2): 0.96 against 1 - 0.16 = 0.84. Sides swapped, or one
    of the two lost, would end elsewhere.
    """
    mdp, policy = bandit([0.2, 0.8]), TabularSoftmax(1, 2)

    class Fixed(RewardModel):
        def fit(self, data: object, start: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
            return np.array([0.0, 1.0])

    update = Ppo(ONE_VOTE, Fixed(LINK), n_epochs=4000).begin(mdp, policy, np.zeros(2))
    theta = update(np.log([1 - better, better]), np.array([0.05]), Streams.of(np.random.default_rng(0)))
    assert policy.probabilities(theta)[0, 0, 1] == pytest.approx(end, abs=2e-3)


@pytest.mark.parametrize("timed", [False, True], ids=["stationary", "timed"])
def test_the_mean_of_sampled_advantages_over_all_pairs_of_trajectories(
    timed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every pair that could be drawn, weighed by its probability: exactly half of grad V, no chance involved."""
    mdp = garnet(2, 2, 2, 2, np.random.default_rng(4), lattice=2)
    policy = TabularSoftmax(2, 2, 2 if timed else None)
    theta = np.random.default_rng(5).standard_normal(policy.dim)
    paths = enumerate_trajectories(mdp)
    chance = paths.probabilities(policy.probabilities(theta))
    pairs = np.stack(np.indices((chance.size,) * 2), axis=-1).reshape(-1, 2)

    class Known(RewardModel):
        def fit(self, data: object, start: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
            assert start is not None
            return np.broadcast_to(mdp.expected_reward.ravel() + 0.2, start.shape)

    def drawn(*_: object) -> Trajectories:
        states, actions = (np.moveaxis(table[pairs], -1, 0) for table in (paths.states, paths.actions))
        return Trajectories(states, actions, np.zeros(states.shape))

    monkeypatch.setattr("estimators.ppo.sample_trajectories", drawn)
    batch = np.broadcast_to(theta, (len(pairs), policy.dim))
    update = Ppo(ONE_VOTE, Known(LINK), n_epochs=1, n_rollouts=2).begin(mdp, policy, batch)
    moved = update(batch, np.ones((len(pairs), 1)), Streams.of(np.random.default_rng(0))) - batch
    # Each pair by hand: what one of two trajectories has still to come, less the mean of both.
    shared = np.zeros((len(pairs), 2 if timed else 1, 2, 2))
    learned = mdp.expected_reward[0] + 0.2
    for p, pair in enumerate(pairs):
        to_go = np.array([learned[paths.states[k], paths.actions[k]][::-1].cumsum()[::-1] for k in pair])
        for k, ahead in zip(pair, (to_go - to_go.mean(axis=0)) / 2, strict=True):
            for h, (s, a) in enumerate(zip(paths.states[k], paths.actions[k], strict=True)):
                shared[p, h if timed else 0, s, a] += ahead[h]
    by_hand = policy.score_product(batch, policy.probabilities(batch), shared)
    np.testing.assert_allclose(moved, by_hand, rtol=0, atol=1e-12)
    weights = chance[pairs].prod(axis=1)
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights @ moved, policy_gradient(mdp, policy, theta) / 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", [1, 2.0, math.inf, True])
def test_advantages_need_two_whole_trajectories(count: object) -> None:
    """One would be its own baseline, and nothing would ever be learned."""
    with pytest.raises(InputError, match=r"n_rollouts must be an integer of at least 2, got "):
        ppo(n_rollouts=count)
    if count != 1:
        with pytest.raises(InputError, match=r"n_epochs must be an integer of at least 1, got "):
            ppo(n_epochs=count)


@pytest.mark.parametrize("online", [False, True])
def test_pairs_come_from_the_start_or_online_from_the_current_policy(
    online: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FloatArray] = []

    def listen(mdp: object, policy: object, theta: FloatArray, *rest: object) -> object:
        asked.append(theta.copy())
        return collect(mdp, policy, theta, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("estimators.ppo.collect", listen)
    path = [np.zeros((2, POLICY.dim))]
    ascend(MDP, POLICY, ppo(online=online), path[0], 3, 1.0, np.random.default_rng(0), lambda *at: path.append(at[1]))
    assert np.abs(path[1] - path[0]).max() > 0.01
    np.testing.assert_array_equal(asked, path[:3] if online else [path[0]] * 3)
