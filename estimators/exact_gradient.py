"""The exact gradient as an estimator, for comparison."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from estimators.moments import GradientMoments
from estimators.streams import Streams
from theory.arrays import FloatArray
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import policy_gradient


@dataclass(frozen=True, eq=False)
class ExactGradient:
    """The exact gradient of V, without trajectories or votes."""

    n_trajectories: FloatArray = field(default_factory=lambda: np.array(0.0), init=False)
    n_votes: FloatArray = field(default_factory=lambda: np.array(0.0), init=False)

    def estimate(
        self,
        mdp: TabularMDP,
        policy: Policy,
        theta: FloatArray,
        rng: Generator | Streams,  # noqa: ARG002  (nothing is drawn)
    ) -> FloatArray:
        """Gradient of V at theta, (..., dim)."""
        return policy_gradient(mdp, policy, theta)

    def moments(
        self,
        mdp: TabularMDP,
        policy: Policy,
        theta: FloatArray,
        rng: Generator | None = None,  # noqa: ARG002  (nothing is sampled)
    ) -> GradientMoments:
        """Moments without bias or variance."""
        gradient = policy_gradient(mdp, policy, theta)
        nothing, zero = np.zeros_like(gradient), np.zeros(gradient.shape[:-1])
        return GradientMoments(
            mean=gradient,
            bias_smoothing=nothing,
            bias_inversion=nothing,
            variance_direction=zero,
            variance_trajectory=zero,
            variance_query=zero,
            mse=zero,
            standard_error=zero,
            clip_rate=zero,
        )
