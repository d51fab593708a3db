"""Methods with a planted fault. Most change the stationary floor but not the slope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from estimators import Blocks, GradientMoments, PreferenceFeedback, Streams, ZerothOrder
from estimators.zeroth_order import GradientEstimator
from experiments.catalogue.method import Method, Oracle
from theory import Link, Policy, TabularMDP, Trimmed, UntilDisagreement, VoteModel
from theory.arrays import FloatArray
from theory.vote_tables import VoteTable


@dataclass(frozen=True)
class Rescaled:
    """An estimator whose scale is wrong by a factor."""

    estimator: GradientEstimator
    factor: float

    @property
    def n_trajectories(self) -> FloatArray:
        """As the estimator."""
        return self.estimator.n_trajectories

    @property
    def n_votes(self) -> FloatArray:
        """As the estimator."""
        return self.estimator.n_votes

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """The estimate times the factor."""
        return self.factor * self.estimator.estimate(mdp, policy, theta, rng)

    def moments(
        self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | None = None
    ) -> GradientMoments:
        """Not needed, since a planted fault is run but not predicted."""
        raise NotImplementedError


@dataclass(frozen=True)
class NeverMoving(Rescaled):
    """An estimator that is always 0. It costs nothing to run."""

    factor: float = 0.0

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:  # noqa: ARG002
        """Zeros."""
        return np.zeros_like(theta)


@dataclass(frozen=True)
class SharedDraws(Rescaled):
    """An estimator that draws once for a whole batch, so that its replicates are copies of one run."""

    factor: float = 1.0

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """The estimate of the first replicate, for all."""
        found = self.estimator.estimate(mdp, policy, theta, rng)
        return found if theta.ndim == 1 else np.broadcast_to(found[..., :1, :], theta.shape)


@dataclass(frozen=True)
class OneSignFlipped(Rescaled):
    """An estimator that negates its first coordinate."""

    factor: float = 1.0

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """The estimate, its first coordinate negated."""
        found = super().estimate(mdp, policy, theta, rng).copy()
        found[..., 0] *= -1
        return found


@dataclass(frozen=True)
class PulledBack(Rescaled):
    """An estimator with a bias that pulls parameters back to 0: a weight decay that should not be there."""

    factor: float = 1.0
    strength: float = 1.0

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """The estimate, minus the strength times theta."""
        return super().estimate(mdp, policy, theta, rng) - self.strength * theta


@dataclass(frozen=True)
class LongBlocks:
    """Blocks whose directions have length sqrt(K) in place of 1."""

    block_size: int

    def sample(self, dim: int, batch: tuple[int, ...], rng: Generator) -> FloatArray:
        """Draw independent directions, shape (batch..., dim)."""
        return np.asarray(np.sqrt(self.block_size) * Blocks(self.block_size).sample(dim, batch, rng))

    def support(self, dim: int) -> FloatArray | None:
        """All directions."""
        found = Blocks(self.block_size).support(dim)
        return None if found is None else np.asarray(np.sqrt(self.block_size) * found)


@dataclass(frozen=True)
class OneDirection:
    """The first coordinate at every iteration, with a random sign."""

    def sample(self, dim: int, batch: tuple[int, ...], rng: Generator) -> FloatArray:
        """Draw the sign, shape (batch..., dim)."""
        directions = np.zeros((*batch, dim))
        directions[..., 0] = rng.integers(0, 2, size=batch) * 2.0 - 1.0
        return directions

    def support(self, dim: int) -> FloatArray | None:
        """Both signs."""
        return np.asarray(np.eye(dim)[:1] * np.array([[1.0], [-1.0]]))


@dataclass(frozen=True)
class OneAgreementShort(UntilDisagreement):
    """Reads a run of k equal votes as one of k - 1."""

    def values(self, n: int) -> tuple[FloatArray, FloatArray]:
        """Those of runs shorter by 1."""
        first, second = super().values(n)
        return np.concatenate([[0.0], first[:-1]]), np.concatenate([[0.0], second[:-1]])


@dataclass(frozen=True)
class NotNegated(VoteModel):
    """Shows pairs in random order, and does not negate the reading of those that it swapped."""

    def table(self, mdp: TabularMDP, batch_size: int = 1) -> VoteTable:
        """Half of the law in fixed order, and half of that of the swapped pair."""
        fixed = VoteModel(self.link, self.n_queries, self.inversion, self.rater_link).table(mdp, batch_size)
        assert fixed.probabilities is not None, "the votes of this fault are finite"
        law = (fixed.probabilities + fixed.probabilities[::-1]) / 2
        mean = law @ fixed.outcomes
        variance = (law * (fixed.outcomes - mean[:, None]) ** 2).sum(axis=1)
        return replace(fixed, probabilities=law, mean=mean, variance=variance)


def dropped_dimension(method: Method) -> Method:
    """Without the factor d, so that steps are d times too small."""
    return _changed(method, lambda dim, built: Rescaled(built, 1 / dim))


def rescaled(method: Method, factor: float) -> Method:
    """With every estimate times a factor; a negative one goes downhill."""
    return _changed(method, lambda dim, built: Rescaled(built, factor))  # noqa: ARG005


def one_sign_flipped(method: Method) -> Method:
    """With the first coordinate of every estimate negated."""
    return _changed(method, lambda dim, built: OneSignFlipped(built))  # noqa: ARG005


def never_moving(method: Method) -> Method:
    """Without any step."""
    still = _changed(method, lambda dim, built: NeverMoving(built))  # noqa: ARG005
    return replace(still, deterministic=True)


def shared_draws(method: Method) -> Method:
    """With one draw for all replicates."""
    return _changed(method, lambda dim, built: SharedDraws(built))  # noqa: ARG005


def pulled_back(method: Method, strength: float) -> Method:
    """With a weight decay of this strength."""
    return _changed(method, lambda dim, built: PulledBack(built, strength=strength))  # noqa: ARG005


def long_blocks(method: Method, block_size: int) -> Method:
    """Directions of a block not normalised."""
    return _changed(method, lambda dim, built: replace(built, directions=LongBlocks(block_size)))  # noqa: ARG005


def one_direction(method: Method) -> Method:
    """The same direction at every iteration."""
    return _changed(method, lambda dim, built: replace(built, directions=OneDirection()))  # noqa: ARG005


def trimmed_inside(method: Method, trim: float = 0.2) -> Method:
    """The trim inside the range of preference probabilities."""
    return _reading(method, lambda oracle: oracle.reading(Trimmed(trim, enforce=False)))


def one_agreement_short(method: Method) -> Method:
    """Votes until the first disagreement, one agreement too few counted."""

    def shorter(dim: int, built: ZerothOrder) -> ZerothOrder:  # noqa: ARG001
        asked = built.feedback
        assert isinstance(asked, PreferenceFeedback)
        assert isinstance(asked.votes, UntilDisagreement)
        short = OneAgreementShort(asked.votes.link, asked.votes.cap, asked.votes.rater_link)
        return replace(built, feedback=replace(asked, votes=short))

    return replace(_changed(method, shorter), stacks=False)


def not_negated(method: Method) -> Method:
    """Pairs in random order, the readings of swapped ones not negated."""

    def heard(oracle: Oracle) -> Oracle:
        asked = oracle if isinstance(oracle, PreferenceFeedback) else oracle.members[0]
        return replace(asked, votes=NotNegated(asked.votes.link, asked.votes.n_queries))

    return replace(_reading(method, heard), stacks=False)


def other_raters(method: Method, link: Link) -> Method:
    """Raters with another link than the one that is inverted."""

    def heard(oracle: Oracle) -> Oracle:
        asked = oracle if isinstance(oracle, PreferenceFeedback) else oracle.members[0]
        return replace(asked, votes=replace(asked.votes, rater_link=link))

    return replace(_reading(method, heard), stacks=False)


def _changed(method: Method, change: Callable[[int, Any], Any]) -> Method:
    return replace(method, build=lambda dim, oracle, knob: change(dim, _zeroth_order(method, dim, oracle, knob)))


def _reading(method: Method, hear: Callable[[Oracle], Oracle]) -> Method:
    return replace(method, build=lambda dim, oracle, knob: method.build(dim, hear(oracle), knob))


def _zeroth_order(method: Method, dim: int, oracle: Oracle, knob: Any) -> ZerothOrder:
    built = method.build(dim, oracle, knob)
    assert isinstance(built, ZerothOrder), "faults are planted in zeroth-order methods"
    return built
