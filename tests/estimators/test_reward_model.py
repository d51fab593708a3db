"""Reward inference against a general-purpose fit, closed forms and exact data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from estimators import PreferenceData, PreferenceFeedback, RewardModel, Streams
from estimators.preference_data import collect
from theory import LINKS, Cauchit, InputError, Logistic, Probit, TabularSoftmax, VoteModel, garnet, reward_error

MDP = garnet(4, 3, 2, 5, np.random.default_rng(3), lattice=2)
POLICY = TabularSoftmax(4, 3)
STATSMODELS = {"logistic": sm.families.links.Logit, "probit": sm.families.links.Probit}


def drawn(n_pairs: int, n_queries: float, batch: tuple[int, ...] = (), link: object = None) -> PreferenceData:
    feedback = PreferenceFeedback(np.asarray(n_pairs), "law", VoteModel(link or Logistic(2.0), n_queries))  # type: ignore[arg-type]
    return collect(MDP, POLICY, np.zeros((*batch, POLICY.dim)), feedback, 1, Streams.of(np.random.default_rng(0)))


@pytest.mark.parametrize("name", STATSMODELS)
def test_the_fit_is_that_of_a_general_purpose_library(name: str) -> None:
    """Binomial regression without a prior, on a design of full rank: no intercept, votes as counts."""
    rng = np.random.default_rng(1)
    visits, m = rng.standard_normal((300, 4)), 6
    counts = rng.binomial(m, LINKS[name]().probability(visits @ [0.5, -0.3, 0.8, 0.1]))
    family = sm.families.Binomial(STATSMODELS[name]())
    expected = sm.GLM(np.stack([counts, m - counts], axis=1), visits, family=family).fit(tol=1e-14).params
    found = RewardModel(LINKS[name](), ridge=1e-9).fit(PreferenceData(visits, counts / m, m))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", LINKS)
def test_exact_votes_on_enough_pairs_give_the_rewards_back(name: str) -> None:
    """Infinitely many votes say the difference of the returns: nothing is left on any policy's trajectories."""
    link = LINKS[name](scale=12.0 if name == "linear" else 2.0)
    rewards = RewardModel(link).fit(drawn(400, math.inf, link=link)).reshape(1, 4, 3)
    theta = np.random.default_rng(2).standard_normal((5, POLICY.dim))
    assert reward_error(MDP, POLICY, theta, rewards).max() < 1e-4
    # Raters of another link than assumed are a planted fault: they leave an error.
    data = drawn(400, math.inf, link=Probit(1.0))
    assert reward_error(MDP, POLICY, theta, RewardModel(Logistic(2.0)).fit(data).reshape(1, 4, 3)).max() > 0.1


def test_a_batch_is_its_runs_one_by_one_each_with_its_ridge() -> None:
    data, ridge = drawn(60, 5, (2, 3)), np.array([[0.1], [10.0]])
    together = RewardModel(Logistic(2.0), ridge).fit(data)
    for i, j in np.ndindex(2, 3):
        alone = RewardModel(Logistic(2.0), ridge[i, 0]).fit(PreferenceData(data.visits[i, j], data.shares[i, j], 5))
        np.testing.assert_allclose(together[i, j], alone, atol=1e-5)
    assert np.abs(together[0]).mean() > np.abs(together[1]).mean(), "a tighter prior holds rewards nearer to 0"


def test_the_prior_is_that_of_one_normal_observation_per_unit_of_precision() -> None:
    """One feature, linear raters, pairs all alike: the mode has a closed equation, slope of the loss n M = ridge r."""
    data = PreferenceData(np.ones((40, 1)), np.full(40, 0.7), 5)
    reward = float(RewardModel(Logistic(), ridge=3.0).fit(data)[0])
    assert 40 * 5 * (0.7 - Logistic().probability(reward)) == pytest.approx(3.0 * reward, abs=1e-4)


def test_what_is_never_visited_keeps_the_mean_of_the_prior() -> None:
    data = PreferenceData(np.array([[1.0, -1.0, 0.0]]), np.array([0.9]), 5)
    found = RewardModel(Logistic()).fit(data)
    assert found[2] == 0
    assert found[0] == pytest.approx(-found[1])


def test_a_link_that_is_not_log_concave_ends_where_the_posterior_is_flat() -> None:
    """Starts from both sides end at a point whose neighbours are no better."""
    link, data = Cauchit(0.5), drawn(80, 5, link=Cauchit(0.5))
    from estimators.reward_model import _negative_log_posterior

    for start in (None, np.linspace(-2, 2, 12)):
        found = RewardModel(link).fit(data, start)
        args = (link, data.visits, data.shares, 1 / (80 * 5))
        least, slope = _negative_log_posterior(found, *args)
        assert np.linalg.norm(slope) < 1e-5
        for step in 0.01 * np.eye(12):
            assert _negative_log_posterior(found + step, *args)[0] > least


def test_errors_say_what_to_do() -> None:
    with pytest.raises(InputError, match="ridge must be positive and finite"):
        RewardModel(Logistic(), ridge=0)
    with pytest.raises(InputError, match=r"ridge must broadcast against the batch \(2,\)"):
        RewardModel(Logistic(), ridge=np.ones(3)).fit(drawn(5, 5, (2,)))
