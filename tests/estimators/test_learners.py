"""Learners in the ascent loop: updates, what observers see, costs, and rows of a batch that do not mix."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest

from estimators import (
    Dpo,
    ExactGradient,
    Gpomdp,
    Learner,
    Ppo,
    PreferenceData,
    PreferenceFeedback,
    Reinforce,
    RewardModel,
    SignFeedback,
    Streams,
    ascend,
    zpg,
)
from estimators.learners import update_of
from estimators.preference_data import collect
from theory import InputError, Logistic, TabularSoftmax, VoteModel, garnet, policy_gradient, policy_value
from theory.arrays import FloatArray

MDP = garnet(3, 2, 2, 4, np.random.default_rng(3), lattice=2)
POLICY = TabularSoftmax(3, 2)
LINK = Logistic(2.0)
ORACLE = PreferenceFeedback(np.asarray(6), "law", VoteModel(LINK, 5))
LEARNERS: dict[str, Learner] = {
    "dpo": Dpo(ORACLE, 0.5),
    "dpo online": Dpo(ORACLE, 0.5, online=True),
    "ppo": Ppo(ORACLE, RewardModel(LINK)),
    "ppo online": Ppo(ORACLE, RewardModel(LINK), online=True),
    "ppo sampled": Ppo(ORACLE, RewardModel(LINK), n_rollouts=9),
}
BY_LEARNER = pytest.mark.parametrize("name", LEARNERS)


def thetas(*batch: int) -> FloatArray:
    return np.random.default_rng(1).standard_normal((*batch, POLICY.dim))


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_gradient_estimator_updates_by_its_step() -> None:
    for estimator in (ExactGradient(), zpg(radius=0.3, n_pairs=5, n_queries=4, link=LINK)):
        assert not isinstance(estimator, Learner)
        steps = np.array([[0.1], [2.0]])
        moved = update_of(estimator, MDP, POLICY, thetas(2))(thetas(2), steps, Streams.of(generator()))
        expected = thetas(2) + steps * estimator.estimate(MDP, POLICY, thetas(2), Streams.of(generator()))
        np.testing.assert_array_equal(moved, expected)


def test_exact_ascent_is_the_gradient_of_the_value() -> None:
    found = ExactGradient().estimate(MDP, POLICY, thetas(2, 3), generator())
    for k, step in enumerate(1e-6 * np.eye(POLICY.dim)):
        up, down = (policy_value(MDP, POLICY, thetas(2, 3) + side * step) for side in (1, -1))
        np.testing.assert_allclose(found[..., k], (up - down) / 2e-6, rtol=0, atol=1e-8)
    moments = ExactGradient().moments(MDP, POLICY, thetas(2, 3))
    assert moments.mse.shape == (2, 3)
    assert not np.any(moments.mse)
    assert not np.any(moments.bias_smoothing)
    assert not np.any(moments.bias_inversion)
    with pytest.raises(TypeError):
        ExactGradient(n_votes=np.array(1.0))  # type: ignore[call-arg]


@BY_LEARNER
def test_it_learns_from_votes_alone_what_they_cost(name: str) -> None:
    learner = LEARNERS[name]
    assert isinstance(learner, Learner)
    run = ascend(MDP, POLICY, learner, thetas(2), 3, 0.1, generator())
    assert float(run.n_votes) == 3 * 6 * 5
    assert float(run.n_trajectories) == 3 * (2 * 6 + (9 if name == "ppo sampled" else 0))
    unlimited = PreferenceFeedback(np.asarray(6), "law", VoteModel(LINK, math.inf))
    assert Dpo(unlimited, 0.5).n_votes == math.inf


@pytest.mark.parametrize("estimator", [ExactGradient(), LEARNERS["dpo"], LEARNERS["ppo"]], ids=["exact", "dpo", "ppo"])
def test_observers_see_what_every_iteration_led_to(estimator: Any) -> None:
    """Values recorded are of the iterates before: observed at t is the start of t + 1. A shift by one would show."""
    seen: list[tuple[int, FloatArray, Any]] = []
    run = ascend(MDP, POLICY, estimator, thetas(2), 4, 0.3, generator(), lambda *found: seen.append(found))
    assert [t for t, _, _ in seen] == [1, 2, 3, 4]
    path = np.stack([thetas(2)] + [theta for _, theta, _ in seen])
    np.testing.assert_array_equal(path[-1], run.theta)
    np.testing.assert_allclose(run.values.T, policy_value(MDP, POLICY, path[:-1]), rtol=1e-13)
    assert len({id(update) for _, _, update in seen}) == 1
    unseen = ascend(MDP, POLICY, estimator, thetas(2), 4, 0.3, generator())
    np.testing.assert_array_equal(unseen.theta, run.theta)


@BY_LEARNER
def test_two_runs_share_no_memory(name: str) -> None:
    """A buffer kept by the learner and not by the run would give the second run the data of the first."""
    first, second = (ascend(MDP, POLICY, LEARNERS[name], thetas(2), 4, 0.3, generator()) for _ in range(2))
    np.testing.assert_array_equal(first.theta, second.theta)


@pytest.mark.parametrize("name", ["dpo", "dpo online", "ppo", "ppo online"])
def test_a_row_is_the_single_run_on_the_same_votes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Votes written down beforehand leave no chance: data, fits and steps of a row must not see its neighbours'."""
    written = [collect(MDP, POLICY, thetas(2, 3), ORACLE, 1, Streams.of(np.random.default_rng(t))) for t in range(3)]

    def run(at: tuple[int, ...]) -> FloatArray:
        calls = count()

        def retell(*_: object) -> PreferenceData:
            data = written[next(calls)]
            return PreferenceData(data.visits[at], data.shares[at], data.n_queries)

        monkeypatch.setattr("estimators.dpo.collect", retell)
        monkeypatch.setattr("estimators.ppo.collect", retell)
        return ascend(MDP, POLICY, LEARNERS[name], thetas(2, 3)[at], 3, 0.5, generator()).theta

    together = run(())
    for at in np.ndindex(2, 3):
        np.testing.assert_allclose(together[at], run(at), rtol=0, atol=1e-5)
    assert np.abs(together - thetas(2, 3)).max() > 0.05


def test_pairs_of_a_row_have_the_law_of_a_single_run() -> None:
    """Two-sample DKW on a sum over visits and votes: 4,000 rows beside others that start elsewhere, 4,000 without.

    False-alarm rate 1e-6; sees, with probability 0.999, a difference of distribution functions of 0.15. The planted
    fault, the neighbour's data in place of a row's own, is caught.
    """
    n = 4000
    both = np.broadcast_to(thetas(2) * [[1], [4]], (n, 2, POLICY.dim))
    together = collect(MDP, POLICY, both, ORACLE, 1, Streams.of(np.random.default_rng(1)))
    alone = collect(MDP, POLICY, both[:, 0], ORACLE, 1, Streams.of(np.random.default_rng(2)))
    weights = MDP.expected_reward.ravel() + np.linspace(0, 0.1, MDP.expected_reward.size)

    def told(visits: FloatArray, shares: FloatArray) -> FloatArray:
        return np.asarray((np.abs(visits @ weights) * (1 + shares)).sum(axis=-1))

    first, other = told(together.visits[:, 0], together.shares[:, 0]), told(alone.visits, alone.shares)
    points = np.concatenate([first, other])
    shares = [np.searchsorted(np.sort(x), points, side="right") / n for x in (first, other)]
    bound = 2 * math.sqrt(math.log(4 / 1e-6) / (2 * n))
    assert np.abs(shares[0] - shares[1]).max() <= bound
    neighbour = told(together.visits[:, 1], together.shares[:, 1])
    assert np.abs(np.searchsorted(np.sort(neighbour), points, side="right") / n - shares[1]).max() > bound


@pytest.mark.parametrize("beta", [np.ones(3), np.ones((2, 1))])
def test_a_beta_that_does_not_fit_the_batch_is_refused(beta: FloatArray) -> None:
    with pytest.raises(InputError, match=r"beta must broadcast against the batch \(2,\) of theta, got shape \("):
        ascend(MDP, POLICY, Dpo(ORACLE, beta), thetas(2), 1, 0.1, generator())


def test_other_methods_cost_no_votes() -> None:
    run = ascend(MDP, POLICY, Gpomdp(8), thetas(2), 3, 0.1, generator())
    assert (float(run.n_trajectories), float(run.n_votes)) == (24, 0)
    moved = ascend(MDP, POLICY, ExactGradient(), thetas(2), 1, 0.1, generator()).theta - thetas(2)
    np.testing.assert_allclose(moved, 0.1 * policy_gradient(MDP, POLICY, thetas(2)), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: VoteModel("logistic", 5), r"link must be a Link such as Logistic\(\), got 'logistic'"),
        (lambda: VoteModel(LINK, 5, rater_link=3), "rater_link must be a Link"),
        (lambda: PreferenceFeedback(np.asarray(4), "law", LINK), "votes must be a VoteModel"),
        (lambda: SignFeedback(4, 5, "logistic"), "link must be a Link"),
        (lambda: Ppo(RewardModel(LINK), ORACLE), "feedback must be a PreferenceFeedback"),
        (lambda: Ppo(ORACLE, LINK), "reward_model must be a RewardModel"),
        (lambda: Ppo(ORACLE, RewardModel(LINK), online="no"), "online must be a bool"),
        (lambda: Dpo(LINK, 1.0), "feedback must be a PreferenceFeedback"),
        (lambda: Dpo(ORACLE, 1.0, online="no"), "online must be a bool"),
        (lambda: RewardModel("logistic"), "link must be a Link"),
    ],
)
def test_parts_of_another_kind_are_refused_where_they_are_put_together(build: Callable[[], object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        build()


@pytest.mark.parametrize("estimator", [Reinforce(math.inf), Gpomdp(math.inf)])
def test_infinitely_many_trajectories_have_moments_and_no_draw(estimator: Reinforce | Gpomdp) -> None:
    assert float(estimator.moments(MDP, POLICY, np.zeros(POLICY.dim)).mse) == 0
    with pytest.raises(InputError, match="n_per_estimate must be finite to draw an estimate, got inf"):
        estimator.estimate(MDP, POLICY, np.zeros(POLICY.dim), np.random.default_rng(0))


@pytest.mark.parametrize("learner", [ExactGradient, Ppo, 3, None])
def test_what_is_no_learner_is_refused(learner: Any) -> None:
    with pytest.raises(InputError, match=r"estimator must be a GradientEstimator or a Learner, got .*ExactGradient"):
        update_of(learner, MDP, POLICY, np.zeros(POLICY.dim))
