"""The law near an optimum against runs of the real ascent loop, with planted faults that the ratio must show.

Ratios are of E|grad V|^2 over a stationary window, averaged over replicates, to the prediction. An alarm is a ratio
that differs from 1 + `next_order` by more than its standard error times a quantile of Student's t, plus half of the
next order and 0.3% for what lies beyond. Averages of 300 iterations of one replicate are nearly normal, so the quantile
gives a false-alarm rate of at most 1e-6 for all comparisons here, fewer than 100 at 1e-8 each. Where the linear run
serves as a control variate, its factor is fixed at 1, so nothing is fitted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from scipy.special import stdtrit

from estimators import (
    Blocks,
    ExactFeedback,
    Gpomdp,
    PreferenceFeedback,
    Reinforce,
    ReturnFeedback,
    Sphere,
    StationaryLaw,
    ZerothOrder,
    ascend,
    ascend_with_control,
    stationary_law,
)
from estimators.directions import Directions
from estimators.feedback import Feedback, preferences
from estimators.linear_noise import LinearNoise
from estimators.linear_recursion import LinearRecursion
from theory import (
    Cauchit,
    CircularPolicy,
    ComplementaryLogLog,
    HaldaneAnscombe,
    InputError,
    Jackknife,
    Linear,
    Logistic,
    MajoritySign,
    Probit,
    VoteModel,
    from_gymnasium,
    garnet,
    policy_gradient,
)
from theory.arrays import FloatArray

MDP = garnet(5, 3, 3, 5, np.random.default_rng(57))
POLICY = CircularPolicy(5, 3, 1.0)
OPTIMUM = np.array([0.1641068, 1.94791331, 1.50787621, -1.77402024, 2.01463394])
LINK = Logistic(2.5)
STEP = 0.2
FALSE_ALARM = 1e-8
DIRECTIONS = {"K=1": Blocks(1), "K=3": Blocks(3), "K=d": Blocks(5), "sphere": Sphere()}


def law_of(estimator: Any, step: float = STEP) -> StationaryLaw:
    return stationary_law(MDP, POLICY, estimator, OPTIMUM, step, np.random.default_rng(3))


def as_steep(link: Any) -> float:
    """Scale at which a kind of link is as steep at 0 as LINK."""
    return float(link().derivative(0.0) / LINK.derivative(0.0))


@dataclass(frozen=True)
class Ratio:
    """Measured over predicted, with its standard error from n replicates."""

    mean: float
    error: float
    n: int

    @classmethod
    def of(cls, averages: FloatArray, law: StationaryLaw) -> Ratio:
        ratios = averages / law.gradient_norm_sq
        return cls(float(ratios.mean()), float(ratios.std(ddof=1) / math.sqrt(len(ratios))), len(ratios))

    def allowed(self, law: StationaryLaw) -> float:
        quantile = -float(stdtrit(self.n - 1, FALSE_ALARM / 2))
        return quantile * self.error + abs(law.next_order) / 2 + 0.003

    def agrees(self, law: StationaryLaw) -> bool:
        return abs(self.mean - 1 - law.next_order) <= self.allowed(law)


def controlled(law: StationaryLaw, replicates: int = 64, window: int = 300, seed: int = 5) -> Ratio:
    """From a run of `ascend`, with the linear run as control variate."""
    burn = 6 * law.mixing_iterations
    found = ascend_with_control(law, np.tile(law.theta, (replicates, 1)), burn + window, np.random.default_rng(seed))
    return Ratio.of((found.run.gradient_norm_sq - found.control)[:, burn:].mean(axis=1), law)


def plain(law: StationaryLaw, estimator: Any, replicates: int = 128, window: int = 300, seed: int = 5) -> Ratio:
    """From a run of `ascend` alone, which may be that of another estimator than the law's."""
    model, rng = law.model, np.random.default_rng(seed)
    start = np.tile(law.theta, (replicates, 1))
    burn = ascend(model.mdp, model.policy, estimator, start, 6 * law.mixing_iterations, law.step_size, rng)
    run = ascend(model.mdp, model.policy, estimator, burn.theta, window, law.step_size, rng)
    return Ratio.of(run.gradient_norm_sq.mean(axis=1), law)


# --- settings --------------------------------------------------------------------------------------------------------

Case = tuple[Directions, Feedback, float, float]


def case(directions: str, feedback: Feedback, radius: float = 0.3, step: float = STEP) -> Case:
    return DIRECTIONS[directions], feedback, radius, step


def read(n_pairs: float, votes: VoteModel) -> PreferenceFeedback:
    return PreferenceFeedback(np.asarray(n_pairs), "law", votes)


PROBIT = Probit(as_steep(Probit))
FAST: dict[str, Case] = {
    "K=1 M=5": case("K=1", preferences(10**4, 5, LINK)),
    "K=3 M=1": case("K=3", preferences(10**6, 1, LINK)),
    "K=d M=25": case("K=d", preferences(10**4, 25, LINK)),
    "K=1 M=inf": case("K=1", preferences(10**6, math.inf, LINK), 0.5),
    "sphere M=25": case("sphere", preferences(10**5, 25, LINK)),
    "cloglog": case("K=d", preferences(10**6, 25, ComplementaryLogLog(3.0)), step=0.1),
    "cauchit": case("K=1", preferences(10**6, 25, Cauchit(2.5))),
    "probit raters, read as logistic": case("K=d", read(10**6, VoteModel(Logistic(1.0), 25, rater_link=Probit(1.6)))),
    "common random numbers": case("K=3", ReturnFeedback(np.asarray(1000), common_random_numbers=True)),
}
SLOW: dict[str, Case] = {
    **{
        f"{name} N={n_pairs:.0e} M={n_queries}": case(name, preferences(n_pairs, n_queries, LINK))
        for name in DIRECTIONS
        for n_pairs in (10**4, 10**6)
        for n_queries in (1, 5, 25, math.inf)
    },
    **{
        f"{name} {title}": case(name, read(10**6, votes))
        for name in ("K=1", "K=d")
        for title, votes in {
            "probit raters, read as probit": VoteModel(PROBIT, 5),
            "probit raters, read as logistic": VoteModel(LINK, 5, rater_link=PROBIT),
            "logistic raters, read as probit": VoteModel(PROBIT, 5, rater_link=LINK),
            "cauchit": VoteModel(Cauchit(2.5), 5),
            "linear": VoteModel(Linear(6.0), 5),
            "Haldane-Anscombe": VoteModel(LINK, 5, HaldaneAnscombe()),
            "jackknife": VoteModel(LINK, 5, Jackknife()),
            "repeated": VoteModel(LINK, 5, repeated=True),
            "majority": VoteModel(LINK, 5, MajoritySign()),
        }.items()
    },
    "exact feedback": case("K=3", ExactFeedback(), 0.5),
}


@pytest.mark.parametrize("name", FAST)
def test_measured_is_predicted(name: str) -> None:
    """Sees an error of 4% of the floor, which is asserted."""
    directions, feedback, radius, step = FAST[name]
    law = law_of(ZerothOrder(directions, feedback, radius), step)
    found = controlled(law, replicates=32 if isinstance(directions, Sphere) else 64)
    assert abs(law.next_order) < 0.02
    assert found.allowed(law) < 0.04
    assert found.agrees(law)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_measured_is_predicted_on_a_grid(name: str) -> None:
    """As above. Cells outside the linear regime, by the rule of 2%, are predicted by the next order."""
    directions, feedback, radius, step = SLOW[name]
    law = law_of(ZerothOrder(directions, feedback, radius), step)
    found = controlled(law, replicates=128, window=600)
    assert found.allowed(law) < 0.05
    assert found.agrees(law)


@pytest.mark.parametrize(
    "estimator",
    [
        ZerothOrder(Blocks(5), preferences(10**4, 5, LINK), 0.3, symmetric=True),
        ZerothOrder(Blocks(1), preferences(10**4, 5, LINK), 0.3, n_directions=4),
    ],
    ids=["symmetric pairs", "4 directions"],
)
def test_variants_of_the_estimate(estimator: ZerothOrder) -> None:
    """Sees an error of 3%."""
    law = law_of(estimator)
    found = controlled(law)
    assert found.allowed(law) < 0.03
    assert found.agrees(law)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [Reinforce(100, "value"), Gpomdp(100, "value")], ids=["REINFORCE", "GPOMDP"])
def test_score_functions(estimator: Reinforce | Gpomdp) -> None:
    """Without a control variate: sees an error of 15%."""
    law = law_of(estimator)
    found = plain(law, estimator)
    assert found.allowed(law) < 0.15
    assert found.agrees(law)


@pytest.mark.slow
def test_circular_frozenlake() -> None:
    """16 angles, 6 of which do not matter: sees an error of 8%."""
    lake, policy = from_gymnasium("FrozenLake-v1", 20), CircularPolicy(16, 4, 1.0)
    theta = np.zeros(16)
    for _ in range(8000):
        theta = theta + 60 * policy_gradient(lake, policy, theta)
    law = stationary_law(lake, policy, ZerothOrder(Blocks(1), preferences(10**8, 25, Logistic(10.0)), 0.3), theta, 1.0)
    found = controlled(law, replicates=32, window=1200)
    assert abs(law.next_order) < 0.02
    assert found.allowed(law) < 0.08
    assert found.agrees(law)


def test_outside_the_linear_regime_the_next_order_says_so() -> None:
    """Complementary log-log with few votes: the floor is a third below its linear prediction."""
    estimator = ZerothOrder(Blocks(5), preferences(10**4, 5, ComplementaryLogLog(3.0)), 0.5)
    law = law_of(estimator, 0.1)
    found = plain(law, estimator)
    assert found.mean < 0.7
    assert law.next_order < -0.25
    assert found.agrees(law)


def test_curve_of_a_run_that_starts_near_the_root() -> None:
    """9 points of the curve, false-alarm rate 1e-8 each, 2% allowed for what is not linear.

    Planted: the curve from the root itself, and that of another step, are far from the run.
    """
    estimator = ZerothOrder(Blocks(3), preferences(10**6, 5, LINK), 0.3)
    law, offset = law_of(estimator), np.array([0.1, -0.1, 0.1, 0.1, -0.1])
    start = np.tile(law.theta + offset, (512, 1))
    run = ascend(MDP, POLICY, estimator, start, 60, STEP, np.random.default_rng(8)).gradient_norm_sq
    times = np.array([1, 2, 3, 5, 8, 13, 21, 34, 60]) - 1
    mean, error = run.mean(axis=0)[times], run.std(axis=0, ddof=1)[times] / math.sqrt(512)

    def misfit(curve: FloatArray) -> float:
        return float((np.abs(mean - curve[times]) / (5.8 * error + 0.02 * curve[times])).max())

    assert misfit(law.curve(60, mean=offset)) < 1
    assert misfit(law.curve(60)) > 3
    assert misfit(law_of(estimator, 2 * STEP).curve(60, mean=offset)) > 3


# --- planted faults --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scaled:
    """An estimator times a factor: a factor d dropped."""

    estimator: ZerothOrder
    factor: float
    n_trajectories: FloatArray = field(default_factory=lambda: np.array(0.0))
    n_votes: FloatArray = field(default_factory=lambda: np.array(0.0))

    def estimate(self, *given: Any) -> FloatArray:
        return self.factor * self.estimator.estimate(*given)


@dataclass(frozen=True)
class NotNormalised(Blocks):
    """Blocks without the factor 1 / sqrt(K)."""

    def sample(self, dim: int, batch: tuple[int, ...], rng: Generator) -> FloatArray:
        return math.sqrt(self.block_size) * super().sample(dim, batch, rng)


@dataclass(frozen=True)
class Reused(Blocks):
    """One direction for all that are averaged in an estimate."""

    def sample(self, dim: int, batch: tuple[int, ...], rng: Generator) -> FloatArray:
        return np.broadcast_to(super().sample(dim, batch[1:], rng), (*batch, dim))


VOTES = preferences(10**6, 5, LINK)
SURE = Logistic(1.0)
FAULTS: dict[str, tuple[ZerothOrder, Any]] = {
    "none": (ZerothOrder(Blocks(3), VOTES, 0.3), ZerothOrder(Blocks(3), VOTES, 0.3)),
    "factor d dropped": (ZerothOrder(Blocks(3), VOTES, 0.3), Scaled(ZerothOrder(Blocks(3), VOTES, 0.3), 1 / 5)),
    "block not normalised": (ZerothOrder(Blocks(3), VOTES, 0.3), ZerothOrder(NotNormalised(3), VOTES, 0.3)),
    "one direction reused": (
        ZerothOrder(Blocks(3), VOTES, 0.3, n_directions=4),
        ZerothOrder(Reused(3), VOTES, 0.3, n_directions=4),
    ),
    "one rater repeated": (
        ZerothOrder(Blocks(3), preferences(10**4, 5, LINK), 0.3),
        ZerothOrder(Blocks(3), read(10**4, VoteModel(LINK, 5, repeated=True)), 0.3),
    ),
    "probit raters": (
        ZerothOrder(Blocks(3), read(10**6, VoteModel(SURE, 25)), 0.3),
        ZerothOrder(Blocks(3), read(10**6, VoteModel(SURE, 25, rater_link=Probit(1.6))), 0.3),
    ),
    "cauchit raters": (
        ZerothOrder(Blocks(3), read(10**6, VoteModel(SURE, 25)), 0.3),
        ZerothOrder(Blocks(3), read(10**6, VoteModel(SURE, 25, rater_link=Cauchit(4 / math.pi))), 0.3),
    ),
    "other directions": (ZerothOrder(Blocks(1), preferences(10**6, 1, LINK), 0.3), ZerothOrder(Blocks(5), VOTES, 0.3)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_seen_in_the_ratio(name: str) -> None:
    """The slopes of all of these are right; the first has no fault, so that the test is fair to the others."""
    right, wrong = FAULTS[name]
    law = law_of(right)
    assert plain(law, wrong).agrees(law) == (name == "none")


def test_noise_of_the_direction_counts_where_steps_are_large() -> None:
    """step_size d = 2: a recursion without the multiplicative noise predicts less than half of what is measured."""
    law = law_of(ZerothOrder(Blocks(5), preferences(10**7, 5, LINK), 0.1), 0.4)
    found = controlled(law)
    assert found.agrees(law)
    linear = law.model.linear
    recursion = LinearRecursion(LinearNoise.without_directions(linear.jacobian, linear.noise), law.step_size)
    bend = law.model.hessian
    without = np.sum(bend @ bend * recursion.solve(law.step_size**2 * linear.noise))
    shortened = Ratio(found.mean * law.gradient_norm_sq / without, found.error, found.n)
    assert shortened.mean > 1.3
    assert not shortened.agrees(law)


def test_a_run_with_the_step_that_is_refused_leaves_the_optimum() -> None:
    estimator = ZerothOrder(Blocks(1), preferences(10**8, 25, LINK), 0.1)
    with pytest.raises(InputError, match="step_size must be below"):
        law_of(estimator, 1.5)
    law = law_of(estimator, 0.5)
    run = ascend(MDP, POLICY, estimator, np.tile(law.theta, (32, 1)), 300, 1.5, np.random.default_rng(1))
    assert run.gradient_norm_sq[:, 200:].mean() > 10 * law.gradient_norm_sq
