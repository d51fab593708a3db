"""Zeroth-order policy gradient: a law of directions with a feedback on value differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from estimators.directions import Blocks, Directions, Sphere
from estimators.feedback import PREFERENCE_EXAMPLE, Feedback, preferences
from estimators.moments import DifferenceMoments, GradientMoments, average_over_directions
from estimators.pair_feedback import Sampler
from estimators.streams import Streams
from theory.arrays import FloatArray
from theory.batching import fits_batch
from theory.errors import InputError, require_integer, require_kind
from theory.links import Link
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.validation import positive_array
from theory.values import policy_gradient, real_parameters

# Directions sampled, in opposite pairs, if they cannot be enumerated.
N_SAMPLED_DIRECTIONS = 2048


class GradientEstimator(Protocol):
    """The interface of a gradient estimator."""

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """Estimate of the gradient of V at theta, (..., dim)."""

    def moments(
        self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | None = None
    ) -> GradientMoments:
        """First and second moments of the estimate."""

    @property
    def n_trajectories(self) -> FloatArray:
        """Trajectories per estimate."""

    @property
    def n_votes(self) -> FloatArray:
        """Votes per estimate."""


@dataclass(frozen=True, eq=False)
class ZerothOrder:
    """g = (d / mu) D v, where v is a direction and D the feedback on theta + mu v against theta.

    Parameters
    ----------
    directions : Directions
    feedback : Feedback
    radius : float or array
        Perturbation radius mu > 0; an array broadcasts against the batch.
    symmetric : bool, default False
        Whether the pair is theta + mu v against theta - mu v, scaled by d / (2 mu). Even smoothing terms then cancel.
    n_directions : int, default 1
        Independent directions averaged in one estimate, each with its own pairs.

    Raises
    ------
    InputError
        If an argument has another type, the radius is not positive and finite, or n_directions is not an integer of at
        least 1.
    """

    directions: Directions
    feedback: Feedback
    radius: ArrayLike
    symmetric: bool = False
    n_directions: int = 1

    def __post_init__(self) -> None:
        require_kind("directions", self.directions, Directions, "Sphere()")
        require_kind("feedback", self.feedback, Feedback, PREFERENCE_EXAMPLE)
        require_kind("symmetric", self.symmetric, bool, "True")
        require_integer("n_directions", self.n_directions, 1)
        object.__setattr__(self, "radius", positive_array("radius", self.radius))

    @property
    def n_trajectories(self) -> FloatArray:
        """2 N, times the number of directions, and times D if the feedback compares batches of D trajectories."""
        return np.asarray(2 * self.n_directions * self.feedback.batch_size * self.feedback.n_pairs)

    @property
    def n_votes(self) -> FloatArray:
        """N M, times the number of directions. Where M is random, see `expected_votes`."""
        # Without votes M is 0, and the product is 0 also for infinitely many pairs.
        queries = np.asarray(self.feedback.n_queries)
        if (queries == 0).all():
            return np.array(0.0)
        return np.asarray(self.n_directions * self.feedback.n_pairs * queries)

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """Estimate of the gradient of V at theta, (..., dim) -> (..., dim): steps 1 to 4 of ZPG and ZBCPG."""
        streams = Streams.of(rng)
        theta = real_parameters(mdp, policy, theta)
        batch = theta.shape[:-1]
        settings = np.asarray(self.radius), np.asarray(self.feedback.n_pairs)
        if not fits_batch(batch, *settings):
            shapes = " and ".join(str(setting.shape) for setting in settings)
            raise InputError(f"radius and n_pairs must broadcast against the batch {batch} of theta, got {shapes}")
        if self.n_directions == 1:
            direction = self.directions.sample(policy.dim, batch, streams.directions)
            return self._along(mdp, policy, theta, direction, streams)
        many = self.directions.sample(policy.dim, (self.n_directions, *batch), streams.directions)
        return np.asarray(self._along(mdp, policy, theta, many, streams).mean(axis=0))

    def moments(
        self,
        mdp: TabularMDP,
        policy: Policy,
        theta: FloatArray,
        rng: Generator | None = None,
        n_sampled: int = N_SAMPLED_DIRECTIONS,
    ) -> GradientMoments:
        """First and second moments of the estimate, and the parts of its error.

        They are exact if the directions can be enumerated. Otherwise the exact moments given the direction are averaged
        over sampled directions, in opposite pairs, and `standard_error` is the error of that average.

        Parameters
        ----------
        mdp : TabularMDP
        policy : Policy
        theta : array (..., dim)
        rng : Generator, optional
            Needed only if directions are sampled.
        n_sampled : int, default 2048
            Directions sampled if they cannot be enumerated, an even number.

        Raises
        ------
        InputError
            If directions must be sampled and no generator is given, or there is no exact law of the votes, or
            n_sampled is not an integer of at least 2.
        """
        directions, given = self.moments_given_directions(mdp, policy, theta, rng, n_sampled)
        return average_over_directions(
            gradient=policy_gradient(mdp, policy, theta),
            directions=directions,
            given=given,
            scale=self.scale(policy),
            n_directions=self.n_directions,
            enumerated=self.directions.support(policy.dim) is not None,
        )

    def moments_given_directions(
        self,
        mdp: TabularMDP,
        policy: Policy,
        theta: FloatArray,
        rng: Generator | None = None,
        n_sampled: int = N_SAMPLED_DIRECTIONS,
    ) -> tuple[FloatArray, DifferenceMoments]:
        """Directions (n, dim), and the moments of the value difference along each, arrays (n, ...)."""
        theta = real_parameters(mdp, policy, theta)
        directions, spread = self._spread(policy, theta, rng, n_sampled)
        return directions, self.feedback.moments(mdp, policy, *self._ends(theta, spread))

    def _spread(
        self, policy: Policy, theta: FloatArray, rng: Generator | None, n_sampled: int = N_SAMPLED_DIRECTIONS
    ) -> tuple[FloatArray, FloatArray]:
        """All directions or sampled ones, (n, dim), and the same with axes of length 1 for the batch of theta."""
        directions = self.directions.support(policy.dim)
        if directions is None:
            if rng is None:
                raise InputError("rng must be given to average over directions that cannot be enumerated, got None")
            require_integer("n_sampled", n_sampled, 2)
            half = self.directions.sample(policy.dim, (n_sampled // 2,), rng)
            directions = np.concatenate([half, -half])
        return directions, directions.reshape(len(directions), *(1,) * (theta.ndim - 1), policy.dim)

    def expected_votes(
        self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | None = None
    ) -> FloatArray:
        """Expected votes of one estimate, (...,): those of the feedback, averaged over directions as in `moments`."""
        theta = real_parameters(mdp, policy, theta)
        _, spread = self._spread(policy, theta, rng)
        asked = self.feedback.expected_votes(mdp, policy, *self._ends(theta, spread))
        return np.asarray(self.n_directions * asked.mean(axis=0))

    def scale(self, policy: Policy) -> FloatArray:
        """Factor of D v: d / mu, or d / (2 mu) for symmetric pairs."""
        return policy.dim / (np.asarray(self.radius) * (2 if self.symmetric else 1))

    def _ends(self, theta: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        step = np.asarray(self.radius)[..., None] * direction
        first = theta + step
        return first, np.broadcast_to(theta - step if self.symmetric else theta, first.shape)

    def _along(
        self, mdp: TabularMDP, policy: Policy, theta: FloatArray, direction: FloatArray, streams: Streams
    ) -> FloatArray:
        first, second = self._ends(theta, direction)
        difference = self.feedback.difference(mdp, policy, first, second, streams)
        return (self.scale(policy) * difference)[..., None] * direction


def zpg(
    *,
    radius: ArrayLike,
    n_pairs: ArrayLike,
    n_queries: float,
    link: Link,
    trim: float | None = None,
    sampler: Sampler = "law",
) -> ZerothOrder:
    """Zeroth-order policy gradient: directions from the sphere, feedback from preferences.

    Parameters
    ----------
    radius : float or array
        Perturbation radius mu.
    n_pairs : int, inf or array
        Trajectory pairs per iteration, N.
    n_queries : int or inf
        Votes per pair, M.
    link : Link
        Link sigma of the raters, inverted by the algorithm.
    trim : float, optional
        Delta; see `theory.inversions.Trimmed`.
    sampler : {"law", "rollout"}
        Draw from the exact law of the votes, or simulate every trajectory and vote.

    References
    ----------
    Zhang and Ying, arXiv:2409.17401, Algorithm 1.
    """
    return ZerothOrder(Sphere(), preferences(n_pairs, n_queries, link, trim, sampler), radius)


def zbcpg(
    *,
    block_size: int,
    radius: ArrayLike,
    n_pairs: ArrayLike,
    n_queries: float,
    link: Link,
    trim: float | None = None,
    sampler: Sampler = "law",
) -> ZerothOrder:
    """Zeroth-order block-coordinate policy gradient: directions from blocks of `block_size` coordinates.

    The other parameters are those of `zpg`.

    References
    ----------
    Zhang and Ying, arXiv:2409.17401, Algorithm 2.
    """
    return ZerothOrder(Blocks(block_size), preferences(n_pairs, n_queries, link, trim, sampler), radius)
