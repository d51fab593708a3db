"""Exact moments of estimates: against enumeration, against draws, and against each other.

Every comparison with draws uses the empirical Bernstein inequality (Maurer and Pontil, arXiv:0907.3740, theorem 4): it
holds for every sample size and every law in a known range, so heavy tails can not raise an alarm. There are fewer than
500 such comparisons at 1e-6 / 500 each.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import chdtri, ndtri

from estimators import (
    Baseline,
    Blocks,
    ExactFeedback,
    Gpomdp,
    GradientMoments,
    Reinforce,
    ReturnFeedback,
    SignFeedback,
    Sphere,
    ZerothOrder,
    score_function,
    zbcpg,
)
from estimators.feedback import Feedback, Sampler, preferences
from estimators.rollouts import sample_returns
from theory import (
    LINKS,
    CircularPolicy,
    ComplementaryLogLog,
    HaldaneAnscombe,
    InputError,
    Jackknife,
    Logistic,
    LogLinearSoftmax,
    MajoritySign,
    Policy,
    TabularMDP,
    TabularSoftmax,
    Trimmed,
    VoteModel,
    difference_law,
    garnet,
    policy_gradient,
    policy_value,
    return_distribution,
)
from theory.arrays import FloatArray
from theory.common_random_numbers import coupled_difference_law
from theory.score_moments import gpomdp_moments, reinforce_moments
from theory.votes import bias_at

Case = dict[str, Any]

FALSE_ALARM = 1e-6 / 500
FEW, MANY = 60_000, 10**6
CHUNK = 20_000
RADIUS = 0.7
LINK = Logistic(1.5)
CASES: list[Case] = json.loads((Path(__file__).parents[1] / "data" / "enumerated.json").read_text())["cases"]
PARTS = ("variance_direction", "variance_trajectory", "variance_query")


@dataclass(frozen=True)
class Circle(Sphere):
    """The sphere in the plane, averaged over even angles: exact to rounding for a smooth periodic integrand."""

    def support(self, dim: int) -> FloatArray | None:
        assert dim == 2
        angles = 2 * np.pi * np.arange(256) / 256
        return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


@dataclass(frozen=True)
class Setting:
    mdp: TabularMDP
    policy: Policy
    theta: FloatArray


def staged() -> TabularMDP:
    """Every step has its own transitions and rewards; one row has a single successor."""
    rng = np.random.default_rng(8)
    transitions = rng.dirichlet(np.ones(2), (3, 2, 2))
    transitions[1, 0, 1] = [0.0, 1.0]
    return TabularMDP(transitions, rng.integers(0, 4, (3, 2, 2, 2)) / 3, [0.3, 0.7], 3)


def setting(mdp: TabularMDP, policy: Policy) -> Setting:
    return Setting(mdp, policy, np.random.default_rng(12).uniform(0.4, 1.2, policy.dim))


PLANE = setting(garnet(2, 3, 2, 3, np.random.default_rng(10), lattice=2), CircularPolicy(2, 3, 1.5))
SPACE = setting(garnet(3, 2, 2, 3, np.random.default_rng(15), lattice=2), CircularPolicy(3, 2, 1.5))
SETTINGS = {
    "plane": PLANE,
    "space": SPACE,
    "staged": setting(staged(), TabularSoftmax(2, 2, 3)),
    "staged-stationary-policy": setting(staged(), TabularSoftmax(2, 2)),
    "log-linear": setting(staged(), LogLinearSoftmax(np.random.default_rng(3).uniform(-1, 1, (2, 2, 3)))),
}

# Every estimator, by the law of directions; N = 3 pairs and M = 5 votes leave no normality to hide behind.
FEEDBACKS: dict[str, Callable[[Sampler], Feedback]] = {
    "trimmed": lambda sampler: preferences(3, 5, LINK, sampler=sampler),
    "cloglog": lambda sampler: preferences(3, 5, ComplementaryLogLog(1.5), sampler=sampler),
    "haldane": lambda sampler: preferences(3, 5, LINK, sampler=sampler, inversion=HaldaneAnscombe()),
    "jackknife": lambda sampler: preferences(3, 5, LINK, sampler=sampler, inversion=Jackknife()),
    "majority": lambda sampler: SignFeedback(3, 4, LINK, sampler),
    "common": lambda sampler: preferences(3, 5, LINK, sampler=sampler, common_random_numbers=True),
    "many-votes": lambda sampler: preferences(3, math.inf, LINK, sampler=sampler),
    "value": lambda sampler: ReturnFeedback(np.asarray(3), sampler),
    "value-common": lambda sampler: ReturnFeedback(np.asarray(3), sampler, common_random_numbers=True),
    "exact": lambda _: ExactFeedback(),
}
ZEROTH_ORDER: dict[str, tuple[Setting, Callable[[Sampler], ZerothOrder]]] = {
    **{
        f"sphere-{name}": (PLANE, lambda sampler, make=make: ZerothOrder(Circle(), make(sampler), RADIUS))
        for name, make in FEEDBACKS.items()
    },
    **{
        f"block-{size}-{name}": (
            SPACE,
            lambda sampler, make=FEEDBACKS[name], size=size: ZerothOrder(Blocks(size), make(sampler), RADIUS),
        )
        for size, name in ((1, "trimmed"), (2, "trimmed"), (3, "trimmed"), (1, "value"), (2, "common"))
    },
    "sphere-symmetric": (PLANE, lambda s: ZerothOrder(Circle(), FEEDBACKS["trimmed"](s), RADIUS, symmetric=True)),
    "sphere-4-directions": (PLANE, lambda s: ZerothOrder(Circle(), FEEDBACKS["trimmed"](s), RADIUS, n_directions=4)),
    "block-2-everything": (
        SPACE,
        lambda s: ZerothOrder(Blocks(2), FEEDBACKS["common"](s), RADIUS, symmetric=True, n_directions=2),
    ),
}
SCORE_FUNCTION: dict[str, Reinforce | Gpomdp] = {
    **{f"reinforce-{baseline}": Reinforce(2, baseline) for baseline in Baseline},
    **{f"gpomdp-{baseline}": Gpomdp(2, baseline) for baseline in (Baseline.NONE, Baseline.VALUE)},
}
SAMPLERS: tuple[Sampler, ...] = ("law", "rollout")
BY_DRAWS = pytest.mark.parametrize("draws", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
BY_SETTING = pytest.mark.parametrize("name", SETTINGS)


def test_the_number_of_comparisons_is_within_the_false_alarm_budget() -> None:
    """Components and error of each estimator, for both numbers of draws; then the coupled laws."""
    zeroth = sum((chosen.policy.dim + 1) * len(SAMPLERS) for chosen, _ in ZEROTH_ORDER.values())
    scores = (PLANE.policy.dim + 1) * len(SCORE_FUNCTION)
    assert 2 * (zeroth + scores) + len(SETTINGS) < 500


def deviation(sample: FloatArray, spread: float) -> float:
    """What the mean of a variable whose values lie within `spread` of each other errs by with rate FALSE_ALARM."""
    log = math.log(4 / FALSE_ALARM)
    return math.sqrt(2 * sample.var(ddof=1) * log / len(sample)) + 7 * spread * log / (3 * (len(sample) - 1))


def compare(estimator: Any, chosen: Setting, largest: float, draws: int) -> GradientMoments:
    """Draw estimates of length at most `largest`; their mean and squared error against the exact moments."""
    rng = np.random.default_rng(2024)
    many = np.tile(chosen.theta, (CHUNK, 1))
    pieces = [estimator.estimate(chosen.mdp, chosen.policy, many, rng) for _ in range(draws // CHUNK)]
    found = np.concatenate(pieces)
    moments: GradientMoments = estimator.moments(chosen.mdp, chosen.policy, chosen.theta)
    gradient = policy_gradient(chosen.mdp, chosen.policy, chosen.theta)
    assert np.linalg.norm(found, axis=1).max() <= largest * (1 + 1e-9)
    for i in range(chosen.policy.dim):
        allowed = deviation(found[:, i], 2 * largest)
        assert abs(found[:, i].mean() - moments.mean[i]) <= allowed <= 0.5 * np.abs(gradient).max()
    errors = ((found - gradient) ** 2).sum(axis=1)
    allowed = deviation(errors, (largest + float(np.linalg.norm(gradient))) ** 2)
    assert abs(errors.mean() - moments.mse) <= allowed
    assert allowed <= float(moments.mse) * (0.15 if draws == FEW else 0.03)
    return moments


@BY_DRAWS
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("name", ZEROTH_ORDER)
def test_draws_have_the_exact_mean_and_error(name: str, sampler: Sampler, draws: int) -> None:
    """False-alarm rate of all draws 1e-6; sees 15% (fast) or 3% (slow) of the error, and a wrong sign of the mean.

    `compare` asserts that it does.
    """
    chosen, build = ZEROTH_ORDER[name]
    estimator = build(sampler)
    feedback: Any = estimator.feedback
    if isinstance(feedback, ExactFeedback):
        _, given = estimator.moments_given_directions(chosen.mdp, chosen.policy, chosen.theta)
        read = 1.01 * float(np.abs(given.exact).max())  # between the even angles
    else:
        read = float(np.abs(feedback.table(chosen.mdp).outcomes).max())
    compare(estimator, chosen, float(estimator.scale(chosen.policy)) * read, draws)


@BY_DRAWS
@pytest.mark.parametrize("name", SCORE_FUNCTION)
def test_draws_of_score_functions_have_the_exact_mean_and_error(
    name: str, draws: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, on REINFORCE and GPOMDP; the longest estimate is found by enumeration."""
    # All rows have one theta: its baseline is worked out once.
    known = functools.cache(lambda: reinforce_moments(PLANE.mdp, PLANE.policy, PLANE.theta))
    monkeypatch.setattr(score_function, "reinforce_moments", lambda *_: known())
    single = enumerated_estimates(PLANE, SCORE_FUNCTION[name])[1]
    largest = float(np.linalg.norm(single, axis=1).max())
    assert compare(SCORE_FUNCTION[name], PLANE, largest, draws).variance_direction == 0


@pytest.mark.parametrize("link", ["logistic", "probit", "cauchit", "cloglog"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"seed{case['seed']}")
def test_five_numbers_of_the_enumeration(case: Case, link: str) -> None:
    mdp = TabularMDP(case["transitions"], case["rewards"], case["initial"], case["horizon"])
    given = case["links"][link]
    estimator = zbcpg(
        block_size=1,
        radius=case["radius"],
        n_pairs=case["n_pairs"],
        n_queries=case["n_queries"],
        link=LINKS[link](given["scale"]),
        trim=given["trim"],
    )
    found = estimator.moments(mdp, TabularSoftmax(mdp.n_states, mdp.n_actions), np.array(case["theta"]))
    for value, key in (
        (found.mean, "block1_gradient_mean"),
        (found.bias_squared, "block1_bias_sq"),
        (found.variance_direction, "block1_direction_variance"),
        (found.variance_trajectory, "block1_trajectory_variance"),
        (found.variance_query, "block1_query_variance"),
    ):
        np.testing.assert_allclose(value, given[key], rtol=1e-10, atol=1e-10, err_msg=key)
    assert found.standard_error == 0


def trajectories(chosen: Setting) -> Iterator[tuple[float, FloatArray, FloatArray]]:
    """Probability, rewards (H,) and scores (H, dim) of every trajectory; scores by complex steps of log pi."""
    mdp, policy = chosen.mdp, chosen.policy
    step = 1e-30
    stepped = policy.probabilities(chosen.theta + 1j * step * np.eye(policy.dim))
    scores = np.moveaxis(np.log(stepped).imag / step, 0, -1)
    pi = policy.probabilities(chosen.theta)
    moves = list(itertools.product(range(mdp.n_actions), range(mdp.probabilities.shape[-1])))
    for start in range(mdp.n_states):
        for path in itertools.product(moves, repeat=mdp.horizon):
            probability, state, rewards, collected = float(mdp.initial[start]), start, [], []
            for h, (action, outcome) in enumerate(path):
                at = (h % len(mdp.probabilities), state, action, outcome)
                probability *= float(pi[h % len(pi), state, action] * mdp.probabilities[at])
                rewards.append(float(mdp.rewards[at]))
                collected.append(scores[h % len(pi), state, action])
                state = int(mdp.next_states[at])
            if probability > 0:
                yield probability, np.array(rewards), np.array(collected)


def enumerated_estimates(chosen: Setting, estimator: Reinforce | Gpomdp) -> tuple[FloatArray, FloatArray]:
    """Probabilities and single-trajectory estimates (n, dim), baselines from the enumeration itself."""
    listed = list(trajectories(chosen))
    probabilities = np.array([p for p, _, _ in listed])
    rewards = np.array([r for _, r, _ in listed])
    scores = np.array([s for _, _, s in listed])
    assert probabilities.sum() == pytest.approx(1, abs=1e-12)
    if isinstance(estimator, Gpomdp):
        baseline = probabilities @ rewards * (estimator.baseline == Baseline.VALUE)
        return probabilities, np.einsum("nh,nhd->nd", rewards - baseline, np.cumsum(scores, axis=1))
    total, score = rewards.sum(axis=1), scores.sum(axis=1)
    weight = probabilities * (score**2).sum(axis=1)
    constant = {
        Baseline.NONE: 0.0,
        Baseline.VALUE: probabilities @ total,
        Baseline.BEST: weight @ total / weight.sum(),
    }[estimator.baseline]
    return probabilities, (total - constant)[:, None] * score


@pytest.mark.parametrize("estimator", SCORE_FUNCTION.values(), ids=SCORE_FUNCTION)
@BY_SETTING
def test_score_function_moments_are_those_of_the_enumerated_trajectories(
    name: str, estimator: Reinforce | Gpomdp
) -> None:
    """Stationary and time-dependent policies and laws; 1 and 7 trajectories an estimate."""
    chosen = SETTINGS[name]
    probabilities, single = enumerated_estimates(chosen, estimator)
    mean = probabilities @ single
    variance = probabilities @ ((single - mean) ** 2).sum(axis=1)
    assert variance > 0.01
    for n in (1, 7):
        found = replace(estimator, n_per_estimate=n).moments(chosen.mdp, chosen.policy, chosen.theta)
        np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.variance_trajectory, variance / n, rtol=1e-11)
        np.testing.assert_allclose(found.mse, variance / n, rtol=1e-11)
        assert found.bias_squared == found.variance_direction == found.variance_query == found.standard_error == 0


@BY_SETTING
def test_mean_of_gpomdp_is_the_gradient_whatever_the_baselines(name: str) -> None:
    chosen = SETTINGS[name]
    gradient = policy_gradient(chosen.mdp, chosen.policy, chosen.theta)
    baselines = np.random.default_rng(1).normal(size=chosen.mdp.horizon)
    mean, _ = gpomdp_moments(chosen.mdp, chosen.policy, chosen.theta, baselines)
    np.testing.assert_allclose(mean, gradient, rtol=0, atol=1e-12)
    moments = reinforce_moments(chosen.mdp, chosen.policy, chosen.theta)
    np.testing.assert_allclose(moments.scores[1], gradient, rtol=0, atol=1e-12)
    np.testing.assert_allclose(moments.scores[0], 0, atol=1e-12)
    best = moments.second_moment(moments.best_baseline)
    for shift in (-0.1, 0.1):
        expected = best + shift**2 * moments.norms[0]
        assert moments.second_moment(moments.best_baseline + shift) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ZEROTH_ORDER)
def test_error_is_the_sum_of_its_parts(name: str) -> None:
    """Also: the gradient is recovered, and no multiple of the estimate errs less than `rescaled_mse`."""
    chosen, build = ZEROTH_ORDER[name]
    estimator = build("law")
    found = estimator.moments(chosen.mdp, chosen.policy, chosen.theta)
    gradient = policy_gradient(chosen.mdp, chosen.policy, chosen.theta)
    np.testing.assert_allclose(found.gradient, gradient, rtol=0, atol=1e-12)
    bias = found.mean - gradient
    np.testing.assert_allclose(bias, found.bias_smoothing + found.bias_inversion, rtol=0, atol=1e-12)
    total = bias @ bias + sum(float(getattr(found, part)) for part in PARTS)
    np.testing.assert_allclose(found.mse, total, rtol=1e-12)
    # Another route: E|g|^2 straight from the moments given the direction.
    directions, given = estimator.moments_given_directions(chosen.mdp, chosen.policy, chosen.theta)
    k, scale = estimator.n_directions, estimator.scale(chosen.policy)
    means = scale * given.mean[:, None] * directions
    square = (scale**2 * (given.variance_trajectory + given.variance_query)).mean() + (means**2).sum(axis=1).mean()
    mean = means.mean(axis=0)
    second = square / k + (1 - 1 / k) * mean @ mean
    np.testing.assert_allclose(found.mse, second - 2 * mean @ gradient + gradient @ gradient, rtol=1e-11)
    scales = np.linspace(0, 2, 4001) * (mean @ gradient / second)
    errors = scales**2 * second - 2 * scales * (mean @ gradient) + gradient @ gradient
    assert errors.min() == pytest.approx(found.rescaled_mse, rel=1e-9)
    assert found.rescaled_mse <= min(float(found.mse), float(gradient @ gradient)) * (1 + 1e-12)


def test_radii_and_parameters_broadcast() -> None:
    radii = np.array([0.3, 0.7, 1.5])
    thetas = SPACE.theta + np.array([[0.0], [0.2], [0.4]])
    make = FEEDBACKS["trimmed"]("law")
    together = ZerothOrder(Blocks(2), make, radii).moments(SPACE.mdp, SPACE.policy, thetas)
    for k in range(3):
        alone = ZerothOrder(Blocks(2), make, radii[k]).moments(SPACE.mdp, SPACE.policy, thetas[k])
        derived = ("bias_squared", "variance", "alignment", "rescaled_mse", "gradient")
        for part in (*GradientMoments.__dataclass_fields__, *derived):
            np.testing.assert_allclose(getattr(together, part)[k], getattr(alone, part), rtol=1e-12, atol=1e-14)


def neville(values: list[FloatArray]) -> FloatArray:
    """Limit of an expansion in 1/M from its values at M, 2 M, 4 M, ..."""
    for order in range(1, len(values)):
        values = [(2**order * b - a) / (2**order - 1) for a, b in itertools.pairwise(values)]
    return values[0]


def numbers(moments: GradientMoments) -> FloatArray:
    return np.concatenate(
        [moments.mean, moments.bias_inversion, [getattr(moments, part) for part in PARTS], [moments.mse]]
    )


@pytest.mark.parametrize("inversion", [None, HaldaneAnscombe(), Jackknife()], ids=["trimmed", "haldane", "jackknife"])
@pytest.mark.parametrize("common", [False, True])
def test_infinitely_many_votes_are_the_limit(inversion: Any, common: bool) -> None:
    """Four values extrapolated agree to 1e-8, where the last of them is still off by more than 1e-4."""

    def at(n_queries: float) -> FloatArray:
        feedback = preferences(4, n_queries, Logistic(3.0), inversion=inversion, common_random_numbers=common)
        return numbers(ZerothOrder(Blocks(2), feedback, RADIUS).moments(SPACE.mdp, SPACE.policy, SPACE.theta))

    finite = [at(m) for m in (1024, 2048, 4096, 8192)]
    np.testing.assert_allclose(neville(finite), at(math.inf), rtol=0, atol=1e-8)
    assert np.abs(finite[-1] - at(math.inf)).max() > 1e-4


@pytest.mark.parametrize("name", [name for name in FEEDBACKS if name != "exact"])
def test_infinitely_many_pairs_are_the_limit(name: str) -> None:
    """The variances given the direction are exactly of order 1/N, and nothing else depends on N."""
    make = FEEDBACKS[name]("law")

    def at(n_pairs: float) -> FloatArray:
        feedback: Any = replace(make, n_pairs=np.asarray(n_pairs))  # type: ignore[type-var]
        return numbers(ZerothOrder(Blocks(2), feedback, RADIUS).moments(SPACE.mdp, SPACE.policy, SPACE.theta))

    limit = at(math.inf)
    np.testing.assert_allclose(neville([at(5), at(10)]), limit, rtol=1e-12, atol=1e-13)
    assert limit[-3] == limit[-2] == 0
    assert at(10)[-3] > 0.01


@pytest.mark.parametrize("name", [name for name in FEEDBACKS if name != "exact"])
def test_a_constant_added_to_every_reward_changes_nothing(name: str) -> None:
    """Feedback depends on differences of returns alone."""
    half, shifted = (
        TabularMDP.from_outcomes(
            SPACE.mdp.probabilities[0],
            SPACE.mdp.next_states[0],
            0.5 * SPACE.mdp.rewards[0] + shift,
            SPACE.mdp.initial,
            SPACE.mdp.horizon,
        )
        for shift in (0.0, 0.5)
    )
    for symmetric in (False, True):
        estimator = ZerothOrder(Blocks(2), FEEDBACKS[name]("law"), RADIUS, symmetric)
        found = [numbers(estimator.moments(mdp, SPACE.policy, SPACE.theta)) for mdp in (half, shifted)]
        np.testing.assert_allclose(found[0], found[1], rtol=1e-11, atol=1e-12)
    assert policy_value(shifted, SPACE.policy, SPACE.theta) > 1.4 + policy_value(half, SPACE.policy, SPACE.theta)
    scores = {
        key: [float(one.moments(mdp, SPACE.policy, SPACE.theta).mse) for mdp in (half, shifted)]
        for key, one in SCORE_FUNCTION.items()
    }
    # A baseline that follows the returns absorbs the constant; without one it is felt.
    for key, (before, after) in scores.items():
        assert (after == pytest.approx(before, rel=1e-10)) == (not key.endswith("none"))


def interior_biases(link: str, inversion: Any, votes: tuple[int, ...]) -> FloatArray:
    """Inversion bias at a difference of H / 2, away from the trim; H = 4."""
    model = LINKS[link](8.0 if link == "linear" else 4.0)
    return np.array([bias_at(VoteModel(model, m, inversion), 2.0, 4) for m in votes])


def test_haldane_anscombe_has_bias_of_second_order_for_the_logistic_link_alone() -> None:
    votes = (1024, 2048, 4096)
    slopes = {}
    for link in ("logistic", "probit", "cauchit", "cloglog"):
        biases = np.abs(interior_biases(link, HaldaneAnscombe(), votes))
        slopes[link] = np.log2(biases[1:] / biases[:-1])
    np.testing.assert_allclose(slopes.pop("logistic"), -2, atol=0.01)
    for slope in slopes.values():
        np.testing.assert_allclose(slope, -1, atol=0.02)


@pytest.mark.parametrize("link", ["logistic", "probit", "cauchit", "cloglog"])
def test_jackknife_has_bias_of_second_order_for_every_link(link: str) -> None:
    votes = (512, 1024, 2048)
    biases = np.abs(interior_biases(link, Jackknife(), votes))
    plain = np.abs(interior_biases(link, Trimmed(), votes))
    np.testing.assert_allclose(np.log2(biases[1:] / biases[:-1]), -2, atol=0.03)
    np.testing.assert_allclose(np.log2(plain[1:] / plain[:-1]), -1, atol=0.03)
    assert (biases < 0.1 * plain).all()


def test_jackknife_leaves_the_linear_link_unbiased() -> None:
    np.testing.assert_allclose(interior_biases("linear", Jackknife(), (512, 1024)), 0, atol=1e-10)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_symmetric_pairs_cancel_even_terms_direction_by_direction(size: int) -> None:
    """(d / mu) D v errs by O(mu) along each v, symmetric pairs by O(mu^2).

    The mean over directions has no even term either way, since v and -v are equally likely: the smoothing biases of
    both are one number, of order mu^2.
    """
    radii = np.array([0.08, 0.04, 0.02])
    gradient = policy_gradient(SPACE.mdp, SPACE.policy, SPACE.theta)
    many = np.tile(SPACE.theta, (3, 1))
    errors, biases = {}, {}
    for symmetric in (False, True):
        estimator = ZerothOrder(Blocks(size), ExactFeedback(), radii, symmetric)
        directions, given = estimator.moments_given_directions(SPACE.mdp, SPACE.policy, many)
        slopes = given.exact * estimator.scale(SPACE.policy) / SPACE.policy.dim
        errors[symmetric] = np.abs(slopes - (directions @ gradient)[:, None]).max(axis=0)
        found = estimator.moments(SPACE.mdp, SPACE.policy, many)
        biases[symmetric] = found.bias_smoothing
        np.testing.assert_array_equal(found.bias_inversion, 0)
    np.testing.assert_allclose(biases[False], biases[True], rtol=0, atol=1e-12)
    length = np.linalg.norm(biases[True], axis=1)
    np.testing.assert_allclose(np.log2(length[:-1] / length[1:]), 2, atol=0.02)
    np.testing.assert_allclose(np.log2(errors[True][:-1] / errors[True][1:]), 2, atol=0.02)
    np.testing.assert_allclose(np.log2(errors[False][:-1] / errors[False][1:]), 1, atol=0.1)


@BY_SETTING
def test_coupled_law_has_the_means_of_its_margins(name: str) -> None:
    chosen = SETTINGS[name]
    other = chosen.theta + np.random.default_rng(9).normal(size=(4, chosen.policy.dim))
    law = coupled_difference_law(chosen.mdp, chosen.policy, other, np.broadcast_to(chosen.theta, other.shape))
    steps = np.arange(law.shape[-1]) - law.shape[-1] // 2
    differences = steps / chosen.mdp.require_lattice()
    assert law.min() >= 0
    np.testing.assert_allclose(law.sum(axis=-1), 1, rtol=0, atol=1e-12)
    values = policy_value(chosen.mdp, chosen.policy, other) - policy_value(chosen.mdp, chosen.policy, chosen.theta)
    np.testing.assert_allclose(law @ differences, values, rtol=0, atol=1e-12)
    same = coupled_difference_law(chosen.mdp, chosen.policy, chosen.theta, chosen.theta)
    np.testing.assert_allclose(same, steps == 0, rtol=0, atol=1e-12)


@BY_SETTING
def test_coupled_law_is_that_of_trajectories_with_shared_uniforms(name: str) -> None:
    """Dvoretzky-Kiefer-Wolfowitz at FALSE_ALARM; sees 0.007 in the distribution function, and so independence."""
    chosen, n = SETTINGS[name], 200_000
    both = np.stack([chosen.theta + np.random.default_rng(9).normal(size=chosen.policy.dim), chosen.theta])
    returns = sample_returns(chosen.mdp, chosen.policy, both, n, np.random.default_rng(31), shared=True)
    law = coupled_difference_law(chosen.mdp, chosen.policy, *both)
    steps = np.rint((returns[0] - returns[1]) * chosen.mdp.require_lattice()).astype(int) + law.size // 2
    drawn = np.bincount(steps, minlength=law.size).cumsum() / n
    allowed = math.sqrt(math.log(2 / FALSE_ALARM) / (2 * n))
    assert np.abs(drawn - law.cumsum()).max() <= allowed < 0.0075
    laws = return_distribution(chosen.mdp, chosen.policy, both).probabilities
    assert np.abs(drawn - difference_law(laws[0], laws[1]).cumsum()).max() > 4 * allowed


@pytest.mark.parametrize("name", ["trimmed", "common", "value"])
def test_law_against_one_repeated_policy_is_that_against_copies_of_it(name: str) -> None:
    feedback = FEEDBACKS[name]("law")
    first = SPACE.theta + np.random.default_rng(9).normal(size=(4, 3, SPACE.policy.dim))
    for other in (SPACE.theta, first[0]):
        repeated = np.broadcast_to(other, first.shape)
        laws = [feedback.pair_law(SPACE.mdp, SPACE.policy, first, second) for second in (repeated, repeated.copy())]
        np.testing.assert_allclose(laws[0], laws[1], rtol=0, atol=1e-14)


def test_expected_votes_need_no_law_where_every_pair_gets_as_many() -> None:
    both = SPACE.theta + np.random.default_rng(9).normal(size=(2, 4, SPACE.policy.dim))
    many = preferences(np.array([[3], [7]]), 5, LINK)
    np.testing.assert_array_equal(many.expected_votes(SPACE.mdp, SPACE.policy, *both), [[15] * 4, [35] * 4])
    until = many.until_disagreement(4)
    law = until.law(SPACE.mdp, SPACE.policy, *both)
    asked = until.expected_votes(SPACE.mdp, SPACE.policy, *both)
    np.testing.assert_allclose(asked, until.votes_under(SPACE.mdp, law), rtol=1e-13)
    assert np.ptp(asked[0]) > 0


def test_majority_sign_keeps_the_direction_and_loses_the_size() -> None:
    """One vote read by its sign is unbiased for 2 sigma(delta) - 1."""
    feedback = SignFeedback(3, 1, LINK)
    table = feedback.table(SPACE.mdp)
    np.testing.assert_allclose(table.mean, 2 * LINK.probability(table.differences) - 1, rtol=0, atol=1e-12)
    assert not MajoritySign().consistent


def test_sphere_needs_a_generator_for_its_moments() -> None:
    sphere = ZerothOrder(Sphere(), FEEDBACKS["trimmed"]("law"), RADIUS)
    with pytest.raises(InputError, match=r"^rng must be given [^\n]*, got None$"):
        sphere.moments(PLANE.mdp, PLANE.policy, PLANE.theta)
    line = setting(garnet(1, 3, 1, 2, np.random.default_rng(0)), CircularPolicy(1, 3, 1.0))
    assert sphere.moments(line.mdp, line.policy, line.theta).standard_error == 0


@pytest.mark.parametrize("radius", [0.3, 1.5])
@pytest.mark.parametrize("n_directions", [1, 4])
def test_standard_error_is_the_spread_over_seeds(n_directions: int, radius: float) -> None:
    """40 seeds against the exact error: squares of z add up to a chi-square, and z has mean 0.

    False-alarm rate 1e-6 over the four cases, both sides and both statistics; sees a standard error half or
    three times what it should be with probability 0.94 or more, and a bias of one standard error with 0.84.
    """
    n, alarm = 40, 1e-6 / 16
    make = FEEDBACKS["trimmed"]("law")
    exact = ZerothOrder(Circle(), make, radius, n_directions=n_directions)
    truth = exact.moments(PLANE.mdp, PLANE.policy, PLANE.theta).mse
    sphere = ZerothOrder(Sphere(), make, radius, n_directions=n_directions)
    found = [sphere.moments(PLANE.mdp, PLANE.policy, PLANE.theta, np.random.default_rng(seed)) for seed in range(n)]
    z = np.array([(one.mse - truth) / one.standard_error for one in found])
    assert chdtri(n, 1 - alarm) <= (z**2).sum() <= chdtri(n, alarm)
    assert abs(z.mean()) * math.sqrt(n) <= -ndtri(alarm)


@pytest.mark.parametrize("baseline", ["value", "best"])
def test_every_run_of_a_batch_has_its_own_baseline(baseline: str) -> None:
    chosen = SETTINGS[next(iter(SETTINGS))]
    thetas = chosen.theta + np.linspace(0, 1, 3)[:, None]
    estimator = Reinforce(4, baseline)
    together = estimator._constants(chosen.mdp, chosen.policy, thetas)
    alone = [estimator._constants(chosen.mdp, chosen.policy, theta) for theta in thetas]
    np.testing.assert_allclose(together, alone, rtol=1e-13)
    assert np.ptp(together) > 1e-3
