"""Drawing from the exact law of the votes and rolling out every trajectory are one law.

Every check compares a sampler with exact moments or an exact law, or the two samplers with each other, through a bound
that holds for every sample size (Dvoretzky-Kiefer-Wolfowitz, Bernstein). Each has a false-alarm rate of 1e-6 / 500 and
there are fewer than 500, so that the file's is at most 1e-6.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from estimators import (
    Blocks,
    Directions,
    PreferenceFeedback,
    ReturnFeedback,
    SignFeedback,
    Sphere,
    Streams,
    ZerothOrder,
    rollouts,
)
from estimators.feedback import Sampler
from theory import (
    CircularPolicy,
    ComplementaryLogLog,
    Logistic,
    Policy,
    Probit,
    TabularMDP,
    TabularSoftmax,
    VoteModel,
    bandit,
    difference_law,
    garnet,
    policy_value,
    return_distribution,
)
from theory.arrays import FloatArray

AnyFeedback = PreferenceFeedback | ReturnFeedback

FALSE_ALARM = 1e-6 / 500
DRAWS = 20_000
RADIUS = 0.6


@dataclass(frozen=True)
class Setting:
    mdp: TabularMDP
    policy: Policy
    theta: FloatArray
    other: FloatArray


def setting(mdp: TabularMDP, policy: Policy) -> Setting:
    rng = np.random.default_rng(12)
    theta = rng.normal(size=policy.dim)
    return Setting(mdp, policy, theta, theta + rng.normal(size=policy.dim))


def joint_rewards() -> TabularMDP:
    """One successor pays two rewards, outcomes are padded, a state never starts."""
    probabilities = [
        [[0.3, 0.3, 0.4, 0.0], [0.1, 0.2, 0.3, 0.4]],
        [[0.0, 1.0, 0.0, 0.0], [0.5, 0.25, 0.25, 0.0]],
        [[0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.5, 0.5]],
    ]
    next_states = [[[0, 0, 1, 2], [1, 1, 2, 2]], [[0, 2, 0, 0], [1, 1, 1, 0]], [[0, 0, 2, 2], [0, 1, 0, 0]]]
    rewards = [
        [[0.0, 0.75, 0.25, 0.0], [0.0, 1.0, 0.25, 0.5]],
        [[0.0, 0.5, 0.0, 0.0], [0.0, 1.0, 0.25, 0.0]],
        [[0.0, 1.0, 0.0, 0.75], [0.0, 0.0, 0.0, 0.5]],
    ]
    return TabularMDP.from_outcomes(probabilities, next_states, rewards, [0.4, 0.0, 0.6], 4)


def staged() -> TabularMDP:
    """Every step has its own transitions and rewards."""
    rng = np.random.default_rng(8)
    return TabularMDP(rng.dirichlet(np.ones(3), (3, 3, 2)), rng.integers(0, 4, (3, 3, 2, 3)) / 3, [0.2, 0.3, 0.5], 3)


SETTINGS = {
    "garnet": setting(garnet(4, 3, 2, 4, np.random.default_rng(2), lattice=5), CircularPolicy(4, 3, 1.2)),
    "joint-rewards": setting(joint_rewards(), TabularSoftmax(3, 2)),
    "staged": setting(staged(), TabularSoftmax(3, 2, 3)),
    "staged-stationary-policy": setting(staged(), TabularSoftmax(3, 2)),
    "steep": setting(bandit([0.05, 0.95], 4), TabularSoftmax(1, 2)),
}


def _votes(model: VoteModel) -> Callable[[int, Sampler], AnyFeedback]:
    return lambda n, sampler: PreferenceFeedback(np.asarray(n), sampler, model)


FEEDBACKS: dict[str, Callable[[int, Sampler], AnyFeedback]] = {
    "logistic": _votes(VoteModel(Logistic(2.0), 7)),
    "asymmetric": _votes(VoteModel(ComplementaryLogLog(2.0), 4)),
    "one-vote": _votes(VoteModel(Probit(2.0), 1)),
    "infinitely-many-votes": _votes(VoteModel(Logistic(2.0), math.inf)),
    "other-raters": _votes(VoteModel(Logistic(2.0), 5, rater_link=ComplementaryLogLog(2.0))),
    "repeated": _votes(VoteModel(Logistic(2.0), 6, repeated=True)),
    "sign": lambda n, sampler: SignFeedback(n, 4, Logistic(2.0), sampler),
    "returns": lambda n, sampler: ReturnFeedback(np.asarray(n), sampler),
}
SAMPLERS: tuple[Sampler, ...] = ("law", "rollout")
BY_SETTING = pytest.mark.parametrize("name", SETTINGS)
BY_FEEDBACK = pytest.mark.parametrize("feedback", FEEDBACKS)
BY_SAMPLER = pytest.mark.parametrize("sampler", SAMPLERS)


def test_the_number_of_checks_is_within_the_false_alarm_budget() -> None:
    """DKW and the two moments by setting, feedback and sampler; then the components of the gradients, and the rest."""
    components = sum(chosen.policy.dim for chosen in SETTINGS.values())
    assert (
        len(SETTINGS) * len(FEEDBACKS) * len(SAMPLERS) * 3 + 2 * 2 * components + 2 * components + len(SETTINGS) + 4
        < 500
    )


def exact_reading(chosen: Setting, make: AnyFeedback, first: FloatArray, second: FloatArray) -> tuple[FloatArray, ...]:
    """Values one pair can give and their probabilities."""
    table = make.table(chosen.mdp)
    laws = [return_distribution(chosen.mdp, chosen.policy, theta).probabilities for theta in (first, second)]
    return table.outcomes, table.outcome_law(difference_law(*laws))


def draw(chosen: Setting, feedback: AnyFeedback, seed: int) -> FloatArray:
    both = [np.tile(theta, (DRAWS, 1)) for theta in (chosen.other, chosen.theta)]
    return feedback.difference(chosen.mdp, chosen.policy, *both, Streams.of(np.random.default_rng(seed)))


def bernstein(variance: float, bound: float, n: int) -> float:
    """What the mean of n independent variables, at most `bound` from their mean, exceeds with rate FALSE_ALARM."""
    log = math.log(2 / FALSE_ALARM)
    return bound * log / (3 * n) + math.sqrt((bound * log / (3 * n)) ** 2 + 2 * variance * log / n)


@BY_SAMPLER
@BY_FEEDBACK
@BY_SETTING
def test_one_pair_has_the_exact_law(name: str, feedback: str, sampler: Sampler) -> None:
    """DKW against the exact distribution function of what one pair gives, 20,000 draws.

    Sees a difference of distribution functions of 0.04 with probability 0.999.
    """
    chosen, make = SETTINGS[name], FEEDBACKS[feedback](1, sampler)
    values, probabilities = exact_reading(chosen, make, chosen.other, chosen.theta)
    drawn = np.sort(draw(chosen, make, seed=100))
    # Returns added up step by step are off the lattice by rounding.
    count = np.searchsorted(drawn, values + 1e-9)
    assert np.isin(np.round(drawn, 9), np.round(values, 9)).all()
    distance = np.abs(count / DRAWS - np.cumsum(probabilities)).max()
    assert distance <= math.sqrt(math.log(2 / FALSE_ALARM) / (2 * DRAWS))


@BY_SAMPLER
@BY_FEEDBACK
@BY_SETTING
def test_mean_and_variance_of_several_pairs_are_exact(name: str, feedback: str, sampler: Sampler) -> None:
    """Bernstein bounds with exact moments up to the fourth, 20,000 estimates of 5 pairs each.

    Sees, with probability 0.999, an error of the mean of 0.04 standard deviations of one pair, and of the variance of
    18%: pairs that share a trajectory or a vote (up to 5 times the variance), or one pair too few (25%).
    """
    n = 5
    chosen, make = SETTINGS[name], FEEDBACKS[feedback](n, sampler)
    values, probabilities = exact_reading(chosen, make, chosen.other, chosen.theta)
    mean = float(probabilities @ values)
    spread = values - mean
    variance, fourth = (float(probabilities @ spread**k) for k in (2, 4))
    bound = float(np.abs(spread).max())
    drawn = draw(chosen, make, seed=101)
    assert abs(drawn.mean() - mean) <= bernstein(variance, bound, DRAWS * n)
    fourth_of_mean = (fourth + 3 * (n - 1) * variance**2) / n**3
    squares = (drawn - mean) ** 2
    allowed = bernstein(fourth_of_mean - (variance / n) ** 2, bound**2, DRAWS)
    assert abs(squares.mean() - variance / n) <= allowed
    assert allowed < 0.12 * variance / n


@BY_SETTING
def test_trajectories_simulated_in_pieces_have_the_exact_law(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DKW on the returns of one of three policies, 20,000 trajectories in pieces of at most 1,000.

    Sees a difference of distribution functions of 0.04 with probability 0.999.
    """
    chosen = SETTINGS[name]
    monkeypatch.setattr(rollouts, "WORKING_SET", 9_000)
    theta = np.stack([chosen.theta, chosen.other, -chosen.theta])
    drawn = rollouts.sample_returns(chosen.mdp, chosen.policy, theta, DRAWS, np.random.default_rng(103))
    assert drawn.shape == (3, DRAWS)
    law = return_distribution(chosen.mdp, chosen.policy, chosen.other)
    count = np.searchsorted(np.sort(drawn[1]), law.values + 1e-9)
    distance = np.abs(count / DRAWS - np.cumsum(law.probabilities)).max()
    assert distance <= math.sqrt(math.log(2 / FALSE_ALARM) / (2 * DRAWS))


@pytest.mark.parametrize("name", ["joint-rewards", "staged"])
@BY_SAMPLER
def test_infinitely_many_votes_on_returns_are_unbiased(name: str, sampler: Sampler) -> None:
    """Mean of value differences against dynamic programming, Bernstein, 20,000 pairs; sees 0.06 standard deviations."""
    chosen = SETTINGS[name]
    values = policy_value(chosen.mdp, chosen.policy, np.stack([chosen.other, chosen.theta]))
    make = FEEDBACKS["returns"](1, sampler)
    _, probabilities = exact_reading(chosen, make, chosen.other, chosen.theta)
    table = make.table(chosen.mdp)
    variance = float(probabilities @ table.outcomes**2 - (probabilities @ table.outcomes) ** 2)
    drawn = draw(chosen, make, seed=102)
    assert abs(drawn.mean() - (values[0] - values[1])) <= bernstein(variance, 2 * chosen.mdp.horizon, DRAWS)


def estimates(chosen: Setting, directions: Directions, n_pairs: int, sampler: Sampler, seed: int) -> FloatArray:
    feedback = FEEDBACKS["asymmetric"](n_pairs, sampler)
    estimator = ZerothOrder(directions, feedback, RADIUS)
    theta = np.tile(chosen.theta, (DRAWS, 1))
    return estimator.estimate(chosen.mdp, chosen.policy, theta, np.random.default_rng(seed))


@BY_SETTING
def test_gradient_components_have_one_law(name: str) -> None:
    """Two-sample DKW on every component, directions from the sphere and from blocks of 2, 20,000 estimates each.

    Sees a difference of distribution functions of 0.08 with probability 0.999.
    """
    chosen = SETTINGS[name]
    for directions in (Sphere(), Blocks(2)):
        pair = [estimates(chosen, directions, 3, sampler, 200 + k) for k, sampler in enumerate(SAMPLERS)]
        for law, rollout in zip(pair[0].T, pair[1].T, strict=True):
            # An atom at 0 (a block without this coordinate) and lattice values survive rounding.
            samples = [np.sort(np.round(x, 9) + 0.0) for x in (law, rollout)]
            points = np.concatenate(samples)
            shares = [np.searchsorted(x, points, side="right") / DRAWS for x in samples]
            assert np.abs(shares[0] - shares[1]).max() <= 2 * math.sqrt(math.log(4 / FALSE_ALARM) / (2 * DRAWS))


@BY_SAMPLER
@BY_SETTING
def test_signed_coordinate_gradient_has_its_exact_mean(name: str, sampler: Sampler) -> None:
    """Bernstein bound on every component against the average over the 2 d directions, 20,000 estimates.

    Sees 0.08 standard deviations of a component with probability 0.999; on the steep instance that is less than a third
    of the gradient, so a wrong sign or a wrong factor 2.
    """
    chosen = SETTINGS[name]
    n, dim = 20, chosen.policy.dim
    make = FEEDBACKS["asymmetric"](n, sampler)
    found = estimates(chosen, Blocks(1), n, sampler, seed=300)
    assert (np.count_nonzero(found, axis=1) <= 1).all()
    mean, square = np.zeros(dim), np.zeros(dim)
    for i, sign in itertools.product(range(dim), (1.0, -1.0)):
        perturbed = chosen.theta + RADIUS * sign * np.eye(dim)[i]
        values, probabilities = exact_reading(chosen, make, perturbed, chosen.theta)
        first = probabilities @ values
        second = first**2 + probabilities @ (values - first) ** 2 / n
        mean[i] += dim / RADIUS * sign * first / (2 * dim)
        square[i] += (dim / RADIUS) ** 2 * second / (2 * dim)
    largest = 2 * dim / RADIUS * float(np.abs(values).max())
    for i in range(dim):
        assert abs(found[:, i].mean() - mean[i]) <= bernstein(square[i] - mean[i] ** 2, largest, DRAWS)
    assert name != "steep" or np.abs(mean).min() > 3 * bernstein(float(square.max()), largest, DRAWS)
