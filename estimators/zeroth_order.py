"""Zeroth-order policy gradient: a law of directions times a value-difference feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from estimators.directions import Blocks, Directions, Sphere
from estimators.feedback import Feedback, Sampler, preferences
from estimators.moments import DifferenceMoments, GradientMoments, summarise
from estimators.streams import Streams
from theory.arrays import FloatArray
from theory.batching import fits_batch
from theory.errors import InputError
from theory.links import Link
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import policy_gradient

# Directions averaged over when they cannot be enumerated; used in opposite pairs.
N_SAMPLED_DIRECTIONS = 2048


class GradientEstimator(Protocol):
    """What the ascent loop and the comparison of variances need of an estimator."""

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """Estimate of the gradient of V at theta, (..., dim)."""

    def moments(
        self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | None = None
    ) -> GradientMoments:
        """First and second moments of the estimate."""

    @property
    def n_trajectories(self) -> FloatArray:
        """Trajectories an estimate costs."""

    @property
    def n_votes(self) -> FloatArray:
        """Votes an estimate costs."""


@dataclass(frozen=True, eq=False)
class ZerothOrder:
    """g = (d / mu) D v, with v a direction and D the feedback on theta + mu v against theta.

    Parameters
    ----------
    directions : Directions
    feedback : Feedback
    radius : float or array
        Perturbation radius mu > 0; an array broadcasts against the batch.
    symmetric : bool, default False
        Whether the pair is theta + mu v against theta - mu v, scaled by d / (2 mu): even smoothing terms cancel.
    n_directions : int, default 1
        Independent directions averaged in one estimate, each with pairs of its own.

    Raises
    ------
    InputError
        If the radius is not positive and finite, or n_directions is not a whole number of at least 1.
    """

    directions: Directions
    feedback: Feedback
    radius: ArrayLike
    symmetric: bool = False
    n_directions: int = 1

    def __post_init__(self) -> None:
        radius = np.asarray(self.radius, dtype=np.float64)
        if not (np.isfinite(radius) & (radius > 0)).all():
            raise InputError(f"radius must be positive and finite, got {radius}")
        if not isinstance(self.n_directions, int | np.integer) or self.n_directions < 1:
            raise InputError(f"n_directions must be an integer of at least 1, got {self.n_directions!r}")
        object.__setattr__(self, "radius", radius)

    @property
    def n_trajectories(self) -> FloatArray:
        """2 N, times the directions."""
        return np.asarray(2 * self.n_directions * self.feedback.n_pairs)

    @property
    def n_votes(self) -> FloatArray:
        """N M, times the directions."""
        # Nobody votes on returns: 0 votes a pair, even when the pairs are infinitely many.
        queries = np.asarray(self.feedback.n_queries)
        if (queries == 0).all():
            return np.array(0.0)
        return np.asarray(self.n_directions * self.feedback.n_pairs * queries)

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """Estimate of the gradient of V at theta, (..., dim) -> (..., dim): steps 1 to 4 of ZPG and ZBCPG."""
        streams = Streams.of(rng)
        theta = np.asarray(theta, dtype=np.float64)
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
        self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | None = None
    ) -> GradientMoments:
        """First and second moments of the estimate, split by their causes.

        Exact where the directions can be enumerated. Otherwise the exact moments given the direction are averaged over
        2,048 sampled directions, in opposite pairs; `standard_error` is what remains.

        Parameters
        ----------
        mdp : TabularMDP
        policy : Policy
        theta : array (..., dim)
        rng : Generator, optional
            Needed only where directions are sampled.

        Raises
        ------
        InputError
            If directions must be sampled and no generator is given, or the law of the votes is not exactly known.
        """
        directions, given = self.moments_given_directions(mdp, policy, theta, rng)
        return summarise(
            gradient=policy_gradient(mdp, policy, theta),
            directions=directions,
            given=given,
            scale=self.scale(policy),
            n_directions=self.n_directions,
            enumerated=self.directions.support(policy.dim) is not None,
        )

    def moments_given_directions(
        self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | None = None
    ) -> tuple[FloatArray, DifferenceMoments]:
        """Directions (n, dim), and the moments of the value difference along each, arrays (n, ...)."""
        directions = self.directions.support(policy.dim)
        if directions is None:
            if rng is None:
                raise InputError("rng must be given to average over directions that cannot be enumerated, got None")
            half = self.directions.sample(policy.dim, (N_SAMPLED_DIRECTIONS // 2,), rng)
            directions = np.concatenate([half, -half])
        theta = np.asarray(theta, dtype=np.float64)
        spread = directions.reshape(len(directions), *(1,) * (theta.ndim - 1), policy.dim)
        return directions, self.feedback.moments(mdp, policy, *self._ends(theta, spread))

    def scale(self, policy: Policy) -> FloatArray:
        """What multiplies D v: d / mu, or d / (2 mu) for symmetric pairs."""
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
        Trajectory pairs an iteration, N.
    n_queries : int or inf
        Votes a pair, M.
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
