"""REINFORCE and GPOMDP: policy gradients from the true rewards, for comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.random import Generator

from estimators.moments import GradientMoments
from estimators.rollouts import Trajectories, sample_trajectories
from estimators.streams import Streams
from estimators.visits import still_to_come, visit_sums
from theory.arrays import FloatArray
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.score_moments import (
    gpomdp_moments,
    gpomdp_second_moment,
    reinforce_moments,
    reinforce_second_moment,
)
from theory.values import expected_rewards, policy_gradient, policy_value, real_parameters
from theory.votes import require_count


class Baseline(StrEnum):
    """The constant subtracted from the return; all are exact, so they change the variance but not the mean."""

    NONE = "none"
    VALUE = "value"
    BEST = "best"


@dataclass(frozen=True)
class _ScoreFunction:
    n_per_estimate: int
    baseline: Baseline = Baseline.NONE

    def __post_init__(self) -> None:
        require_count("n_per_estimate", self.n_per_estimate)
        if self.baseline not in list(Baseline):
            raise InputError(f"baseline must be one of {', '.join(Baseline)}, got {self.baseline!r}")
        object.__setattr__(self, "baseline", Baseline(self.baseline))

    @property
    def n_trajectories(self) -> FloatArray:
        """Trajectories per estimate."""
        return np.array(float(self.n_per_estimate))

    @property
    def n_votes(self) -> FloatArray:
        """0: no votes are used."""
        return np.array(0.0)

    def estimate(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, rng: Generator | Streams) -> FloatArray:
        """Estimate of the gradient of V at theta, (..., dim) -> (..., dim)."""
        if math.isinf(self.n_per_estimate):
            raise InputError("n_per_estimate must be finite to draw an estimate, got inf; policy_gradient is its limit")
        streams = Streams.of(rng)
        theta = real_parameters(mdp, policy, theta)
        sampled = sample_trajectories(mdp, policy, theta, int(self.n_per_estimate), streams.trajectories)
        probabilities = policy.probabilities(theta)
        # Credits are added up by (stage, state, action), so that one product with the scores serves all trajectories.
        credit = self._credit(mdp, policy, theta, sampled) / self.n_per_estimate
        weights = visit_sums(mdp, sampled, policy.horizon or 1, credit)
        return policy.score_product(theta, probabilities, weights)

    def moments(
        self,
        mdp: TabularMDP,
        policy: Policy,
        theta: FloatArray,
        rng: Generator | None = None,  # noqa: ARG002  (nothing is sampled)
    ) -> GradientMoments:
        """Exact moments. The estimate is unbiased, and all variance is due to the trajectories.

        Parameters
        ----------
        mdp : TabularMDP
        policy : Policy
        theta : array (..., dim)
        rng : unused
        """
        theta = real_parameters(mdp, policy, theta)
        gradient = policy_gradient(mdp, policy, theta)
        second = np.array([self._second_moment(mdp, policy, row) for row in theta.reshape(-1, policy.dim)])
        variance = (second.reshape(theta.shape[:-1]) - (gradient**2).sum(axis=-1)) / self.n_per_estimate
        zero = np.zeros_like(variance)
        return GradientMoments(
            mean=gradient,
            bias_smoothing=np.zeros_like(gradient),
            bias_inversion=np.zeros_like(gradient),
            variance_direction=zero,
            variance_trajectory=variance,
            variance_query=zero,
            mse=variance,
            standard_error=zero,
            clip_rate=zero,
        )

    def covariance(self, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> FloatArray:
        """Exact covariance matrix of the estimate at one theta, (dim,) -> (dim, dim)."""
        gradient = policy_gradient(mdp, policy, theta)
        centred = self._second_moment_matrix(mdp, policy, theta) - np.outer(gradient, gradient)
        return np.asarray(centred / self.n_per_estimate)

    def _credit(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, sampled: Trajectories) -> FloatArray:
        """Factor of the score of each step, (H, ..., n)."""
        raise NotImplementedError

    def _second_moment(self, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> float:
        """E|g|^2 of the estimate from one trajectory, theta of shape (dim,)."""
        raise NotImplementedError

    def _second_moment_matrix(self, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> FloatArray:
        """E[g g'] of the estimate from one trajectory, theta of shape (dim,)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Reinforce(_ScoreFunction):
    """Mean over trajectories of (R - b) sum_h grad log pi(a_h|s_h).

    Parameters
    ----------
    n_per_estimate : int
        Trajectories per estimate.
    baseline : Baseline
        ``none``: b = 0; ``value``: b = V(theta); ``best``: the constant of least variance, E[R |S|^2] / E|S|^2.

    References
    ----------
    R. J. Williams, "Simple Statistical Gradient-Following Algorithms", Machine Learning 8 (1992).
    """

    def _constants(self, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> FloatArray:
        if self.baseline is Baseline.VALUE:
            return policy_value(mdp, policy, theta)
        constants = np.zeros(theta.shape[:-1])
        if self.baseline is Baseline.BEST:
            for run in np.ndindex(*constants.shape):
                constants[run] = reinforce_moments(mdp, policy, theta[run]).best_baseline
        return constants

    def _credit(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, sampled: Trajectories) -> FloatArray:
        centred = sampled.rewards.sum(axis=0) - self._constants(mdp, policy, theta)[..., None]
        return np.broadcast_to(centred, sampled.rewards.shape)

    def _second_moment(self, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> float:
        return reinforce_moments(mdp, policy, theta).second_moment(float(self._constants(mdp, policy, theta)))

    def _second_moment_matrix(self, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> FloatArray:
        return reinforce_second_moment(mdp, policy, theta, float(self._constants(mdp, policy, theta)))


@dataclass(frozen=True)
class Gpomdp(_ScoreFunction):
    """Mean over trajectories of sum_h (r_h - b_h) sum_{k <= h} grad log pi(a_k|s_k).

    Parameters
    ----------
    n_per_estimate : int
        Trajectories per estimate.
    baseline : Baseline
        ``none``: b_h = 0; ``value``: b_h = E r_h.

    Raises
    ------
    InputError
        If the baseline is ``best``, for which there is no closed form here.

    References
    ----------
    J. Baxter and P. L. Bartlett, "Infinite-Horizon Policy-Gradient Estimation", JAIR 15 (2001).
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.baseline is Baseline.BEST:
            raise InputError("baseline must be 'none' or 'value' for GPOMDP, got 'best'; Reinforce supports 'best'")

    def _constants(self, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> FloatArray:
        rewards = expected_rewards(mdp, policy, theta)
        return np.zeros_like(rewards) if self.baseline is Baseline.NONE else rewards

    def _credit(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, sampled: Trajectories) -> FloatArray:
        constants = np.moveaxis(self._constants(mdp, policy, theta), -1, 0)[..., None]
        # The score of a step is multiplied by the rewards from that step on.
        return still_to_come(sampled.rewards - constants)

    def _second_moment(self, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> float:
        return gpomdp_moments(mdp, policy, theta, self._constants(mdp, policy, theta))[1]

    def _second_moment_matrix(self, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> FloatArray:
        return gpomdp_second_moment(mdp, policy, theta, self._constants(mdp, policy, theta))
