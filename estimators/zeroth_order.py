"""Zeroth-order policy gradient: a law of directions times a value-difference feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from estimators.directions import Blocks, Directions, Sphere
from estimators.feedback import Feedback, Sampler, preferences
from estimators.streams import Streams
from theory.errors import InputError
from theory.links import Link
from theory.mdp import TabularMDP
from theory.policies import Policy

FloatArray = NDArray[np.float64]


class GradientEstimator(Protocol):
    """What the ascent loop needs of an estimator."""

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """Estimate of the gradient of V at theta, (..., dim)."""

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

    Raises
    ------
    InputError
        If the radius is not positive and finite.
    """

    directions: Directions
    feedback: Feedback
    radius: ArrayLike

    def __post_init__(self) -> None:
        radius = np.asarray(self.radius, dtype=np.float64)
        if not (np.isfinite(radius) & (radius > 0)).all():
            raise InputError(f"radius must be positive and finite, got {radius}")
        object.__setattr__(self, "radius", radius)

    @property
    def n_trajectories(self) -> FloatArray:
        """2 N."""
        return 2 * self.feedback.n_pairs

    @property
    def n_votes(self) -> FloatArray:
        """N M."""
        # Nobody votes on returns: 0 votes a pair, even when the pairs are infinitely many.
        return self.feedback.n_pairs * self.feedback.n_queries if self.feedback.n_queries else np.array(0.0)

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """Estimate of the gradient of V at theta, (..., dim) -> (..., dim): steps 1 to 4 of ZPG and ZBCPG."""
        streams = Streams.of(rng)
        radius = np.asarray(self.radius)[..., None]
        direction = self.directions.sample(policy.dim, theta.shape[:-1], streams.directions)
        difference = self.feedback.difference(mdp, policy, theta + radius * direction, theta, streams)
        return policy.dim / radius * difference[..., None] * direction


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
