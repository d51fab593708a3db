"""Reward inference against a general-purpose fit, closed forms and exact data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from estimators import PreferenceData, PreferenceFeedback, RewardModel, Streams
from estimators.preference_data import collect
from estimators.reward_model import _hessian, _negative_log_posterior
from theory import (
    LINKS,
    Cauchit,
    InputError,
    Linear,
    Logistic,
    Probit,
    TabularSoftmax,
    VoteModel,
    bandit,
    garnet,
    reward_error,
)
from theory.arrays import FloatArray
from theory.likelihood import cross_entropy

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
        args = (link, data, 1 / (80 * 5))
        least, slope = _negative_log_posterior(found, *args)
        assert np.linalg.norm(slope) < 1e-5
        for step in 0.01 * np.eye(12):
            assert _negative_log_posterior(found + step, *args)[0] > least


def test_errors_say_what_to_do() -> None:
    with pytest.raises(InputError, match="ridge must be positive and finite"):
        RewardModel(Logistic(), ridge=0)
    with pytest.raises(InputError, match=r"ridge must broadcast against the batch \(2,\)"):
        RewardModel(Logistic(), ridge=np.ones(3)).fit(drawn(5, 5, (2,)))
    with pytest.raises(InputError, match=r"start must have shape \(2, .*\) like the data, got \(3,\)"):
        RewardModel(Logistic()).fit(drawn(5, 5, (2,)), np.zeros(3))


@pytest.mark.parametrize("start", [None, np.arange(6.0)], ids=["from zero", "from elsewhere"])
@pytest.mark.parametrize("name", LINKS)
def test_infinitely_many_votes_leave_alone_what_they_do_not_tell(name: str, start: FloatArray | None) -> None:
    """A feature never seen and one that the others determine: a singular search would wander there, by up to 100."""
    rng, rewards = np.random.default_rng(0), np.array([0.3, -0.2, 0.5, 0.1, 0.0, 0.0])
    visits = rng.integers(-3, 4, (400, 6)).astype(float)
    visits[:, 4] = -visits[:, :4].sum(axis=1)
    visits[:, 5] = 0
    link = LINKS[name](scale=30.0 if name == "linear" else 2.0)
    found = RewardModel(link).fit(PreferenceData(visits, link.probability(visits @ rewards), math.inf), start)
    guess = np.zeros(6) if start is None else start
    assert found[5] == pytest.approx(guess[5], abs=1e-12)
    assert found[:5].sum() == pytest.approx(guess[:5].sum(), abs=1e-10)
    np.testing.assert_allclose(visits @ found, visits @ rewards, rtol=0, atol=1e-5)


def test_a_vanishing_prior_and_infinitely_many_votes_agree() -> None:
    data = drawn(100, math.inf)
    limit = RewardModel(Logistic(2.0)).fit(data)
    many = RewardModel(Logistic(2.0)).fit(PreferenceData(data.visits, data.shares, 1e8))
    np.testing.assert_allclose(many, limit, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["cauchit", "cloglog"])
def test_the_other_links_satisfy_the_score_equation_of_counts(name: str) -> None:
    """n M times the slope, from first differences of the binomial log-likelihood of the counts themselves."""
    rng, m, ridge = np.random.default_rng(1), 6, 2.0
    visits, link = rng.standard_normal((300, 4)), LINKS[name]()
    counts = rng.binomial(m, link.probability(visits @ [0.5, -0.3, 0.8, 0.1]))
    found = RewardModel(link, ridge).fit(PreferenceData(visits, counts / m, m))

    def log_posterior(rewards: FloatArray) -> float:
        p = link.probability(visits @ rewards)
        return float((counts * np.log(p) + (m - counts) * np.log1p(-p)).sum() - ridge / 2 * (rewards**2).sum())

    for step in 1e-4 * np.eye(4):
        assert (log_posterior(found + step) - log_posterior(found - step)) / 2e-4 == pytest.approx(0, abs=2e-3)
        assert log_posterior(found + 300 * step) < log_posterior(found)
    wrong = found * 1.02
    assert max(abs(log_posterior(wrong + s) - log_posterior(wrong - s)) / 2e-4 for s in 1e-4 * np.eye(4)) > 1


def test_where_a_fit_starts_does_not_matter_to_a_log_concave_link() -> None:
    data = drawn(80, 5)
    cold = RewardModel(Logistic(2.0)).fit(data)
    warm = RewardModel(Logistic(2.0)).fit(data, np.linspace(-2, 2, 12))
    np.testing.assert_allclose(warm, cold, rtol=0, atol=1e-3)


def test_luck_biases_the_fit_to_the_link_at_the_mean_share() -> None:
    """Two arms, one pull: the difference fitted is sigma^-1 of the mean share, not the difference of the means.

    E sigma is a sum of four terms. Hoeffding on the pairs of unlike arms, 1e-6: the mean share is within 0.03 of it.
    """
    mdp, policy, link = bandit([0.2, 0.9]), TabularSoftmax(1, 2), Logistic(0.25)
    feedback = PreferenceFeedback(np.asarray(20_000), "law", VoteModel(link, math.inf))
    data = collect(mdp, policy, np.zeros(2), feedback, 1, Streams.of(np.random.default_rng(0)))
    better = data.visits[:, 1]
    unlike = better != 0
    mean_share = np.where(better > 0, data.shares, 1 - data.shares)[unlike].mean()
    low, high = RewardModel(link).fit(data)
    assert high - low == pytest.approx(float(link.inverse(mean_share)), abs=1e-6)
    sigma = link.probability(np.array([1.0, 0.0, -1.0]))
    expected = 0.9 * 0.8 * sigma[0] + (0.9 * 0.2 + 0.1 * 0.8) * sigma[1] + 0.1 * 0.2 * sigma[2]
    assert abs(mean_share - expected) < math.sqrt(math.log(2e6) / (2 * unlike.sum())) < 0.03
    assert high - low < 0.55, "the means differ by 0.7"


def test_a_search_that_ends_at_a_kink_says_so() -> None:
    """The linear link: votes pull up to its corner, the prior pulls back from it, and nowhere is it flat."""
    data = PreferenceData(np.ones((4, 1)), np.ones(4), 1)
    with pytest.raises(FloatingPointError, match=r"the reward model did not converge .*; use a larger ridge"):
        RewardModel(Linear(1.0), ridge=0.1).fit(data)


def test_errors_of_return_differences_fall_like_the_inverse_root_of_the_votes() -> None:
    """Mean squared error on the data's own policy, 200 runs each, 100 and 1,600 pairs: a factor of 16 in the limit.

    Its logarithm has a standard deviation below 0.06 by the runs themselves: a false alarm is 8 of them away. A square
    error that stayed (a biased fit) or fell like n^-1/2 would give factors of 1 and 4.
    """
    theta = np.zeros((200, POLICY.dim))
    squares = []
    for n in (100, 1600):
        found = RewardModel(Logistic(2.0), ridge=1e-3).fit(drawn(n, 5, (200,))).reshape(200, 1, 4, 3)
        squares.append(reward_error(MDP, POLICY, theta, found) ** 2)
    means = [s.mean() for s in squares]
    spread = math.sqrt(sum(s.var() / s.mean() ** 2 / 200 for s in squares))
    assert spread < 0.06
    assert abs(math.log(means[0] / means[1] / 16)) < 8 * 0.06


def test_weights_count_as_repeated_pairs() -> None:
    """A pair of weight 3/8 is three of eight equal pairs: infinitely many votes, so that no prior takes part."""
    data, link = drawn(4, math.inf), Logistic(2.0)
    shares = np.clip(data.shares + np.array([0.1, -0.1, 0.05, 0.0]), 0.01, 0.99)
    visits, repeats = data.visits.astype(float), np.array([3, 1, 2, 2])
    weighted = RewardModel(link).fit(PreferenceData(visits, shares, math.inf, repeats / 8))
    again = PreferenceData(np.repeat(visits, repeats, axis=0), np.repeat(shares, repeats), math.inf)
    np.testing.assert_allclose(visits @ weighted, visits @ RewardModel(link).fit(again), atol=1e-4)


def test_weights_matter_where_the_model_cannot_fit_every_vote() -> None:
    data = PreferenceData(np.ones((2, 1)), np.array([0.9, 0.1]), math.inf, np.array([0.75, 0.25]))
    found = RewardModel(Logistic()).fit(data)
    # The mean share is 0.75 x 0.9 + 0.25 x 0.1 = 0.7.
    assert found[0] == pytest.approx(math.log(0.7 / 0.3), abs=1e-5)


def test_rewards_of_few_features_are_the_best_of_their_span() -> None:
    """The fit of the reduced data; rewards of states alone, expanded to all actions."""
    data, of_state = drawn(200, 5), np.kron(np.eye(4), np.ones((3, 1)))
    found = RewardModel(Logistic(2.0), features=of_state).fit(data, np.full(12, 0.5)).reshape(4, 3)
    assert (found == found[:, :1]).all()
    reduced = PreferenceData(data.visits @ of_state, data.shares, 5)
    np.testing.assert_allclose(found[:, 0], RewardModel(Logistic(2.0)).fit(reduced), atol=1e-4)
    every = RewardModel(Logistic(2.0), features=np.eye(12)).fit(data)
    np.testing.assert_allclose(every, RewardModel(Logistic(2.0)).fit(data), atol=1e-4)
    assert np.abs(every.reshape(4, 3) - found).max() > 0.1


@pytest.mark.parametrize(
    ("features", "words"),
    [(np.ones(12), "features must be a matrix"), (np.full((12, 2), np.nan), "features must be finite")],
)
def test_features_that_are_no_matrix_are_refused(features: FloatArray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        RewardModel(Logistic(), features=features)


def test_features_of_other_rewards_are_refused() -> None:
    with pytest.raises(InputError, match="features must have 12 rows"):
        RewardModel(Logistic(), features=np.ones((5, 2))).fit(drawn(4, 5))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["logistic", "cauchit"])
def test_slope_and_curvature_are_those_of_the_negative_log_posterior(name: str, weighted: bool) -> None:
    """Central differences, under a prior that counts."""
    rng = np.random.default_rng(3)
    data = PreferenceData(rng.normal(size=(7, 3)), rng.random(7), 4, rng.dirichlet(np.ones(7)) if weighted else None)
    rewards, prior, h = np.array([0.7, -1.2, 2.0]), 0.8, 1e-5
    given = LINKS[name](1.5), data, prior

    def value(at: FloatArray) -> float:
        return _negative_log_posterior(at, *given)[0]

    moves = h * np.eye(3)
    found, slope = _negative_log_posterior(rewards, *given)
    np.testing.assert_allclose(slope, [(value(rewards + e) - value(rewards - e)) / (2 * h) for e in moves], rtol=1e-7)
    ends = [[_negative_log_posterior(rewards + sign * e, *given)[1] for sign in (1, -1)] for e in moves]
    bends = [(up - down) / (2 * h) for up, down in ends]
    np.testing.assert_allclose(_hessian(rewards, *given), bends, rtol=1e-6, atol=1e-9)
    loss = cross_entropy(given[0], data.visits @ rewards, data.shares)[0]
    share = np.full(7, 1 / 7) if data.weights is None else data.weights
    assert found == pytest.approx(share @ loss + prior / 2 * (0.7**2 + 1.2**2 + 4), rel=1e-13)
