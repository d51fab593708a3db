"""Faults planted in what draws: each must be a failed line that names it. 20,000 draws, a fifth of the usual number."""

# ruff: noqa: ARG002, ARG005

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from estimators import Blocks, Directions, Dpo, PreferenceFeedback, ReturnFeedback, Sphere, Streams, ZerothOrder
from estimators.feedback import preferences
from experiments.catalogue.methods import METHODS
from experiments.contracts import draws
from experiments.contracts.check_component import check_component
from theory import HaldaneAnscombe, Logistic, VoteModel

LINK = Logistic(2.0)
VOTES = VoteModel(LINK, 5)


@pytest.fixture(autouse=True)
def _fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draws, "N_DRAWS", 20_000)


def failed(component: Any) -> dict[str, str]:
    return {outcome.name: outcome.sentence for outcome in check_component(component) if not outcome.passed}


class Long(Sphere):
    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        return 1.001 * super().sample(dim, batch, rng)


class Uneven(Sphere):
    """The first coordinate is perturbed a little more than the others."""

    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        drawn = super().sample(dim, batch, rng) * np.append(1.05, np.ones(dim - 1))
        return drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)

    def support(self, dim: int) -> Any:
        return None


class Missing(Uneven):
    """The last coordinate is never perturbed."""

    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        drawn = Sphere().sample(dim - 1, batch, rng)
        return np.concatenate([drawn, np.zeros((*batch, 1))], axis=-1)


class Antithetic(Sphere):
    """Every second direction is the negative of the one before."""

    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        drawn = super().sample(dim, batch, rng)
        if batch:
            flat = drawn.reshape(-1, dim)
            flat[1::2] = -flat[: len(flat) - 1 : 2]
            drawn = flat.reshape(drawn.shape)
        return drawn


@dataclass(frozen=True)
class OwnSeed(Sphere):
    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        return super().sample(dim, batch, np.random.default_rng(0))


@dataclass(frozen=True)
class OwnGenerator(Sphere):
    own: Any = field(default_factory=lambda: np.random.default_rng(0))

    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        return super().sample(dim, batch, self.own)


class CopiedGenerator(Sphere):
    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        own = np.random.Generator(type(rng.bit_generator)())
        own.bit_generator.state = rng.bit_generator.state
        return super().sample(dim, batch, own)


@dataclass(frozen=True)
class WithLambda(Sphere):
    twist: Callable[[Any], Any] = field(default=lambda x: x)


@pytest.mark.parametrize(
    ("directions", "names"),
    [
        (Long(), ["length"]),
        (Uneven(), ["2 parameters: second moment", "3 parameters: second moment"]),
        (
            Missing(),
            [f"{dim} parameters: {name}" for dim in (2, 3) for name in ("second moment", "rank")],
        ),
        (Antithetic(), [f"{dim} parameters: independent" for dim in (2, 3)]),
        (OwnSeed(), ["another generator", "used again"]),
        (OwnGenerator(), ["same generator"]),
        (CopiedGenerator(), ["used again"]),
        (WithLambda(), ["pickles"]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_faults_of_directions(directions: Directions, names: list[str]) -> None:
    found = failed(directions)
    if isinstance(directions, OwnSeed):
        # The same rows in every piece of the sample: its mean is that of a few directions.
        found = {name: found[name] for name in names}
    assert list(found) == names


class RolloutFault(PreferenceFeedback):
    """A feedback whose simulated votes are read in another way."""

    def read(self, mdp: Any, differences: Any, rng: Any) -> Any:
        votes = replace(self.votes, inversion=HaldaneAnscombe())
        return PreferenceFeedback(self.n_pairs, "rollout", votes).read(mdp, differences, rng)


class RepeatedVotes(PreferenceFeedback):
    """One rater's vote is repeated, and the moments do not know."""

    def read(self, mdp: Any, differences: Any, rng: Any) -> Any:
        votes = replace(self.votes, repeated=True)
        return PreferenceFeedback(self.n_pairs, "rollout", votes).read(mdp, differences, rng)


class NormalVotes(ReturnFeedback):
    """Simulated differences have the right moments, and another law."""

    def difference(self, mdp: Any, policy: Any, first: Any, second: Any, streams: Any) -> Any:
        if self.sampler == "law":
            return super().difference(mdp, policy, first, second, streams)
        found = self.moments(mdp, policy, first, second)
        spread = np.sqrt(found.variance_trajectory + found.variance_query)
        return found.mean + spread * streams.votes.normal(size=np.shape(found.mean))


class OnePairForAll(PreferenceFeedback):
    """Neighbouring rows of a batch get one draw."""

    def difference(self, mdp: Any, policy: Any, first: Any, second: Any, streams: Any) -> Any:
        drawn = super().difference(mdp, policy, first, second, streams)
        return drawn if drawn.ndim == 0 else np.repeat(drawn.ravel()[::2], 2)[: drawn.size].reshape(drawn.shape)


class OwnVotes(PreferenceFeedback):
    def difference(self, mdp: Any, policy: Any, first: Any, second: Any, streams: Any) -> Any:
        return super().difference(mdp, policy, first, second, Streams.of(np.random.default_rng(0)))


class SharedMoments(PreferenceFeedback):
    def moments(self, mdp: Any, policy: Any, first: Any, second: Any) -> Any:
        found = super().moments(mdp, policy, first, second)
        return replace(found, clip_rate=found.clip_rate + np.sum(first[0] if first.ndim > 1 else 0.0))


class MutatingEnds(PreferenceFeedback):
    def difference(self, mdp: Any, policy: Any, first: Any, second: Any, streams: Any) -> Any:
        drawn = super().difference(mdp, policy, first, second, streams)
        first += 1.0
        return drawn


@pytest.mark.parametrize(
    ("feedback", "names"),
    [
        (RolloutFault(np.asarray(3), "law", VOTES), {"rollout sampler: variance", "one law"}),
        (RepeatedVotes(np.asarray(3), "rollout", VOTES), {"rollout sampler: variance", "one law"}),
        (NormalVotes(np.asarray(3)), {"one law"}),
        (OnePairForAll(np.asarray(3), "law", VOTES), {f"{s} sampler: independent" for s in ("law", "rollout")}),
        (
            OwnVotes(np.asarray(3), "law", VOTES),
            {f"{s} sampler: {c}" for s in ("law", "rollout") for c in ("another generator", "used again")},
        ),
        (SharedMoments(np.asarray(3), "law", VOTES), {"rows of moments"}),
        (MutatingEnds(np.asarray(3), "law", VOTES), {"arguments unchanged"}),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, set) else "",
)
def test_faults_of_feedbacks(feedback: Any, names: set[str]) -> None:
    found = set(failed(feedback))
    assert found >= names
    if not isinstance(feedback, OwnVotes | RepeatedVotes | RolloutFault):
        assert found == names


def estimator(kind: type = ZerothOrder, **settings: Any) -> Any:
    return kind(Blocks(1), preferences(300, 50, LINK), 0.5, **settings)


class NoDimension(ZerothOrder):
    """The factor d is dropped from the draws."""

    def estimate(self, mdp: Any, policy: Any, theta: Any, rng: Any) -> Any:
        return super().estimate(mdp, policy, theta, rng) / policy.dim


class WrongSign(ZerothOrder):
    def estimate(self, mdp: Any, policy: Any, theta: Any, rng: Any) -> Any:
        return -super().estimate(mdp, policy, theta, rng)


class TooSure(ZerothOrder):
    """States less variance than there is."""

    def moments(self, mdp: Any, policy: Any, theta: Any, rng: Any = None) -> Any:
        found = super().moments(mdp, policy, theta, rng)
        less = 0.5 * found.variance_direction
        return replace(found, variance_direction=less, mse=found.mse - less)


class OneThetaForAll(ZerothOrder):
    def estimate(self, mdp: Any, policy: Any, theta: Any, rng: Any) -> Any:
        same = np.broadcast_to(theta.reshape(-1, theta.shape[-1])[0], theta.shape)
        return super().estimate(mdp, policy, same, rng)


class OneDirectionForTwo(ZerothOrder):
    """Every second row of a batch is the one before."""

    def estimate(self, mdp: Any, policy: Any, theta: Any, rng: Any) -> Any:
        drawn = np.array(super().estimate(mdp, policy, theta, rng))
        if theta.ndim > 1:
            drawn[1::2] = drawn[: len(drawn) - 1 : 2]
        return drawn


class IgnoresGenerator(ZerothOrder):
    def estimate(self, mdp: Any, policy: Any, theta: Any, rng: Any) -> Any:
        return super().estimate(mdp, policy, theta, np.random.default_rng(0))


class HiddenGenerator(ZerothOrder):
    def estimate(self, mdp: Any, policy: Any, theta: Any, rng: Any) -> Any:
        if not hasattr(self, "own"):
            object.__setattr__(self, "own", np.random.default_rng(0))
        return super().estimate(mdp, policy, theta, self.own)


class WrongBias(ZerothOrder):
    def moments(self, mdp: Any, policy: Any, theta: Any, rng: Any = None) -> Any:
        found = super().moments(mdp, policy, theta, rng)
        return replace(found, bias_smoothing=found.bias_smoothing + 0.1)


class LostPart(ZerothOrder):
    def moments(self, mdp: Any, policy: Any, theta: Any, rng: Any = None) -> Any:
        found = super().moments(mdp, policy, theta, rng)
        return replace(found, variance_query=0 * found.variance_query)


class SharedClipRate(ZerothOrder):
    def moments(self, mdp: Any, policy: Any, theta: Any, rng: Any = None) -> Any:
        found = super().moments(mdp, policy, theta, rng)
        return replace(found, clip_rate=np.full_like(found.clip_rate, found.clip_rate.mean()))


class MutatingTheta(ZerothOrder):
    def estimate(self, mdp: Any, policy: Any, theta: Any, rng: Any) -> Any:
        drawn = super().estimate(mdp, policy, theta, rng)
        theta += drawn
        return drawn


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (NoDimension, {"error"}),
        (WrongSign, {"mean"}),
        (TooSure, {"error"}),
        (OneThetaForAll, {"mean"}),
        (OneDirectionForTwo, {"independent"}),
        (IgnoresGenerator, {"another generator", "used again"}),
        (HiddenGenerator, {"same generator"}),
        (WrongBias, {"stated gradient"}),
        (LostPart, {"parts of the error"}),
        (SharedClipRate, {"rows of moments"}),
        (MutatingTheta, {"arguments unchanged"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_faults_of_estimators(kind: type, names: set[str]) -> None:
    found = failed(estimator(kind))
    assert set(found) >= names
    assert not names & {"another generator"} or "the generator is ignored" in found["another generator"]


def test_what_the_faults_of_estimators_are_planted_in_is_sound() -> None:
    assert failed(estimator()) == {}


class NoMoments(ZerothOrder):
    def moments(self, *arguments: Any) -> Any:
        raise NotImplementedError


class NoMomentsIgnoring(IgnoresGenerator):
    def moments(self, *arguments: Any) -> Any:
        raise NotImplementedError


def test_who_knows_no_moments_is_judged_by_the_rest() -> None:
    assert failed(estimator(NoMoments)) == {}
    names = [outcome.name for outcome in check_component(estimator(NoMoments))]
    assert "mean" not in names
    assert "same generator" in names
    assert {"another generator", "used again"} <= set(failed(estimator(NoMomentsIgnoring)))


@dataclass(frozen=True)
class Learns:
    """Walks at random."""

    n_trajectories: float = 1.0
    n_votes: float = 0.0
    memory: list[Any] = field(default_factory=list)

    def begin(self, mdp: Any, policy: Any, start: Any) -> Any:
        return self.walk

    def walk(self, theta: Any, step: Any, streams: Any) -> Any:
        return theta + step * streams.votes.normal(size=theta.shape)


class SeedsItself(Learns):
    def walk(self, theta: Any, step: Any, streams: Any) -> Any:
        return super().walk(theta, step, Streams.of(np.random.default_rng(0)))


class Remembers(Learns):
    """Keeps what its runs saw on itself."""

    def walk(self, theta: Any, step: Any, streams: Any) -> Any:
        self.memory.append(theta.sum())
        return super().walk(theta, step, streams) + 1e-3 * len(self.memory)


class OneStep(Learns):
    def walk(self, theta: Any, step: Any, streams: Any) -> Any:
        return theta + step * streams.votes.normal(size=theta.shape[-1])


class WalksInPlace(Learns):
    def walk(self, theta: Any, step: Any, streams: Any) -> Any:
        theta += step * streams.votes.normal(size=theta.shape)
        return theta


class BeginsElsewhere(Learns):
    def begin(self, mdp: Any, policy: Any, start: Any) -> Any:
        start += 1.0
        return self.walk


@dataclass(frozen=True)
class LearnsByLambda(Learns):
    twist: Callable[[Any], Any] = field(default=lambda x: x)


@pytest.mark.parametrize(
    ("learner", "names"),
    [
        (Learns(), set()),
        (SeedsItself(), {"another generator", "used again"}),
        (Remembers(), {"same generator", "runs apart"}),
        (OneStep(), {"runs of their own"}),
        (WalksInPlace(), {"arguments unchanged"}),
        (BeginsElsewhere(), {"arguments unchanged"}),
        (LearnsByLambda(), {"pickles"}),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, set) else "",
)
def test_faults_of_learners(learner: Any, names: set[str]) -> None:
    found = set(failed(learner))
    assert found >= names
    assert names or not found


def build_but_for_five(dim: int, oracle: Any, knob: Any) -> Any:
    if dim == 5:
        raise ValueError("five is odd")
    return ZerothOrder(Sphere(), oracle, knob)


class Counts:
    """Builds something else every time."""

    calls = 0

    def __call__(self, dim: int, oracle: Any, knob: Any) -> Any:
        self.calls += 1
        return ZerothOrder(Sphere(), oracle, np.asarray(knob) * (1 + 1e-6 * self.calls))


class FiveIsNone:
    """Settings that are none for 5 parameters."""

    first = ((0, 0),)

    def __init__(self, dim: int) -> None:
        self.step = 0.1 if dim != 5 else 0.0

    def setting(self, at: Any) -> tuple[float, float]:
        return self.step, 1.0


def test_faults_of_methods() -> None:
    sound = METHODS["zpg"]
    assert "five is odd for 5" in failed(replace(sound, build=build_but_for_five))["dims"]
    assert "built twice" in failed(replace(sound, build=Counts()))
    zero = failed(replace(sound, grid=lambda instance: FiveIsNone(instance.policy.dim)))
    assert "step size 0 and knob 1 for 5 parameters" in zero["settings of all sizes"]
    ignoring = replace(sound, build=lambda dim, oracle, knob: IgnoresGenerator(Sphere(), oracle, knob))
    assert "estimator: another generator" in failed(ignoring)
    remembering = replace(sound, build=lambda dim, oracle, knob: OneStep())
    assert "learner: runs of their own" in failed(remembering)


def test_dpo_is_no_stranger() -> None:
    """A learner whose votes are infinitely many pairs cannot be built, which is said once and in one line."""
    with pytest.raises(ValueError, match="n_pairs must be one finite number"):
        Dpo(preferences(np.inf, 3, LINK), 0.1)
