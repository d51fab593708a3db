"""DPO on trajectories: its gradient, its data, and the closed form it attains in a bandit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from estimators import Dpo, PreferenceData, PreferenceFeedback, Streams, ascend
from estimators.preference_data import collect
from theory import (
    LINKS,
    InputError,
    Link,
    Logistic,
    Policy,
    TabularMDP,
    TabularSoftmax,
    VoteModel,
    bandit,
    garnet,
    population_loss,
)

MDP = garnet(3, 2, 2, 3, np.random.default_rng(3), lattice=2)
UNIFORM = np.log(np.full((1, 3, 2), 0.5))


def oracle(n_pairs: int, n_queries: float, link: Link | None = None) -> PreferenceFeedback:
    return PreferenceFeedback(np.asarray(n_pairs), "law", VoteModel(link or Logistic(), n_queries))


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("policy", [TabularSoftmax(3, 2), TabularSoftmax(3, 2, horizon=3)], ids=["stationary", "timed"])
def test_the_gradient_is_that_of_the_loss(policy: Policy, name: str) -> None:
    """Central differences; beta differs along the batch. Votes for the wrong trajectory would flip its sign."""
    link = LINKS[name](scale=6.0)
    dpo = Dpo(oracle(20, 5, link), beta=np.array([0.3, 2.0]))
    theta = np.random.default_rng(0).standard_normal((2, policy.dim))
    streams = Streams.of(np.random.default_rng(1))
    data = collect(MDP, policy, theta, dpo.feedback, policy.horizon or 1, streams)
    gradient = dpo.loss(policy, theta, data, UNIFORM)[1]
    for k, step in enumerate(1e-5 * np.eye(policy.dim)):
        up, down = (dpo.loss(policy, theta + side * step, data, UNIFORM)[0] for side in (1, -1))
        np.testing.assert_allclose(gradient[:, k], (up - down) / 2e-5, atol=1e-8)


def test_the_sampled_loss_has_the_population_loss_as_its_mean() -> None:
    """The two are written apart. Hoeffding on 40,000 pairs, false-alarm rate 1e-6; sees a difference of 0.02."""
    policy = TabularSoftmax(3, 2, horizon=3)
    theta, n = 0.3 * np.random.default_rng(0).standard_normal(policy.dim), 40_000
    dpo = Dpo(oracle(n, math.inf), beta=0.5)
    start = np.zeros(policy.dim)
    data = collect(MDP, policy, start, dpo.feedback, 3, Streams.of(np.random.default_rng(1)))
    reference = np.log(policy.probabilities(start))
    exact = float(population_loss(MDP, np.full((1, 3, 2), 0.5), 0.5, Logistic())(theta)[0])
    ratio = np.abs(np.log(policy.probabilities(theta)) - reference).max(axis=(1, 2)).sum()
    widest = np.logaddexp(0, 2 * 0.5 * ratio)
    assert abs(float(dpo.loss(policy, theta, data, reference)[0]) - exact) < widest * math.sqrt(math.log(2e6) / (2 * n))


@pytest.mark.parametrize("beta", [pytest.param(0.5, marks=pytest.mark.slow), pytest.param(2.0, marks=pytest.mark.slow)])
def test_in_a_bandit_of_certain_rewards_it_ends_at_the_tilted_reference(beta: float) -> None:
    """pi is proportional to pi_ref exp(r / beta), given infinitely many votes on every pair of arms.

    The planted fault, arms that pay at random with the same means and certain raters, ends elsewhere.
    """
    means, policy = np.array([0.0, 0.3, 1.0]), TabularSoftmax(1, 3)
    sure = TabularMDP(np.ones((1, 3, 1)), means[None], [1.0], 1)
    start = np.array([0.5, 0.0, -0.2])
    wanted = policy.probabilities(start)[0, 0] * np.exp(means / beta)
    wanted /= wanted.sum()
    ends = {}
    for name, mdp in (("sure", sure), ("random", bandit(means))):
        run = ascend(mdp, policy, Dpo(oracle(50, math.inf, Logistic(0.2)), beta), start, 600, 0.3 / beta**2, _rng())
        ends[name] = policy.probabilities(run.theta)[0, 0]
    np.testing.assert_allclose(ends["sure"], wanted, atol=1e-3)
    assert np.abs(ends["random"] - wanted).max() > 0.02


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_offline_uses_the_pairs_of_the_start_and_all_of_them_online_the_last_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy, used, asked = TabularSoftmax(3, 2), [], []
    loss = Dpo.loss
    monkeypatch.setattr(
        Dpo, "loss", lambda self, p, t, data, r: used.append(data.shares.shape[-1]) or loss(self, p, t, data, r)
    )
    monkeypatch.setattr(
        "estimators.dpo.collect",
        lambda mdp, p, theta, *rest: asked.append(theta.copy()) or collect(mdp, p, theta, *rest),
    )
    start = np.random.default_rng(1).standard_normal((4, policy.dim))
    # Offline each of the four runs is trained by itself.
    for online, sizes in ((False, [6] * 4 + [12] * 4 + [18] * 4), (True, [6, 6, 6])):
        used.clear()
        asked.clear()
        ascend(MDP, policy, Dpo(oracle(6, 5), 1.0, online=online, n_steps=1), start, 3, 1.0, _rng())
        assert used == sizes
        assert [np.array_equal(theta, start) for theta in asked] == [True, not online, not online]


def test_costs_and_errors() -> None:
    run = ascend(MDP, TabularSoftmax(3, 2), Dpo(oracle(6, 5), 1.0), np.zeros(6), 4, 1.0, _rng())
    assert (float(run.n_trajectories), float(run.n_votes)) == (4 * 12, 4 * 30)
    with pytest.raises(InputError, match="beta must be positive and finite"):
        Dpo(oracle(6, 5), 0.0)
    for steps in (0, 1.5, [3, -1]):
        with pytest.raises(InputError, match="n_steps must be"):
            Dpo(oracle(6, 5), 1.0, n_steps=steps)
    with pytest.raises(InputError, match="n_pairs must be one finite number"):
        Dpo(PreferenceFeedback(np.asarray(math.inf), "law", VoteModel(Logistic(), 5)), 1.0)


def test_settings_are_kept_as_arrays_of_floats() -> None:
    dpo = Dpo(oracle(6, 5), [1, 2], n_steps=[3, math.inf])
    for setting, expected in ((dpo.beta, [1, 2]), (dpo.n_steps, [3, math.inf])):
        assert isinstance(setting, np.ndarray)
        assert setting.dtype == np.float64
        assert setting.tolist() == expected


def test_runs_of_a_batch_may_stop_after_different_numbers_of_steps() -> None:
    """On the same data, a run among others ends where one does that has a batch to itself."""
    policy, counts, steps = TabularSoftmax(3, 2), np.array([1.0, 4.0, math.inf]), np.array([0.5, 2.0, 1.0])
    start = np.random.default_rng(1).standard_normal((3, policy.dim))
    kept = collect(MDP, policy, start, oracle(30, 5), 1, Streams.of(_rng()))
    reference = np.log(policy.probabilities(start))
    together = Dpo(oracle(30, 5), 0.7, n_steps=counts)._trained(policy, start, kept, reference, steps[:, None])
    for run, (count, step) in enumerate(zip(counts, steps, strict=True)):
        one = slice(run, run + 1)
        own = PreferenceData(kept.visits[one], kept.shares[one], kept.n_queries)
        learner = Dpo(oracle(30, 5), 0.7, n_steps=count)
        np.testing.assert_array_equal(
            learner._trained(policy, start[one], own, reference[one], np.array([[step]]))[0], together[run]
        )
    after_one = start[0] - 0.5 * Dpo(oracle(30, 5), 0.7).loss(policy, start, kept, reference)[1][0]
    np.testing.assert_allclose(together[0], after_one, rtol=1e-13)


@pytest.mark.parametrize("online", [False, True])
def test_a_step_is_down_the_gradient_on_the_data_it_should_use(online: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data told apart from the learner's buffer; the reference stays the start. Old data used online would show."""
    policy, told = TabularSoftmax(3, 2), []
    start = np.random.default_rng(1).standard_normal((4, policy.dim))

    def listen(*asked: object) -> PreferenceData:
        told.append(collect(*asked))  # type: ignore[arg-type]
        return told[-1]

    monkeypatch.setattr("estimators.dpo.collect", listen)
    dpo, path = Dpo(oracle(6, 5), 0.7, online=online, n_steps=np.array([1, 1, 2, 3])), [start]
    ascend(MDP, policy, dpo, start, 4, 0.9, _rng(), lambda _, theta, __: path.append(theta))
    reference = np.log(policy.probabilities(start))
    for t in range(4):
        used = told[t : t + 1] if online else told[: t + 1]
        data = PreferenceData(*(np.concatenate([getattr(d, k) for d in used], axis=1) for k in ("visits", "shares")), 5)
        expected = path[t] if online else start
        for k in range(1 if online else 3):
            stepped = expected - 0.9 * dpo.loss(policy, expected, data, reference)[1]
            expected = stepped if online else np.where(k < np.array([[1], [1], [2], [3]]), stepped, expected)
        np.testing.assert_allclose(path[t + 1], expected, rtol=0, atol=1e-12)
    assert np.abs(path[-1] - start).max() > 0.05


def test_to_the_end_is_a_minimum_of_the_loss_on_all_data_and_few_steps_are_not() -> None:
    policy, start = TabularSoftmax(3, 2), np.zeros((2, 6))
    dpo = Dpo(oracle(40, 25), np.array([0.5, 1.0]))
    streams = Streams.of(_rng())
    seen = collect(MDP, policy, start, dpo.feedback, 1, streams)
    ends = dpo.begin(MDP, policy, start)(start, np.ones((2, 1)), Streams.of(_rng()))
    reference = np.log(policy.probabilities(start))
    least, slope = dpo.loss(policy, ends, seen, reference)
    assert np.abs(slope).max() < 1e-4
    few = replace(dpo, n_steps=3).begin(MDP, policy, start)(start, np.ones((2, 1)), Streams.of(_rng()))
    assert (dpo.loss(policy, few, seen, reference)[0] > least + 1e-4).all()


@pytest.mark.parametrize("beta", [1e-5, 1e-3, 0.1])
def test_a_search_to_the_end_does_not_stay_where_it_begins_for_a_small_beta(beta: float) -> None:
    """Slopes are of the order of beta; policies would have to be proportional to exp(r / beta)."""
    rewards = np.array([0.0, 0.4, 0.6])
    arms = TabularMDP(np.ones((1, 3, 1)), rewards[None], [1.0], 1)
    policy, start = TabularSoftmax(1, 3), np.zeros((1, 3))
    dpo = Dpo(PreferenceFeedback(np.asarray(200), "rollout", VoteModel(Logistic(0.5), math.inf)), beta)
    theta = dpo.begin(arms, policy, start)(start, np.ones((1, 1)), Streams.of(_rng()))[0]
    wanted = np.exp((rewards - rewards.max()) / beta)
    np.testing.assert_allclose(policy.probabilities(theta)[0, 0], wanted / wanted.sum(), rtol=0, atol=1e-3)


def test_a_batch_of_losses_is_its_runs_one_by_one() -> None:
    policy, beta = TabularSoftmax(3, 2), np.array([[0.3], [2.0]])
    theta = np.random.default_rng(0).standard_normal((2, 3, policy.dim))
    data = collect(MDP, policy, theta, oracle(9, 5), 1, Streams.of(_rng()))
    loss, gradient = Dpo(oracle(9, 5), beta).loss(policy, theta, data, UNIFORM)
    for i, j in np.ndindex(2, 3):
        own = PreferenceData(data.visits[i, j], data.shares[i, j], 5)
        one = Dpo(oracle(9, 5), beta[i, 0]).loss(policy, theta[i, j], own, UNIFORM)
        np.testing.assert_allclose(loss[i, j], one[0], rtol=1e-12)
        np.testing.assert_allclose(gradient[i, j], one[1], rtol=0, atol=1e-13)
