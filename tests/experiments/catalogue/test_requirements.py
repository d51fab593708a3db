"""Components that users write are refused in one line, before anything is judged with them."""

# ruff: noqa: ARG002, ARG005

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from threadpoolctl import threadpool_limits

from estimators import (
    Blocks,
    Dpo,
    ExactFeedback,
    ExactGradient,
    Gpomdp,
    Reinforce,
    ReturnFeedback,
    SignFeedback,
    Sphere,
    ZerothOrder,
    zbcpg,
    zpg,
)
from estimators.feedback import preferences
from estimators.stacked_feedback import StackedFeedback
from experiments.catalogue.lookup import find
from experiments.catalogue.methods import METHODS
from experiments.catalogue.requirements import KINDS, Kind, kind_of, quick_outcomes, require_sound
from experiments.catalogue.shipped_claims import stated_claims
from theory import (
    LINKS,
    SHARPENED_RATE,
    STATED_RATE,
    CircularPolicy,
    HaldaneAnscombe,
    InputError,
    Jackknife,
    Logistic,
    LogLinearSoftmax,
    MajoritySign,
    TabularMDP,
    TabularSoftmax,
    Trimmed,
    chain,
)

LINK = Logistic(2.0)
MDP = chain(3, 4)
FIGURE = SimpleNamespace(name="mine", title="Mine", compute=lambda context: {}, draw=lambda frames: None)

SOUND: list[tuple[Kind, Any]] = [
    ("mdp", MDP),
    *(("policy", policy) for policy in (TabularSoftmax(3, 2), TabularSoftmax(2, 3, 4), CircularPolicy(4, 3, 2.0))),
    ("policy", LogLinearSoftmax(np.random.default_rng(0).normal(size=(4, 3, 2)))),
    ("policy", TabularSoftmax(20, 3)),
    ("policy", CircularPolicy(3, 2, 200.0)),
    ("policy", TabularSoftmax(1, 1)),
    *(("link", link(scale)) for link in LINKS.values() for scale in (0.5, 1.0, 7.0)),
    *(("inversion", one) for one in (Trimmed(), Trimmed(0.3), HaldaneAnscombe(), Jackknife(), MajoritySign())),
    *(("directions", one) for one in (Sphere(), Blocks(1), Blocks(3), Blocks(7))),
    *(("feedback", one) for one in (ExactFeedback(), ReturnFeedback(np.asarray(3)), SignFeedback(3, 5))),
    ("feedback", preferences(3, 5, LINK, sampler="rollout")),
    ("feedback", preferences([3, 4], math.inf, LINK)),
    ("feedback", preferences(3, 5, Logistic(0.03))),
    ("feedback", StackedFeedback((preferences(3, 5, LINK), preferences(4, 7, LINK)))),
    *(("estimator", one) for one in (ExactGradient(), Reinforce(3), Gpomdp(3))),
    ("estimator", zpg(radius=0.3, n_pairs=4, n_queries=5, link=LINK)),
    ("estimator", zpg(radius=[[0.3], [0.4]], n_pairs=4, n_queries=5, link=LINK)),
    ("estimator", zbcpg(block_size=5, radius=0.3, n_pairs=math.inf, n_queries=5, link=LINK)),
    ("learner", Dpo(preferences(4, 3, LINK), 0.1)),
    *(("method", method) for method in METHODS.values()),
    *(("instance", find("instance", name)) for name in ("circular", "chain", "garnet", "risky-bandit")),
    ("rate", STATED_RATE),
    ("rate", SHARPENED_RATE),
    ("claim", stated_claims("quick", "zpg", "N")[0]),
    ("claim", stated_claims("quick", "zpg")),
    ("figure", FIGURE),
]


@pytest.mark.parametrize(("kind", "component"), SOUND, ids=lambda value: value if isinstance(value, str) else "")
def test_the_projects_own_components_are_sound(kind: Kind, component: Any) -> None:
    assert kind_of(component) == kind
    with threadpool_limits(limits=1):
        outcomes = list(quick_outcomes(kind, component))
    assert [outcome.sentence for outcome in outcomes if not outcome.passed] == []
    assert len({outcome.name for outcome in outcomes}) == len(outcomes)
    assert all("must" in outcome.sentence and "\n" not in outcome.sentence for outcome in outcomes)
    require_sound(kind, "mine:THING", component)


def test_every_kind_has_a_sound_component() -> None:
    assert {kind for kind, _ in SOUND} == set(KINDS)


@dataclass(frozen=True)
class LogisticAnew:
    """A sound link that shares no code with the project's own."""

    symmetric: bool = True

    def probability(self, x: Any) -> Any:
        return expit(np.asarray(x))

    def inverse(self, p: Any) -> Any:
        return logit(np.asarray(p))

    def derivative(self, x: Any) -> Any:
        return self.probability(x) * self.probability(-np.asarray(x))

    def second_derivative(self, x: Any) -> Any:
        return -np.tanh(np.asarray(x) / 2) * self.derivative(x)


class Decreasing(LogisticAnew):
    def probability(self, x: Any) -> Any:
        return expit(-np.asarray(x))


class Low(LogisticAnew):
    def probability(self, x: Any) -> Any:
        return np.full(np.shape(x), 0.3)


class WrongInverse(LogisticAnew):
    def inverse(self, p: Any) -> Any:
        return 1.01 * logit(np.asarray(p))


class InfiniteInverse(LogisticAnew):
    def inverse(self, p: Any) -> Any:
        return np.where(np.asarray(p) > 0.9, np.nan, logit(np.asarray(p)))


class WrongDerivative(LogisticAnew):
    def derivative(self, x: Any) -> Any:
        return np.full(np.shape(x), 0.25)


class WrongSecondDerivative(LogisticAnew):
    def second_derivative(self, x: Any) -> Any:
        return 0.999 * super().second_derivative(x)


class OneNumber(LogisticAnew):
    def probability(self, x: Any) -> Any:
        return 1 / (1 + math.exp(-x))


class Flat(LogisticAnew):
    """Flat about 0: two different returns leave raters undecided."""

    def probability(self, x: Any) -> Any:
        x = np.asarray(x)
        return expit(x - np.clip(x, -0.1, 0.1))


class Raising(LogisticAnew):
    def probability(self, x: Any) -> Any:
        raise RuntimeError("no such\ntable")


class Broken(LogisticAnew):
    """Straight lines between a few points of the logistic link."""

    corners = np.linspace(-6.13, 6.13, 12)
    heights = expit(corners)

    def probability(self, x: Any) -> Any:
        return np.interp(x, self.corners, self.heights)

    def inverse(self, p: Any) -> Any:
        return np.interp(p, self.heights, self.corners)

    def derivative(self, x: Any) -> Any:
        slopes = np.diff(self.heights) / np.diff(self.corners)
        return slopes[np.searchsorted(self.corners, x) - 1]

    def second_derivative(self, x: Any) -> Any:
        return np.zeros(np.shape(x))


class BrokenDerivative(Broken):
    def derivative(self, x: Any) -> Any:
        return 1.001 * super().derivative(x)


class Unhashable(LogisticAnew):
    __hash__ = None  # type: ignore[assignment]


class Saturated(LogisticAnew):
    def probability(self, x: Any) -> Any:
        return (np.sign(x) + 1) / 2


@dataclass(frozen=True)
class Softmax:
    """A sound tabular softmax that shares no code with the project's own."""

    n_states: int = 3
    n_actions: int = 2
    horizon: int | None = None
    score_bounds: tuple[float, float] = (0.5, 0.5)

    @property
    def dim(self) -> int:
        return self.n_states * self.n_actions

    def probabilities(self, theta: Any) -> Any:
        odds = np.exp(np.reshape(theta, (*np.shape(theta)[:-1], 1, self.n_states, self.n_actions)))
        return odds / odds.sum(axis=-1, keepdims=True)

    def score_product(self, theta: Any, probabilities: Any, weights: Any) -> Any:
        slopes = weights - probabilities * weights.sum(axis=-1, keepdims=True)
        return slopes.reshape(np.shape(theta))


class RowsOfTwo(Softmax):
    def probabilities(self, theta: Any) -> Any:
        return 2 * super().probabilities(theta)


class Negative(Softmax):
    def probabilities(self, theta: Any) -> Any:
        return super().probabilities(theta) * [3, -1] + [-1, 1]


class NoStages(Softmax):
    def probabilities(self, theta: Any) -> Any:
        return super().probabilities(theta)[..., 0, :, :]


class WrongSign(Softmax):
    def score_product(self, theta: Any, probabilities: Any, weights: Any) -> Any:
        return -super().score_product(theta, probabilities, weights)


class OneEntryOff(Softmax):
    def score_product(self, theta: Any, probabilities: Any, weights: Any) -> Any:
        return super().score_product(theta, probabilities, weights) * (1 + 1e-5 * np.eye(self.dim)[-1])


class Mutating(Softmax):
    def probabilities(self, theta: Any) -> Any:
        theta -= theta.max(axis=-1, keepdims=True)
        return super().probabilities(theta)


class MutatingWeights(Softmax):
    def score_product(self, theta: Any, probabilities: Any, weights: Any) -> Any:
        weights *= 2
        return super().score_product(theta, probabilities, weights / 2)


class RealOnly(Softmax):
    def probabilities(self, theta: Any) -> Any:
        return super().probabilities(np.real(theta))


class RealScores(Softmax):
    def score_product(self, theta: Any, probabilities: Any, weights: Any) -> Any:
        return super().score_product(theta, np.real(probabilities), weights)


class Sizes(Softmax):
    dim = 2.5  # type: ignore[assignment]


class Long(Sphere):
    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        return 1.0001 * super().sample(dim, batch, rng)


class Listing(Blocks):
    def support(self, dim: int) -> Any:
        return super().support(dim)[:-1]


class OtherDraws(Blocks):
    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        return Sphere().sample(dim, batch, rng)


class Falling(Trimmed):
    def values(self, link: Any, counts: Any, n_queries: int, horizon: int) -> Any:
        return -super().values(link, counts, n_queries, horizon)


class Halved(HaldaneAnscombe):
    def limit(self, link: Any, shares: Any, horizon: int) -> Any:
        return super().limit(link, shares, horizon) / 2


class OtherLimit(HaldaneAnscombe):
    def values(self, link: Any, counts: Any, n_queries: int, horizon: int) -> Any:
        return super().values(link, counts, n_queries, horizon) / 2


class OneDifference(ExactFeedback):
    def difference(self, *arguments: Any) -> Any:
        return super().difference(*arguments).sum()


class ShiftedMoments(ExactFeedback):
    def moments(self, *arguments: Any) -> Any:
        found = super().moments(*arguments)
        return replace(found, exact=found.exact + 0.1)


class NegativeVariance(ExactFeedback):
    def moments(self, *arguments: Any) -> Any:
        found = super().moments(*arguments)
        return replace(found, variance_query=found.variance_query - 1)


class GeneratorOnly(ExactGradient):
    def estimate(self, mdp: Any, policy: Any, theta: Any, rng: Any) -> Any:
        return rng.normal(size=np.shape(theta))


class FirstOnly(ExactGradient):
    def estimate(self, mdp: Any, policy: Any, theta: Any, rng: Any) -> Any:
        return super().estimate(mdp, policy, theta[0] if theta.ndim > 1 else theta, rng)


class NoMoments(ExactGradient):
    def moments(self, *arguments: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Learns:
    n_trajectories: float = 0.0
    n_votes: float = 0.0
    factor: Any = 1.0

    def begin(self, mdp: Any, policy: Any, start: Any) -> Any:
        return lambda theta, step, streams: self.factor * theta


class Mine(SimpleNamespace):
    """A record, some of whose fields are replaced."""


def method(**fields: Any) -> Any:
    return replace(METHODS["zpg"], **fields)


def instance(**fields: Any) -> Any:
    return Mine(**vars(find("instance", "circular")) | fields)


def rate(**fields: Any) -> Any:
    return replace(STATED_RATE, **fields)


def claim(**fields: Any) -> Any:
    sound = stated_claims("quick", "zpg", "N")[0]
    return Mine(**{name: getattr(sound, name) for name in sound.__dataclass_fields__} | fields)


def no_radius(**settings: Any) -> Any:
    return replace(STATED_RATE.schedule(**settings), radius=np.array(0.0))


UNSOUND: list[tuple[Kind, Any, str]] = [
    ("mdp", None, r"mdp mine:X must be a TabularMDP, got NoneType; write TabularMDP\("),
    ("mdp", TabularMDP, r"mdp mine:X must be a TabularMDP, got the class TabularMDP"),
    ("link", Logistic, r"link mine:X must be an object, got the class Logistic; write Logistic\(\.\.\.\)"),
    ("link", Low(), r"link mine:X must have sigma\(0\) = 1/2, got 0\.3; "),
    (
        "link",
        Decreasing(),
        r"link mine:X must be strictly increasing on \[-5, 5\], got sigma\(0\) = 0\.5 and sigma\(0\.025\) = 0\.49",
    ),
    ("link", Flat(), "must be strictly increasing"),
    ("link", Saturated(), r"must stay away from 0 and 1 on \[-0\.1, 0\.1\], got sigma\(-0\.1\) = 0"),
    ("link", WrongInverse(), r"must have inverse\(sigma\(x\)\) = x, got inverse\(.*\) = 5\.05"),
    ("link", InfiniteInverse(), r"must have inverse\(sigma\(x\)\) = x, got inverse\(.*\) = nan"),
    ("link", WrongDerivative(), r"must have the right derivative, got 0\.25 at .*, where the slope is 0\.00"),
    ("link", WrongSecondDerivative(), "must have the right second derivative"),
    ("link", OneNumber(), "must pass the check 'any shape', got TypeError: "),
    (
        "link",
        Raising(),
        "must pass the check 'any shape', got RuntimeError: no such table; see to test_requirements.py, line",
    ),
    (
        "link",
        LogisticAnew(symmetric=False),
        r"must say whether .*, got symmetric = False with .*; set symmetric to True",
    ),
    ("link", Unhashable(), "must have a hash: tables are cached, got .*; write @dataclass"),
    ("link", replace(Logistic(2.0)).__dict__, "must have symmetric, probability, .* got none of the name symmetric"),
    ("inversion", Falling(), "must give values that never fall as votes are added, got a fall of"),
    (
        "inversion",
        Halved(),
        r"must be consistent, as it says: limit\(sigma\(x\)\) = x, got 2\.5 for a difference of 5",
    ),
    (
        "inversion",
        OtherLimit(),
        r"must have values\(\) tend to limit\(\), got values that are 2\.51 off for 1,000 votes",
    ),
    ("policy", RowsOfTwo(), r"must give .* whose rows sum to 1, got a row with the sum 2; divide by the sum"),
    ("policy", Negative(), r"rows sum to 1, got a probability of -"),
    ("policy", NoStages(), r"must give finite probabilities of shape \(1, 3, 2\), got shape \(3, 2\)"),
    (
        "policy",
        WrongSign(),
        r"must have a score_product .*, got -?[\d.]+ along .* in which the value changes by -?[\d.]+",
    ),
    ("policy", OneEntryOff(), "must have a score_product with which the gradient of the value is its slope"),
    (
        "policy",
        Softmax(score_bounds=(0.0, 0.0)),
        r"must have score_bounds \(F, G2\) not below .* = 0\.\d+, got 0; prove",
    ),
    ("policy", Softmax(score_bounds=(0.5, 0.1)), r"E\[\(u' grad log pi\)\^2\] = 0\.\d+, got 0\.1"),
    ("policy", Softmax(score_bounds=(math.nan, 0.5)), "got nan; prove a larger bound"),
    ("policy", Mutating(), r"must leave its arguments as they are, got theta by probabilities\(\) changed by"),
    ("policy", MutatingWeights(), r"must leave its arguments as they are, got weights by score_product\(\) changed by"),
    ("policy", RealOnly(), "must have the right derivative by an imaginary step of theta, got errors up to"),
    ("policy", RealScores(), "must have the right derivative by an imaginary step of theta, got errors up to"),
    ("policy", Sizes(), r"must have positive whole numbers .*, got dim = 2\.5"),
    ("policy", TabularSoftmax, r"must be an object, got the class TabularSoftmax"),
    ("directions", Long(), "must give directions of length 1, got lengths that are up to 0.0001 off; divide"),
    ("directions", Listing(2), r"must have E\[v v'\] = I / 2 over its support, got errors up to"),
    ("directions", OtherDraws(2), "must draw from its support, got one at a distance of"),
    ("feedback", OneDifference(), r"must give finite differences of shape \(2, 3\), got shape \(\)"),
    ("feedback", ShiftedMoments(), r"whose exact is V\(first\) - V\(second\), got one that is 0\.1 off"),
    ("feedback", NegativeVariance(), "must give variances of at least 0, got a least one of -1"),
    ("estimator", GeneratorOnly(), "must pass the check 'estimate', got AttributeError: 'Streams' object"),
    ("estimator", FirstOnly(), r"must give finite estimates of shape \(2, 3, 3\), got shape"),
    ("estimator", ZerothOrder(Long(), ExactFeedback(), 0.1).feedback, "must have n_trajectories, n_votes"),
    ("learner", Learns(n_votes=-1.0), "must have n_trajectories and n_votes of at least 0, got n_votes = -1.0"),
    ("learner", Learns(factor=math.nan), r"must give finite parameters of shape \(2, 3, 3\), got .* with nan or inf"),
    ("learner", Learns(factor=np.ones((1, 1, 1, 1))), r"got shape \(1, 2, 3, 3\)"),
    ("method", method(title=""), "must have name, title and knob in words, got .*title = ''"),
    ("method", method(build=lambda dim, oracle, knob: 3 / 0), "got ZeroDivisionError: division by zero"),
    (
        "method",
        method(build=lambda dim, oracle, knob: ZerothOrder(Long(), oracle, float(knob))),
        "must pass the check 'array of knobs', got TypeError",
    ),
    (
        "method",
        method(build=lambda dim, oracle, knob: FirstOnly()),
        "method mine:X: its estimator must give finite est",
    ),
    (
        "instance",
        instance(policy=TabularSoftmax(4, 3)),
        "mine:X: its policy must have 5 states, 3 actions .*, got 4, 3 and",
    ),
    ("instance", instance(policy=TabularSoftmax), "mine:X: its policy must be an object, got the class TabularSoftmax"),
    ("instance", instance(policy=WrongSign(5, 3), start=np.zeros(15)), "mine:X: its policy must have a score_product"),
    ("instance", instance(mdp=None), "instance mine:X: its mdp must be a TabularMDP, got NoneType"),
    ("instance", instance(start=np.zeros(3)), r"instance mine:X: its start must be 5 finite numbers, got shape \(3,\)"),
    ("instance", instance(start=np.full(5, np.nan)), r"must be 5 finite numbers, got shape \(5,\) with nan or inf"),
    (
        "instance",
        instance(link=Logistic(0.1)),
        r"its link must stay away from 0 and 1 on \[-5, 5\], got .*; use a larger",
    ),
    ("instance", instance(link=Low()), r"instance mine:X: its link must have sigma\(0\) = 1/2, got 0\.3; "),
    ("rate", rate(exponents={"T": math.nan}), "must have finite exponents by axis, got .*nan"),
    (
        "rate",
        rate(schedule=no_radius),
        r"must have a schedule of .*, got radius 0 and step size 0\.2 for N = 10000 and M = inf",
    ),
    ("claim", claim(grid=(8.0,)), r"must have at least 2 distinct positive grid points, got \(8\.0,\)"),
    ("claim", claim(grid=(8.0, 8.0)), "must have at least 2 distinct positive grid points"),
    ("claim", claim(grid=(8.0, -1.0)), "must have at least 2 distinct positive grid points"),
    ("claim", claim(axis="Q"), "must have an axis that its rate has, of T, N, M, eps, d, got 'Q'"),
    ("claim", claim(method="sgd"), "must name one method that there is, got 'sgd'; choose one of zpg"),
    ("claim", claim(instance="moon"), "must name one instance that there is, got 'moon'"),
    ("claim", claim(instance="no_such_module:X"), "which instance 'no_such_module:X': cannot import no_such_module"),
    ("claim", claim(rate=rate(schedule=no_radius)), "mine:X: its rate must have a schedule"),
    ("claim", [claim(), claim(name="second", grid=())], "mine:X: its claim second must have at least 2"),
    ("claim", [], "its claims|must hold at least one claim"),
    ("figure", Mine(name="", title="Mine", compute=len, draw=len), "must have name and title in words, got ''"),
    (
        "figure",
        Mine(name="mine", title="Mine", compute=len),
        "must have name, title, compute, draw, got none of the name draw",
    ),
]


@pytest.mark.parametrize(("kind", "component", "words"), UNSOUND, ids=[f"{k}-{w[:40]}" for k, _, w in UNSOUND])
def test_a_planted_fault_is_refused_in_one_line(kind: Kind, component: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        require_sound(kind, "mine:X", component)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("sound", [LogisticAnew(), Softmax(), Softmax(4, 3), Learns(), NoMoments()])
def test_what_the_faults_are_planted_in_is_sound(sound: Any) -> None:
    require_sound(kind_of(sound), "mine:X", sound)


def test_a_fault_in_a_large_policy_is_seen() -> None:
    """120 parameters: bounds are measured in some directions only."""
    require_sound("policy", "mine:X", Softmax(40, 3))
    for fault in (
        OneEntryOff(40, 3),
        Softmax(40, 3, score_bounds=(0.5, 0.05)),
        Softmax(40, 3, score_bounds=(0.05, 0.5)),
    ):
        with pytest.raises(InputError):
            require_sound("policy", "mine:X", fault)


@pytest.mark.parametrize(
    ("component", "words"),
    [
        (None, "component must be one of mdp, policy, .*, got NoneType"),
        (Logistic, r"must be an object, a link for instance, got the class Logistic; write Logistic\(\.\.\.\)"),
        (TabularMDP, "must be an object, a mdp for instance, got the class TabularMDP"),
        (3.0, "got float"),
        ([], "got list"),
    ],
)
def test_what_is_of_no_kind_is_told_so(component: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        kind_of(component)


def test_an_unknown_kind_is_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"kind must be one of mdp, policy, .*, got 'robot'"):
        quick_outcomes("robot", LINK)  # type: ignore[arg-type]


def test_nothing_is_checked_after_what_the_rest_stands_on_has_failed() -> None:
    names = [outcome.name for outcome in quick_outcomes("policy", RowsOfTwo())]
    assert names == ["members", "sizes", "shape of probabilities", "law of the actions"]
    assert [outcome.name for outcome in quick_outcomes("link", Low())] == ["members", "any shape", "half at zero"]


def test_a_hostile_property_is_a_failed_outcome() -> None:
    class Hostile(Softmax):
        @property
        def score_bounds(self) -> Any:  # type: ignore[override]
            raise KeyError("bounds")

    with pytest.raises(InputError, match="policy mine:X must pass the check 'members', got KeyError: 'bounds'"):
        require_sound("policy", "mine:X", Hostile.__new__(Hostile))


def test_a_link_may_have_kinks() -> None:
    """Straight between twelve points of the logistic link; the quotients at some places see two slopes."""
    require_sound("link", "mine:X", Broken())
    with pytest.raises(InputError, match="must have the right derivative"):
        require_sound("link", "mine:X", BrokenDerivative())
